"""What was skipped, counted by kind."""

import json
from pathlib import Path

import pytest

from ingest.diff import diff
from ingest.report import Skip, SyncReport
from ingest.scan import scan
from ingest.skip_reasons import EMPTY, LINK_OUT
from ingest.skipped_kinds import SkippedKind, in_words, kinds_of


def test_files_are_counted_by_suffix_and_reason(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for number in range(3):
        (docs / f"{number}.doc").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    for name in ("a.png", "B.PNG"):
        (docs / name).write_bytes(b"\x89PNG\r\n\x1a\n")
    (docs / "empty").touch()
    (docs / "words.txt").write_text("words")
    (docs / "out.txt").symlink_to(tmp_path / "else.txt")
    (tmp_path / "else.txt").touch()
    _, report = diff(scan(docs), {}, retry_failed=True)
    assert report.skipped_kinds == (
        SkippedKind(".doc", "OLE file, old or encrypted Microsoft Office", 3),
        SkippedKind(".png", "PNG image", 2),
        SkippedKind("", "empty", 1),
        SkippedKind(".txt", "links to a place outside the folder", 1),
    )
    assert in_words(report.skipped_kinds) == (
        "7 files: 3 .doc (OLE file, old or encrypted Microsoft Office), 2 .png (PNG image), "
        "1 without a suffix (empty), 1 .txt (links to a place outside the folder)"
    )
    assert json.loads(json.dumps(report.as_dict()))["skipped_kinds"][1] == {
        "suffix": ".png",
        "reason": "PNG image",
        "files": 2,
    }


def test_many_kinds_are_not_all_told() -> None:
    kinds = kinds_of((f"docs/a.x{number}", EMPTY) for number in range(20))
    assert in_words(kinds).endswith("1 .x15 (empty), and 12 more of other kinds, which -v lists")
    assert in_words(kinds).startswith("20 files: 1 .x0 (empty), ")


@pytest.mark.parametrize(
    ("source", "suffix"),
    [("docs/1709.host:2,S", ""), ("docs/v1/notes", ""), ("docs/a.TAR", ".tar"), ("docs/A sentence. And more", "")],
)
def test_a_suffix_is_no_part_of_a_name(source: str, suffix: str) -> None:
    (kind,) = SyncReport(skipped=(Skip(source, LINK_OUT),)).skipped_kinds
    assert kind.suffix == suffix
