"""An emptied folder, as of a share that is not mounted, empties no index unless that is asked for."""

import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingest import sync_cli
from ingest.deletions import check_deletions, why_refused
from ingest.documents import hash_bytes
from ingest.interrupts import Stop
from ingest.scan import scan
from ingest.status import folder_status
from retrieval import HybridIndex
from retrieval.errors import DeletionsRefusedError
from retrieval.types import DocumentRecord
from tests.ingesting import POOL, rebuild, sync

Open = Callable[..., HybridIndex]


def records(names: Sequence[str]) -> list[DocumentRecord]:
    return [
        replace(
            DocumentRecord.begun(f"docs/{name}", folder="docs", content_hash=hash_bytes(name.encode())),
            status="ready",
            size=len(name),
            chunk_ids=("a",),
        )
        for name in names
    ]


def is_refused(root: Path, names: Sequence[str], gone: Sequence[str]) -> bool:
    documents = records(names)
    going = [record for record in documents if record.source.removeprefix("docs/") in gone]
    new = [file for file in scan(root, name="docs").files if file.source not in {each.source for each in documents}]
    try:
        check_deletions(going, documents, new, root=root)
    except DeletionsRefusedError:
        return True
    return False


NAMES = [f"{n}.txt" for n in range(30)]


@pytest.mark.parametrize(
    ("count", "gone", "refused"),
    [(1, 1, True), (5, 5, True), (5, 4, False), (19, 18, False), (20, 10, False), (20, 11, True), (30, 16, True)],
)
def test_all_or_more_than_half_of_many_is_too_many(tmp_path: Path, count: int, gone: int, refused: bool) -> None:
    assert is_refused(tmp_path, NAMES[:count], NAMES[:gone]) is refused


def test_what_has_moved_or_is_there_twice_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "moved").mkdir()
    for name in NAMES[:3]:
        (tmp_path / "moved" / name).write_text(name)  # its content is its old name
    assert not is_refused(tmp_path, NAMES[:3], NAMES[:3])
    (tmp_path / "moved" / NAMES[0]).write_text("9.txt")
    assert not is_refused(tmp_path, NAMES[:3], NAMES[:3])
    for name in NAMES[:3]:
        (tmp_path / "moved" / name).write_text("x.txt")  # of the same size
    assert is_refused(tmp_path, NAMES[:3], NAMES[:3])
    documents = [replace(record, content_hash="1:same") for record in records(NAMES[:25])]
    check_deletions(documents[1:], documents, (), root=tmp_path)


def test_the_message_counts_what_the_report_counts(tmp_path: Path) -> None:
    """A document that has moved is deleted under its old source too."""
    for name in NAMES[:4]:
        (tmp_path / f"moved-{name}").write_text(name)
    documents = records(NAMES)
    new = scan(tmp_path, name="docs").files
    said = why_refused(documents[:25], documents, new, root=tmp_path)
    assert "would delete 25 of 30 documents" in said
    assert "(4 of them have moved)" in said
    assert "all 30 documents" in why_refused(documents, documents, new, root=tmp_path)
    assert why_refused(documents[:15], documents, new, root=tmp_path) == ""


def test_documents_that_no_search_returns_do_not_count(tmp_path: Path) -> None:
    documents = records(NAMES[:5])
    empty = replace(documents[0], source="docs/empty", chunk_ids=())
    check_deletions([empty], documents, (), root=tmp_path)
    with pytest.raises(DeletionsRefusedError, match="the only document"):
        check_deletions([*documents[:1], empty], documents[:1], (), root=tmp_path)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "guide").mkdir(parents=True)
    for n in range(3):
        (folder / "guide" / f"{n}.txt").write_text(f"Note {n} about gardens.")
    return folder


def empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def truncate(folder: Path) -> None:
    for path in folder.rglob("*.txt"):
        path.write_text("")


def ignore(folder: Path) -> None:
    (folder / ".gitignore").write_text("guide/\n")


def replace_all(folder: Path) -> None:
    empty(folder)
    (folder / "README.txt").write_text("The share is not mounted.")


def test_an_emptied_folder_is_refused_until_that_is_allowed(open_index: Open, docs: Path) -> None:
    shutil.copytree(docs, docs.with_name("whole"))
    with open_index() as index:
        sync(docs, index)
        for change, says in (
            (empty, "not in .*docs.*mount it"),
            (replace_all, "not in .*docs.*mount it"),
            (truncate, "files are there"),
            (ignore, "files are there.*ignore files"),
        ):
            change(docs)
            with pytest.raises(DeletionsRefusedError, match=rf"all 3 documents.*'docs'.*{says}.*--allow-deletions"):
                sync(docs, index)
            assert (len(index.documents()), len(index.search("gardens", mode="lexical"))) == (3, 3)
            planned = sync(docs, index, dry_run=True)
            assert (planned.deleted, "would delete all 3 documents" in planned.refused) == (3, True)
            assert folder_status(index)[0].refused == planned.refused
            assert sync(docs, index, dry_run=True, allow_deletions=True).refused == ""
            shutil.rmtree(docs)
            shutil.copytree(docs.with_name("whole"), docs)
        empty(docs)
        assert sync(docs, index, allow_deletions=True).deleted == 3
        assert not index.search("gardens", mode="lexical")


def test_a_choice_that_leaves_all_out_is_refused_and_a_renamed_folder_is_not(open_index: Open, docs: Path) -> None:
    with open_index() as index:
        sync(docs, index)
        with pytest.raises(DeletionsRefusedError, match="include, exclude"):
            sync(docs, index, include="*.md")
        (docs / "guide").rename(docs / "handbook")
        assert sync(docs, index, dry_run=True).refused == ""
        report = sync(docs, index)
        assert (report.added, report.deleted, report.tokens_embedded) == (3, 3, 0)


def test_a_rebuild_without_a_folders_files_is_refused(open_index: Open, docs: Path) -> None:
    with open_index() as index:
        sync(docs, index)
        path = index.path
    (docs / "guide").rename(docs / ".guide")
    with pytest.raises(DeletionsRefusedError):
        rebuild(path)
    (docs / ".guide").rename(docs / "guide")
    for file in (docs / "guide").iterdir():
        file.write_bytes(b"%PDF-1.4 damaged")
    with pytest.raises(DeletionsRefusedError, match="cannot be read"):
        rebuild(path)
    with open_index() as index:
        assert len(index.documents()) == 3
    assert len(rebuild(path, allow_deletions=True).failed) == 3


def test_watching_waits_until_the_files_are_back(
    open_index: Open, docs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sync_cli, "_RETRY_SECONDS", 0.05)
    with open_index() as index:
        sync(docs, index)
        path = index.path
    (docs / "guide").rename(docs / ".guide")
    stop = Stop()
    chosen = sync_cli._Choice(docs, None, None, None, False, False, POOL, None, stop)
    found: list[Any] = []

    def watch() -> None:
        for report, _ in sync_cli._syncs(chosen, path, None, dry_run=False, watch=True, verbose=False):
            found.append(report)
            stop.set()

    watching = threading.Thread(target=watch)
    watching.start()
    said = ""
    while "Trying again" not in said:
        said += capsys.readouterr().err
        watching.join(0.05)
    assert not found
    (docs / ".guide").rename(docs / "guide")
    watching.join(20)
    assert [(report.unchanged, report.deleted) for report in found] == [(3, 0)]
    assert said.count("would delete all 3 documents") == 1
