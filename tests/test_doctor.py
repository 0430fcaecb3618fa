"""The doctor finds whatever disagrees, and what it repairs is as if it had been made anew."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from equality import assert_same, told_by

from ingest import add, sync
from ingest.doctor import Finding, examine, in_words
from retrieval import Document, HybridIndex
from retrieval.chroma.store import Store
from retrieval.config import Config
from retrieval.directory.index_directory import IndexDirectory
from retrieval.errors import IndexDamagedError
from retrieval.lexical import LexicalIndex
from retrieval.segments.reader import MANIFEST, seal_of
from retrieval.types import document_id

Open = Callable[..., HybridIndex]

MEMO = Document("memo", "The boiler was serviced in May.", metadata={"team": "house"})
RIVERS = "docs/rivers.txt"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def healthy() -> dict[str, Any]:
    """What the index of `docs` tells before anything is done to it."""
    return {}


def make_docs(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "rivers.txt").write_text("\n\n".join(f"River {n} " + f"runs past {n} mills. " * 60 for n in range(5)))
    (folder / "rain.md").write_text("# Rain\n\nRain falls from clouds.\n")
    (folder / "bread.txt").write_text("Bread rises because yeast eats sugar.\n")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 and nothing else")
    (folder / "left-out.log").write_text("Nobody asked for this.")
    for file in folder.iterdir():
        os.utime(file, (1_700_000_000, 1_700_000_000))


@pytest.fixture
def docs(home: Path) -> Path:
    return home / "docs"


@pytest.fixture
def path(open_index: Open, home: Path, docs: Path, healthy: dict[str, Any]) -> Path:
    """A healthy index of a folder and a document from memory; one file of the folder is known to fail. Made once."""
    template = home / "template"
    if not template.exists():
        make_docs(docs)
        with open_index(home / "index") as index:
            report = sync(docs, index, exclude=["*.log"])
            assert (report.added, len(report.failed)) == (3, 1)
            add([MEMO], index)
            with index.writing() as writer:  # copies of the folder are then as good as it
                writer.begin()
                writer.update_records([replace(record, ctime_ns=0, inode=0) for record in index.documents()])
            healthy.update(told_by(index))
        for name in ("docs", "index"):
            shutil.move(home / name, template / name)
    for name in ("docs", "index"):
        shutil.rmtree(home / name, ignore_errors=True)
        shutil.copytree(template / name, home / name)
    return home / "index"


class Body:
    """An index to be hurt, and its folder."""

    def __init__(self, path: Path, docs: Path) -> None:
        self.path = path
        self.docs = docs
        self.store = Store.open(IndexDirectory(path).chroma, Config())
        self.records = {record.source: record for record in self.store.records()}

    @property
    def rivers(self) -> list[str]:
        return list(self.records[RIVERS].chunk_ids)

    @property
    def snapshot(self) -> Path:
        return next((self.path / "snapshots").iterdir())

    def reseal(self) -> None:
        """Damage that no checksum tells of, such as that of a bug."""
        manifest = json.loads((self.searcher().reader / MANIFEST).read_text())
        manifest["files"] = {name: seal_of(self.searcher().reader / name) for name in manifest["files"]}
        (self.searcher().reader / MANIFEST).write_text(json.dumps(manifest))


@pytest.fixture
def body(path: Path, docs: Path) -> Iterator[Body]:
    body = Body(path, docs)
    yield body
    body.store.close()


def lose_chunks(body: Body) -> None:
    body.store.delete_chunks(body.rivers[1:3])


def lose_the_chunks_of_a_memo(body: Body) -> None:
    body.store.delete_chunks(body.records["memo"].chunk_ids)


def change_a_text(body: Body) -> None:
    body.store._chunks.update(ids=body.rivers[:1], documents=["Nobody wrote this."], embeddings=[[1.0] * 384])


def change_an_order(body: Body) -> None:
    body.store._chunks.update(ids=body.rivers[:1], metadatas=[{"ordinal": 7}])


def give_a_chunk_to_another_document(body: Body) -> None:
    body.store._chunks.update(ids=body.rivers[-1:], metadatas=[{"document_id": document_id("docs/bread.txt")}])


def leave_a_chunk_behind(body: Body) -> None:
    ((chunk,), vectors), *_ = body.store.read_chunks(body.rivers[:1])
    body.store.put_chunks([replace(chunk, id="f" * 32)], vectors, {})


def interrupt(body: Body) -> None:
    body.store.update_records([replace(body.records[RIVERS], status="indexing")])


def interrupt_a_memo(body: Body) -> None:
    body.store.update_records([replace(body.records["memo"], status="indexing")])


def forget_a_document(body: Body) -> None:
    body.store.delete_records([document_id(RIVERS)])


def change_a_vector_that_is_shown(body: Body) -> None:
    vectors = np.load(body.searcher().reader / "vectors.npy")
    vectors[2] = -vectors[2]
    np.save(body.searcher().reader / "vectors.npy", vectors)
    body.reseal()


def change_a_text_that_is_shown(body: Body) -> None:
    texts = body.searcher().reader / "texts.bin"
    texts.write_bytes(texts.read_bytes().replace(b"yeast", b"sugar"))
    body.reseal()


def change_a_place_that_is_shown(body: Body) -> None:
    rows = body.searcher().reader / "rows.bin"
    rows.write_bytes(rows.read_bytes().replace(b'"line_start": 1', b'"line_start": 9', 1))
    body.reseal()


def change_a_record_that_is_shown(body: Body) -> None:
    records = body.searcher().reader / "records.bin"
    records.write_bytes(records.read_bytes().replace(b'"title": "Rain"', b'"title": "Mist"'))
    body.reseal()


def change_the_postings(body: Body) -> None:
    lexical = LexicalIndex.load(body.searcher().reader / "lexical", mmap=False)
    lexical.delete([0])
    lexical.add([["something", "else"]])
    lexical.save(body.searcher().reader / "lexical")
    body.reseal()


def flip_a_bit_of_the_search_files(body: Body) -> None:
    texts = body.searcher().reader / "texts.bin"
    texts.write_bytes(texts.read_bytes().replace(b"yeast", b"ye\xffst"))


def lose_the_search_files(body: Body) -> None:
    shutil.rmtree(body.path / "snapshots")


def remove_a_file(body: Body) -> None:
    (body.docs / "bread.txt").unlink()


def change_a_file(body: Body) -> None:
    (body.docs / "bread.txt").write_text("Beer needs yeast too.")


def change_a_file_and_hide_it(body: Body) -> None:
    file = body.docs / "bread.txt"
    before = file.stat()
    file.write_text(file.read_text().replace("sugar", "honey"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def bring_a_file(body: Body) -> None:
    (body.docs / "new.txt").write_text("Something new.")


HURTS = [
    (lose_chunks, r"docs/rivers.txt: 2 of \d+ chunks are missing"),
    (lose_the_chunks_of_a_memo, "memo: 1 of 1 chunks are missing"),
    (change_a_text, r"docs/rivers.txt: 1 of \d+ chunks are not what was written"),
    (change_an_order, r"docs/rivers.txt: 1 of \d+ chunks are not what was written"),
    (give_a_chunk_to_another_document, r"docs/rivers.txt: 1 of \d+ chunks are not what was written"),
    (leave_a_chunk_behind, "1 chunk belongs to no document"),
    (interrupt, "docs/rivers.txt: indexing was interrupted"),
    (interrupt_a_memo, "memo: indexing was interrupted"),
    (forget_a_document, "the search files differ from the ledger in 1 document"),
    (change_a_vector_that_is_shown, "the search files differ from Chroma in 1 chunk"),
    (change_a_text_that_is_shown, "the search files differ from Chroma in 1 chunk"),
    (change_a_place_that_is_shown, "the search files differ from Chroma in 1 chunk"),
    (change_a_record_that_is_shown, "the search files differ from the ledger in 1 document"),
    (change_the_postings, "the BM25 index is not that of the texts"),
    (remove_a_file, "docs/bread.txt: its file is gone"),
    (change_a_file, "docs/bread.txt: its file has changed since it was indexed"),
    (change_a_file_and_hide_it, "docs/bread.txt: its file has changed, though not its size and time"),
    (bring_a_file, "docs/new.txt: its file is not indexed"),
]


@pytest.mark.parametrize(
    ("hurt", "words"),
    [pytest.param(*case, id=case[0].__name__, marks=[pytest.mark.slow] * (n % 2)) for n, case in enumerate(HURTS)],
)
def test_what_disagrees_is_found_and_mended(
    open_index: Open, body: Body, healthy: dict[str, Any], hurt: Callable[[Body], None], words: str
) -> None:
    hurt(body)
    found = examine_closed(body)
    assert any(re.match(words, finding.what) for finding in found), found
    assert not any(finding.mended for finding in found)
    mended = examine_closed(body, repair=True)
    assert [finding.what for finding in mended] == [finding.what for finding in found], "looking changed something"
    assert all(finding.mended for finding in mended), mended
    told = [(finding.action, again.action) for finding, again in zip(found, mended, strict=True)]
    assert all("--repair" in would and "--repair" not in done for would, done in told), told
    assert examine_closed(body) == []
    with open_index(body.path) as index:
        if "file" not in hurt.__name__:
            assert_same(told_by(index), healthy)
            return
        with open_index("fresh") as fresh:
            sync(body.docs, fresh, exclude=["*.log"])
            add([MEMO], fresh)
            assert_same(told_by(index), told_by(fresh))


def test_a_healthy_index_has_no_findings(body: Body) -> None:
    assert examine_closed(body) == [], "that a file is known to fail is no disagreement"


def examine_closed(body: Body, *, repair: bool = False) -> list[Finding]:
    """Chroma must be open once only."""
    body.store.close()
    try:
        return examine(body.path, repair=repair)
    finally:
        body.store = Store.open(IndexDirectory(body.path).chroma, Config())


@pytest.mark.parametrize("hurt", [flip_a_bit_of_the_search_files, lose_the_search_files])
def test_search_files_that_cannot_be_read_are_mended_on_opening(body: Body, hurt: Callable[[Body], None]) -> None:
    hurt(body)
    (finding,) = examine_closed(body)
    assert finding.mended
    assert re.fullmatch(r"The snapshot \S+ is damaged: (texts\.bin|manifest\.json is missing)", finding.what)
    assert finding.action == "built again from Chroma"
    assert examine_closed(body) == []


def test_a_folder_that_has_gone_cannot_be_mended(body: Body) -> None:
    shutil.rmtree(body.docs)
    lose_chunks(body)
    found = examine_closed(body, repair=True)
    assert any("docs/rivers.txt: 2 of" in finding.what and not finding.mended for finding in found)
    assert any(
        "the folder docs: " in finding.what and "sync it from where it is" in finding.action for finding in found
    )
    again = examine_closed(body)
    assert [finding.what.split(":")[0] for finding in again] == ["docs/rivers.txt", "the folder docs"]


def test_a_document_whose_file_cannot_be_read_any_more_says_why(open_index: Open, body: Body) -> None:
    lose_chunks(body)
    (body.docs / "rivers.txt").write_bytes(b"%PDF-1.4 and nothing else")
    found = examine_closed(body, repair=True)
    assert any("docs/rivers.txt: 2 of" in f.what and "PDF" in f.action and not f.mended for f in found)
    assert examine_closed(body) == [], "it is a known failure now"
    with open_index(body.path) as index:
        assert {record.source: record.status for record in index.documents()}[RIVERS] == "failed"


def test_a_lost_pointer_and_lost_chunks_are_mended_together(open_index: Open, body: Body) -> None:
    lose_chunks(body)
    (body.path / "retrieval-index.json").unlink()
    with pytest.raises(IndexDamagedError, match="doctor --repair"):
        open_index(body.path)
    assert all(finding.mended for finding in examine_closed(body, repair=True))
    assert examine_closed(body) == []


def test_a_pointer_to_a_chroma_that_is_gone_takes_the_one_that_is_there(path: Path) -> None:
    shutil.move(path / "chroma", path / "chroma-01234567")
    (found,) = examine(path)
    assert (found.mended, "chroma-01234567 beside it has one" in found.what) == (False, True)
    assert all(finding.mended for finding in examine(path, repair=True))
    assert examine(path) == []


def test_many_findings_of_one_kind_are_one_line(body: Body) -> None:
    remove_a_file(body)
    for n in range(75):
        (body.docs / f"new-{n:02}.txt").write_text(f"Something new, number {n}.")
    told = list(in_words(examine_closed(body)))
    way_out = "`ingest sync`, or --repair, brings the index in step"
    assert told == [
        (False, f"75 files are not indexed, such as docs/new-00.txt; {way_out}"),
        (False, f"docs/bread.txt: its file is gone; {way_out}"),
    ]


def test_a_file_whose_indexing_was_interrupted_is_told_of_once(body: Body) -> None:
    body.store.update_records([replace(body.records[RIVERS], status="indexing", content_hash="", chunk_ids=())])
    about_it = [finding for finding in examine_closed(body) if finding.what.startswith(RIVERS)]
    assert [finding.what for finding in about_it] == [f"{RIVERS}: indexing was interrupted"]


def test_a_repair_tells_of_its_progress(path: Path, docs: Path) -> None:
    (docs / "new.txt").write_text("Something new.")
    heard: list[int] = []
    examine(path, repair=True, on_progress=lambda progress: heard.append(progress.documents))
    assert heard[-1] == 2, "the new file, and the one that fails again"


def test_chunks_are_read_page_by_page(body: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.checks._PAGE", 2)
    read: list[int] = []
    read_chunks = Store.read_chunks
    monkeypatch.setattr(Store, "read_chunks", lambda store, ids: (read.append(len(ids)), read_chunks(store, ids))[1])
    assert examine_closed(body) == []
    assert sum(read) == sum(len(record.chunk_ids) for record in body.records.values())
    assert max(read) == 2
