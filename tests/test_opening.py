"""What lies at a scanned path when it is read may be something else than the scan saw."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.diff import diff
from ingest.documents import hash_bytes
from ingest.opening import hash_file, open_file
from ingest.plan import seen
from ingest.scan import ScannedFile, scan
from retrieval.errors import LoadError
from retrieval.types import DocumentRecord


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "guide" / "deep").mkdir(parents=True)
    (folder / "guide" / "deep" / "rain.txt").write_text("Rain falls.")
    (tmp_path / "private" / "deep").mkdir(parents=True)
    (tmp_path / "private" / "deep" / "rain.txt").write_text("Nobody's business.")
    return folder


def only_file(folder: Path) -> ScannedFile:
    (file,) = scan(folder).files
    return file


def read(file: ScannedFile) -> bytes:
    with open_file(file.path, root=file.root) as opened:
        return opened.read()


def link_file(path: Path, outside: Path) -> None:
    path.unlink()
    path.symlink_to(outside / "deep" / "rain.txt")


def link_folder(path: Path, outside: Path) -> None:
    path.parent.rename(path.parent.with_name("old"))
    path.parent.symlink_to(outside / "deep")


def link_higher_folder(path: Path, outside: Path) -> None:
    path.parent.parent.rename(path.parent.parent.with_name("old"))
    path.parent.parent.symlink_to(outside)


def link_to_a_file_within(path: Path, _: Path) -> None:
    (path.parent / "snow.txt").write_text("Snow.")
    path.unlink()
    path.symlink_to("snow.txt")


def fifo(path: Path, _: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder_in_its_place(path: Path, _: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("exchange", "says"),
    [
        (link_file, "link"),
        (link_folder, "link"),
        (link_higher_folder, "link"),
        (link_to_a_file_within, "link"),
        (fifo, "a FIFO"),
        (folder_in_its_place, "not a file"),
    ],
)
def test_nothing_but_a_file_below_the_folder_is_read(
    docs: Path, exchange: Callable[[Path, Path], None], says: str
) -> None:
    file = only_file(docs)
    exchange(Path(file.path), docs.parent / "private")
    with pytest.raises(LoadError, match=says):
        read(file)


@pytest.mark.parametrize("exchange", [link_file, link_folder, link_higher_folder, fifo])
def test_finding_out_what_has_changed_follows_no_link_and_waits_for_no_fifo(
    docs: Path, exchange: Callable[[Path, Path], None]
) -> None:
    before = scan(docs)
    (file,) = before.files
    record = DocumentRecord.begun(file.source, folder="docs", content_hash=hash_bytes(b"Rain falls."))
    ledger = {file.source: replace(seen(file, record), status="ready", mtime_ns=1)}
    exchange(Path(file.path), docs.parent / "private")
    todo, report = diff(before, ledger, retry_failed=True)
    assert [file.source for file in todo.update] == ["docs/guide/deep/rain.txt"]
    assert not report.skipped


def test_a_file_that_an_editor_has_replaced_is_read(docs: Path) -> None:
    file = only_file(docs)
    (docs / "new").write_text("Rain falls more.")
    (docs / "new").rename(file.path)
    assert read(file) == b"Rain falls more."


def test_a_link_that_the_scan_takes_is_read_and_cannot_be_redirected(docs: Path) -> None:
    (docs / ".hidden").mkdir()
    (docs / "guide" / "deep" / "rain.txt").rename(docs / ".hidden" / "rain.txt")
    (docs / "link.txt").symlink_to(".hidden/rain.txt")
    file = only_file(docs)
    assert (file.source, read(file)) == ("docs/link.txt", b"Rain falls.")
    (docs / "link.txt").unlink()
    (docs / "link.txt").symlink_to(docs.parent / "private" / "deep" / "rain.txt")
    assert read(file) == b"Rain falls."


def test_a_folder_that_is_reached_by_a_link_is_read(docs: Path) -> None:
    (docs.parent / "shortcut").symlink_to(docs)
    assert read(only_file(docs.parent / "shortcut")) == b"Rain falls."


def test_a_hash_is_of_no_more_than_was_scanned(docs: Path) -> None:
    file = only_file(docs)
    assert hash_file(file) == hash_bytes(b"Rain falls.")
    with Path(file.path).open("a") as opened:
        opened.write(" And falls.")
    assert hash_file(file) == ""
    assert hash_file(only_file(docs)) == hash_bytes(b"Rain falls. And falls.")


def test_no_descriptor_is_left_open(docs: Path) -> None:
    def opened() -> list[str]:
        targets = [os.path.realpath(descriptor) for descriptor in Path("/proc/self/fd").iterdir()]
        return [target for target in targets if target.startswith(str(docs.parent))]

    file = only_file(docs)
    read(file)
    for exchange in (fifo, folder_in_its_place, link_folder):
        if exchange is folder_in_its_place:
            Path(file.path).unlink()
            Path(file.path).write_text("")
        exchange(Path(file.path), docs.parent / "private")
        with pytest.raises(LoadError):
            read(file)
    assert opened() == []
