"""The doctor finds whatever disagrees, and what it repairs is as if it had been made anew."""

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

from ingest import add
from ingest.doctor import Finding, examine, in_words
from retrieval import Document, HybridIndex
from retrieval.chroma.store import Store
from retrieval.config import Config
from retrieval.directory.index_directory import IndexDirectory
from retrieval.encoders.seal import seal
from retrieval.errors import IndexDamagedError
from retrieval.fingerprint import Fingerprint
from retrieval.segments.manifest import Entry, Manifest
from retrieval.segments.reader import IndexReader
from retrieval.segments.sorted_keys import keys_of
from retrieval.segments.write_segment import Records, Rows, write_segment
from retrieval.types import Chunk, DocumentRecord, document_id
from tests.ingesting import sync

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
    with open_index(home / "index") as index:
        sync(docs, index, exclude=["*.log"])  # these are other files than those that were copied
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

    def rewrite(self, source: str, change: Callable[[Chunk], Chunk]) -> None:
        """Damage that no checksum tells of, such as that of a bug: a generation whose chunks of one document differ."""
        directory = IndexDirectory(self.path)
        pointer = directory.read_pointer()
        assert pointer is not None
        manifest = Manifest.read(directory.generations, pointer.generation)
        reader = IndexReader.open(directory.segments, manifest, Config())
        record = reader.record_of(source)
        assert record is not None
        rows = reader.rows_of_document(record.id)
        changed = Rows([change(reader.chunk(row)) for row in rows], reader.vectors[rows], ["english"] * len(rows))
        segment = write_segment(directory.segments, changed, Records([], []), context_header=True)
        live = [
            part.without(here[here >= 0], np.empty(0, np.intp)).saved(directory.segments)
            for part in reader.live
            if (here := part.segment.rows_of_ids(keys_of(record.chunk_ids))) is not None
        ]
        entries = [*(Entry(part.segment.name, part.deletions) for part in live), Entry(segment.name)]
        replace(manifest, segments=tuple(entries)).write(directory.generations)


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


def change_a_vector(body: Body) -> None:
    body.store._chunks.update(ids=body.rivers[:1], embeddings=[[1.0] + [0.0] * 383])


def change_a_record(body: Body) -> None:
    body.store.update_records([replace(body.records["docs/rain.md"], title="Mist")])


def change_what_a_memo_was_made_of(body: Body) -> None:
    body.store.put_records([body.records["memo"]], np.ones((1, 384), np.float32), ["Nobody wrote this."])


def leave_a_record_behind(body: Body) -> None:
    body.store.add_records([DocumentRecord.begun("nobody")], 384)


def change_a_text_that_is_shown(body: Body) -> None:
    body.rewrite("docs/bread.txt", lambda chunk: replace(chunk, text=chunk.text.replace("yeast", "sugar")))


def flip_a_bit_of_the_search_files(body: Body) -> None:
    for file in IndexDirectory(body.path).segments.glob("*.segment"):
        file.write_bytes(file.read_bytes().replace(b"yeast", b"ye\xffst"))


def lose_the_search_files(body: Body) -> None:
    shutil.rmtree(body.path / "segments")


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


LACKS = "Chroma lacks, or has otherwise, {} of the search files"
LEDGER = "Chroma's ledger lacks, or has otherwise, 1 document of the search files"
HURTS = [
    (lose_chunks, LACKS.format("2 chunks")),
    (lose_the_chunks_of_a_memo, LACKS.format("1 chunk")),
    (change_a_text, LACKS.format("1 chunk")),
    (change_an_order, LACKS.format("1 chunk")),
    (give_a_chunk_to_another_document, LACKS.format("1 chunk")),
    (change_a_vector, LACKS.format("1 chunk")),
    (leave_a_chunk_behind, "Chroma keeps 1 chunk that no document has"),
    (interrupt, LEDGER),
    (interrupt_a_memo, LEDGER),
    (change_a_record, LEDGER),
    (change_what_a_memo_was_made_of, LEDGER),
    (forget_a_document, LEDGER),
    (leave_a_record_behind, "Chroma's ledger has 1 document that the search files do not have"),
    (change_a_text_that_is_shown, "docs/bread.txt: 1 of 1 chunks are not what was written"),
    (remove_a_file, "docs/bread.txt: its file is gone"),
    (change_a_file, "docs/bread.txt: its file has changed since it was indexed"),
    (change_a_file_and_hide_it, "docs/bread.txt: its file has changed"),
    (bring_a_file, "docs/new.txt: its file is not indexed"),
]


