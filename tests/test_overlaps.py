"""Files that two synced folders share."""

from dataclasses import replace
from pathlib import Path

import pytest

from ingest.overlaps import shared_files
from ingest.scan import Scan, ScannedFile
from retrieval.types import DocumentRecord, SyncedFolder


def scanned(root: str, *below: str) -> Scan:
    name = Path(root).name
    files = [ScannedFile(f"{name}/{path}", f"{root}/{path}", 1, 1) for path in below]
    return Scan(Path(root), name, tuple(files), ())


def recorded(folder: str, *below: str) -> list[DocumentRecord]:
    records = [DocumentRecord.begun(f"{folder}/{path}", folder=folder) for path in below]
    return [replace(record, chunk_ids=("chunk",)) for record in records]


@pytest.mark.parametrize(
    ("new", "other", "records", "shared"),
    [
        (scanned("/yard/book", "a.md", "b/c.md"), "/yard", recorded("old", "book/a.md", "book/b/c.md", "d.md"), 2),
        (scanned("/yard", "book/a.md", "d.md"), "/yard/book", recorded("old", "a.md", "gone.md"), 1),
        (scanned("/yard", "a.md"), "/yard", recorded("old", "a.md"), 1),  # one folder under two names
        (scanned("/yard", "a.md"), "/yard2", recorded("old", "a.md"), 0),
        (scanned("/yard", "d.md"), "/yard/book", recorded("old", "a.md"), 0),  # the new one excludes the other
        (scanned("/yard/book", "a.md"), "/yard", recorded("old", "a.md"), 0),  # the other excludes the new one
        (scanned("/yard/book", "a.md"), "/yard", [DocumentRecord.begun("old/book/a.md", folder="old")], 0),
        (scanned("/yard/book", "a.md"), "/yard", [replace(one, folder="") for one in recorded("old", "book/a.md")], 0),
    ],
)
def test_only_files_that_both_folders_have_are_shared(
    new: Scan, other: str, records: list[DocumentRecord], shared: int
) -> None:
    assert shared_files(new, records, {"old": SyncedFolder(other)}) == ({"old": shared} if shared else {})


def test_a_folder_shares_nothing_with_itself() -> None:
    assert shared_files(scanned("/yard", "a.md"), recorded("yard", "a.md"), {"yard": SyncedFolder("/yard")}) == {}
