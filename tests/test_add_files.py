"""Single files are indexed like those of a folder, and kept like documents made in memory."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ingest import add
from retrieval.config import Config
from retrieval.errors import SyncedSourceError
from retrieval.index import HybridIndex
from retrieval.types import Document, document_id
from tests.ingesting import add_files, sync

Open = Callable[..., HybridIndex]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Sources and paths that have nothing to do with each other."""
    (tmp_path / "0").write_text("# Hail\n\nHail is ice.\n")
    (tmp_path / "1").write_bytes(b"%PDF-1.7 and no more")
    return {"mail/hail.md": tmp_path / "0", "mail/broken.pdf": tmp_path / "1"}


def test_a_source_says_how_a_file_is_read_and_its_path_does_not(open_index: Open, files: dict[str, Path]) -> None:
    index = open_index()
    report = add_files(files, index)
    assert (report.added, [failure.source for failure in report.failed]) == (1, ["mail/broken.pdf"])
    (hit,) = index.search("ice")
    assert (hit.source, hit.title, hit.line_start) == ("mail/hail.md", "Hail", 1)
    assert "Hail is ice." in index.searcher().reader.content(document_id("mail/hail.md"))


@pytest.mark.slow
def test_a_file_that_did_not_change_costs_nothing_and_one_that_did_is_replaced(
    open_index: Open, files: dict[str, Path]
) -> None:
    index = open_index()
    add_files(files, index)
    again = add_files(files, index)
    assert (again.unchanged, again.added, again.tokens_embedded) == (1, 0, 0)
    files["mail/hail.md"].write_text("Hail melts.\n")
    assert add_files(files, index).updated == 1
    assert [hit.text for hit in index.search("hail")] == ["Hail melts."]


def test_a_file_that_is_too_large_is_reported(open_index: Open, files: dict[str, Path]) -> None:
    report = add_files(files, open_index(config=Config(max_file_mb=0.00001)))
    assert [failure.source for failure in report.failed] == sorted(files)
    assert all("max_file_mb" in failure.reason for failure in report.failed)


def in_step_with_mail(open_index: Open, tmp_path: Path, name: str, text: str) -> HybridIndex:
    """An index of a folder `mail` with one file."""
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / name).write_text(text)
    index = open_index()
    sync(tmp_path / "mail", index)
    return index


def test_what_a_folder_has_is_not_replaced(open_index: Open, files: dict[str, Path], tmp_path: Path) -> None:
    index = in_step_with_mail(open_index, tmp_path, "hail.md", "Hail from the folder.")
    with pytest.raises(SyncedSourceError, match="synced folder 'mail'"):
        add_files(files, index)


def test_the_name_that_a_folders_next_file_may_need_is_not_taken(
    open_index: Open, files: dict[str, Path], tmp_path: Path
) -> None:
    index = in_step_with_mail(open_index, tmp_path, "snow.md", "Snow from the folder.")
    with pytest.raises(SyncedSourceError, match="the name of the synced folder 'mail'"):
        add_files(files, index)
    with pytest.raises(SyncedSourceError, match="sync, or use another source"):
        add([Document("mail/new.md", "Planted.")], index)
    assert add([Document("mailbox/new.md", "Elsewhere.")], index).added == 1
    (tmp_path / "mail" / "hail.md").write_text("Hail from the folder.")
    assert sync(tmp_path / "mail", index).added == 1