@pytest.mark.parametrize(
    ("hurt", "words"),
    [pytest.param(*case, id=case[0].__name__, marks=[pytest.mark.slow] * (n > 0)) for n, case in enumerate(HURTS)],
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


def test_an_exported_model_that_was_altered_is_told_of_and_removed(
    body: Body, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pointer = IndexDirectory(body.path).read_pointer()
    assert pointer is not None
    weights = Fingerprint.from_json(pointer.fingerprint).weights
    whole, altered = (tmp_path / "hybrid-retrieval" / f"{weights[:16]}-{key}" for key in ("whole", "altered"))
    for export in (whole, altered):
        export.mkdir(parents=True)
        (export / "model.onnx").write_bytes(b"as it was made")
        seal(export)
    (altered / "model.onnx").write_bytes(b"as it is NOW!!")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (finding,) = examine_closed(body)
    assert str(altered) in finding.what and "altered" in finding.what and "--repair" in finding.action
    (mended,) = examine_closed(body, repair=True)
    assert (mended.what, mended.mended) == (finding.what, True)
    assert (whole.exists(), altered.exists()) == (True, False)


def examine_closed(body: Body, *, repair: bool = False) -> list[Finding]:
    """Chroma must be open once only."""
    body.store.close()
    try:
        return examine(body.path, repair=repair)
    finally:
        body.store = Store.open(IndexDirectory(body.path).chroma, Config())


@pytest.mark.parametrize(
    "hurt", [flip_a_bit_of_the_search_files, pytest.param(lose_the_search_files, marks=pytest.mark.slow)]
)
def test_search_files_that_cannot_be_read_are_mended_on_opening(body: Body, hurt: Callable[[Body], None]) -> None:
    hurt(body)
    (finding,) = examine_closed(body)
    assert finding.mended
    assert re.fullmatch(r"The search file \S+ (is altered: .*|cannot be read: it is missing)", finding.what)
    assert finding.action == "made again from Chroma"
    assert examine_closed(body) == []


@pytest.mark.slow
def test_a_folder_that_has_gone_cannot_be_mended(body: Body) -> None:
    shutil.rmtree(body.docs)
    lose_chunks(body)
    found = examine_closed(body, repair=True)
    assert any(finding.what == LACKS.format("2 chunks") and finding.mended for finding in found), "no file is needed"
    assert any(
        "the folder docs: " in finding.what and "sync it from where it is" in finding.action for finding in found
    )
    again = examine_closed(body)
    assert [finding.what.split(":")[0] for finding in again] == ["the folder docs"]


@pytest.mark.slow
def test_a_document_whose_file_cannot_be_read_any_more_stays(open_index: Open, body: Body) -> None:
    lose_chunks(body)
    (body.docs / "rivers.txt").write_bytes(b"%PDF-1.4 and nothing else")
    found = examine_closed(body, repair=True)
    assert any(finding.what == LACKS.format("2 chunks") and finding.mended for finding in found)
    assert examine_closed(body) == [], "it is a known failure now"
    with open_index(body.path) as index:
        assert {record.source: record.status for record in index.documents()}[RIVERS] == "failed"
        assert any(hit.source == RIVERS for hit in index.search("river mills", mode="lexical"))


@pytest.mark.slow
def test_a_lost_pointer_and_lost_chunks_are_mended_together(open_index: Open, body: Body) -> None:
    lose_chunks(body)
    (body.path / "retrieval-index.json").unlink()
    with pytest.raises(IndexDamagedError, match="doctor --repair"):
        open_index(body.path)
    assert all(finding.mended for finding in examine_closed(body, repair=True))
    assert examine_closed(body) == []


@pytest.mark.slow
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
    way_out = "`ingest sync` or --repair brings the index in step"
    assert told == [
        (False, f"75 files are not indexed, such as docs/new-00.txt; {way_out}"),
        (False, f"docs/bread.txt: its file is gone; {way_out}"),
    ]


@pytest.mark.slow
def test_a_repair_tells_of_its_progress(path: Path, docs: Path) -> None:
    (docs / "new.txt").write_text("Something new.")
    heard: list[int] = []
    examine(path, repair=True, on_progress=lambda progress: heard.append(progress.documents))
    assert heard[-1] == 2, "the new file, and the one that fails again"
