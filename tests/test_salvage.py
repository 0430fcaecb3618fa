"""Chroma is lost and search files are damaged too: what any file still holds is saved, and what is lost is named."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ingest import add
from ingest.doctor import examine
from retrieval import Document, HybridIndex
from retrieval.directory.index_directory import IndexDirectory
from retrieval.errors import IndexDamagedError
from retrieval.segments.live_segment import LiveSegment
from retrieval.segments.pack import Pack
from tests.ingesting import sync

Open = Callable[..., HybridIndex]

MEMO = Document("memo", "The boiler was serviced in May.")
FILES = {
    "rain.md": "# Rain\n\nRain falls from clouds.\n",
    "bread.txt": "Bread rises because yeast eats sugar.\n",
    "mill.txt": "The mill grinds rye and wheat.\n",
    "lamp.txt": "The lamp was changed in June.\n",
}
ALL = {"memo", *(f"docs/{name}" for name in FILES)}


@pytest.fixture
def path(open_index: Open, tmp_path: Path) -> Path:
    """Three segments: of a memo, of a folder, and of a new version of one of its files, the old one deleted."""
    docs = tmp_path / "docs"
    docs.mkdir()
    for name, text in FILES.items():
        (docs / name).write_text(text)
    path = tmp_path / "index"
    with open_index(path) as index:
        add([MEMO], index)
        sync(docs, index)
        (docs / "bread.txt").write_text(FILES["bread.txt"].replace("sugar", "honey"))
        sync(docs, index)
        assert len(index.searcher().reader.live) == 3
    return path


def segment_of(path: Path, source: str, open_index: Open) -> Path:
    """The file that has the record of the document."""
    with open_index(path, read_only=True) as index:
        live: list[LiveSegment] = [
            part
            for part in index.searcher().reader.live
            if any(part.segment.record(at).source == source for at in part.record_places)
        ]
    return path / "segments" / live[0].segment.name


def lose_chroma(path: Path) -> None:
    (path / "chroma" / "chroma.sqlite3").unlink()


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def told(path: Path, *, repair: bool = False) -> str:
    return "\n".join(f"{finding.what}; {finding.action}" for finding in examine(path, repair=repair))


def sources(path: Path, open_index: Open) -> set[str]:
    with open_index(path) as index:
        return {record.source for record in index.documents() if record.status == "ready"}


@pytest.mark.slow
def test_what_whole_segments_hold_is_saved(open_index: Open, path: Path) -> None:
    damaged = segment_of(path, "docs/rain.md", open_index)
    lose_chroma(path)
    cut(damaged)
    with pytest.raises(IndexDamagedError, match="ingest doctor"), open_index(path) as index:
        index.search("boiler")
    before = told(path)
    assert "made of what can be read of the search files" in before
    assert "3 documents of docs had their records" in before
    assert "from memory" not in before
    assert "made again from the new Chroma" in told(path, repair=True)
    assert sources(path, open_index) == ALL
    with open_index(path) as index:
        assert index.search("honey")[0].source == "docs/bread.txt"
        assert not any("sugar" in hit.text for hit in index.search("sugar"))
    assert examine(path) == []
    (aside,) = path.glob("damaged-*")
    assert (aside / "segments" / damaged.name).is_file()


@pytest.mark.slow
def test_a_folder_whose_records_are_all_lost_is_synced(open_index: Open, tmp_path: Path) -> None:
    docs, path = tmp_path / "docs", tmp_path / "index"
    docs.mkdir()
    (docs / "mill.txt").write_text(FILES["mill.txt"])
    with open_index(path) as index:
        sync(docs, index)
        add([MEMO], index)
    damaged = segment_of(path, "docs/mill.txt", open_index)
    lose_chroma(path)
    cut(damaged)
    assert "1 document of docs" in told(path)
    assert "indexed again from" in told(path, repair=True)
    assert sources(path, open_index) == {"memo", "docs/mill.txt"}


@pytest.mark.slow
def test_an_emptied_folder_does_not_stop_the_repair(open_index: Open, path: Path) -> None:
    damaged = segment_of(path, "docs/rain.md", open_index)
    lose_chroma(path)
    cut(damaged)
    for file in (path.parent / "docs").iterdir():
        file.unlink()
    assert "This would delete" in told(path, repair=True)
    assert sources(path, open_index) == {"memo", "docs/bread.txt"}


@pytest.mark.slow
def test_a_lost_memo_is_named(open_index: Open, path: Path) -> None:
    damaged = segment_of(path, "memo", open_index)
    lose_chroma(path)
    damaged.unlink()
    assert "1 document added from memory had their records" in told(path)
    assert "add them again, or restore a backup" in told(path, repair=True)
    assert sources(path, open_index) == ALL - {"memo"}


@pytest.mark.slow
def test_a_memo_with_altered_vectors_is_made_of_what_it_was(
    open_index: Open, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = segment_of(path, "memo", open_index)
    _, _, offset, _ = Pack(damaged)._arrays["vectors"]
    lose_chroma(path)
    with damaged.open("r+b") as file:
        file.seek(offset + 2)
        file.write(b"\xff\xff")
    told(path, repair=True)
    assert not any("ingest doctor" in message for message in caplog.messages), "it is running"
    assert sources(path, open_index) == ALL
    with open_index(path) as index:
        assert index.search("boiler", mode="dense")[0].source == "memo"


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["generations/*.json", "generations", "segments/*.deletions"])
def test_what_the_segments_hold_survives_without(open_index: Open, path: Path, pattern: str) -> None:
    lose_chroma(path)
    for found in list(path.glob(pattern)):
        shutil.rmtree(found) if found.is_dir() else found.unlink()
    told(path, repair=True)
    assert sources(path, open_index) >= {"memo"}
    with open_index(path) as index:
        sync(path.parent / "docs", index)
        assert [hit.source for hit in index.search("honey", top_k=1)] == ["docs/bread.txt"]
        assert not any("sugar" in hit.text for hit in index.search("sugar"))
    assert examine(path) == []


@pytest.mark.slow
def test_versions_of_a_document_in_several_segments_are_one(open_index: Open, path: Path) -> None:
    directory = IndexDirectory(path)
    pointer = directory.read_pointer()
    assert pointer is not None
    directory.write_pointer(replace(pointer, generation="", writing=True))
    for file in path.glob("segments/*.deletions"):
        file.unlink()
    lose_chroma(path)
    told(path, repair=True)
    assert sources(path, open_index) == ALL
    with open_index(path) as index:
        assert [hit.source for hit in index.search("honey", top_k=1)] == ["docs/bread.txt"]
    assert examine(path, repair=True) == []


@pytest.mark.slow
def test_pointer_and_chroma_are_both_gone(open_index: Open, path: Path) -> None:
    shutil.rmtree(path / "chroma")
    (path / "retrieval-index.json").unlink()
    with pytest.raises(IndexDamagedError, match="empty directory chroma"):
        examine(path, repair=True)
    (path / "chroma").mkdir()
    told(path, repair=True)
    assert sources(path, open_index) == ALL


def test_nothing_is_left(open_index: Open, path: Path) -> None:
    lose_chroma(path)
    for file in path.glob("segments/*"):
        cut(file)
    for repair in (False, True):
        with pytest.raises(IndexDamagedError, match=r"no search file can take its place; restore .* from a backup"):
            examine(path, repair=repair)
