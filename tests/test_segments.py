"""Whatever was committed, deleted and merged since: a reader tells what one of an index that is made afresh tells."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval.chroma.store import State
from retrieval.config import Config
from retrieval.directory.index_directory import IndexDirectory
from retrieval.fingerprint import Fingerprint
from retrieval.lexical import postings
from retrieval.segments import block, merge_policy
from retrieval.segments.manifest import Manifest
from retrieval.segments.merger import Merger
from retrieval.segments.pack import Pack
from retrieval.segments.reader import IndexReader
from retrieval.types import Chunk, DocumentRecord, SyncedFolder, digest, document_id
from retrieval.writer.backlog import Backlog
from retrieval.writer.commit import Changes, commit, merge

CONFIG = Config(language="none")
DIMENSION = 8
WORDS = ["rain", "bread", "mill", "GPT-4", "Straße", "東京", "0", "x" * 40]
FOLDERS = ["", "docs", "notes"]
FILTERS: list[dict[str, Any]] = [
    {"team": 1},
    {"team": {"$ne": 1}},
    {"team": {"$gte": 1.5}},
    {"team": True},
    {"tags": {"$contains": "wet"}},
    {"tags": {"$not_contains": 1}},
    {"source": {"$in": ["0", "docs/1"]}},
    {"$or": [{"team": "kitchen"}, {"tags": {"$contains": 1}}]},
]


@dataclass
class Rows:
    """Stands in for a Store: chunks with their vectors, records and contents, in dicts."""

    chunks: dict[str, tuple[Chunk, np.ndarray]] = field(default_factory=dict)
    records: dict[str, DocumentRecord] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def read_chunks(self, ids: Sequence[str]) -> Iterator[tuple[list[Chunk], np.ndarray]]:
        for start in range(0, len(ids), 3):
            found = [self.chunks[id_] for id_ in ids[start : start + 3]]
            yield [chunk for chunk, _ in found], np.stack([vector for _, vector in found])

    def contents(self, ids: Sequence[str]) -> dict[str, str]:
        return {id_: self.texts[id_] for id_ in ids if self.texts.get(id_)}


def fingerprint() -> str:
    made_with = Fingerprint(
        settings=CONFIG.index_settings(),
        weights="w",
        pooling="mean",
        dimension=DIMENSION,
        max_seq_length=9,
        tokenizer="t",
        analyzer={},
    )
    return made_with.to_json()


def a_vector(text: str) -> np.ndarray:
    """As an embedder's: a unit vector that depends on the text alone."""
    vector = np.random.default_rng(int(digest(text), 16) % (1 << 32)).standard_normal(DIMENSION).astype(np.float32)
    return vector / np.linalg.norm(vector)


def a_chunk(source: str, text: str, ordinal: int, metadata: dict[str, Any]) -> Chunk:
    at = ordinal * 100
    return Chunk(
        id=digest(f"{source} {text} {ordinal}"), document_id=document_id(source), source=source, text=text,
        ordinal=ordinal, char_start=at, char_end=at + len(text), line_start=ordinal, line_end=ordinal + 1,
        page=ordinal or None, page_end=ordinal or None, tokens=len(text.split()), headings=("A",) * (ordinal % 3),
        title=None, metadata=metadata,
    )  # fmt: skip


@dataclass
class History:
    """An index that is written to as a Writer does: first the rows, then a generation of what has changed."""

    directory: IndexDirectory
    rows: Rows = field(default_factory=Rows)
    changed: dict[str, DocumentRecord | None] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.directory.segments.mkdir(parents=True)
        self.directory.generations.mkdir()
        self.merger = Merger(self.directory.segments)
        self.backlog = Backlog(self.directory.segments, ())
        self.reader = IndexReader.empty(CONFIG)

    def put(self, source: str, texts: Sequence[str], metadata: dict[str, Any], content: str, status: str) -> None:
        chunks = [a_chunk(source, text, at, metadata) for at, text in enumerate(texts)]
        old = self.rows.records.get(source)
        for id_ in old.chunk_ids if old is not None else ():
            if id_ not in {chunk.id for chunk in chunks}:
                del self.rows.chunks[id_]
        for chunk in chunks:
            if chunk.id not in self.rows.chunks or self.rows.chunks[chunk.id][0] != chunk:
                self.touched.add(chunk.id)
            self.rows.chunks[chunk.id] = chunk, a_vector(chunk.text)
        folder = source.partition("/")[0] if "/" in source else ""
        self.record(
            DocumentRecord(
                id=document_id(source), source=source, folder=folder, content_hash=digest(content), size=len(content),
                mtime_ns=1, indexed_ns=1, status=status, reason="", fingerprint="f", title=None, language="none",
                chunk_ids=tuple(chunk.id for chunk in chunks),
            )
        )  # fmt: skip
        self.rows.texts[document_id(source)] = "" if folder else content

    def record(self, record: DocumentRecord) -> None:
        self.rows.records[record.source] = self.changed[record.source] = record

    def delete(self, source: str) -> None:
        for id_ in self.rows.records.pop(source).chunk_ids:
            del self.rows.chunks[id_]
        self.changed[source] = None
        self.rows.texts.pop(document_id(source), None)

    def commit(self, *, last: bool = True) -> IndexReader:
        folders = {name: SyncedFolder(f"/{name}", (), ()) for name in FOLDERS if name}
        state = State(uuid.uuid4().hex, folders, fingerprint())
        self.reader = commit(
            self.directory, state, Changes(self.changed, self.touched), base=self.reader, store=self.rows,  # type: ignore[arg-type]
            config=CONFIG, merger=self.merger, backlog=self.backlog,
        )  # fmt: skip
        if last:
            self.reader = merge(self.directory, self.reader, config=CONFIG, merger=self.merger, backlog=self.backlog)
        else:
            self.merger.start(self.reader.live)
        self.changed, self.touched = {}, set()
        return self.reader

    def reopened(self) -> IndexReader:
        manifest = Manifest.read(self.directory.generations, self.reader.generation)
        return IndexReader.open(self.directory.segments, manifest, CONFIG)


def fresh(rows: Rows, path: Path) -> IndexReader:
    """A reader of the same rows, committed at once."""
    history = History(IndexDirectory(path), rows)
    history.changed, history.touched = dict(rows.records), set(rows.chunks)
    reader = history.commit()
    history.merger.close()
    return reader


def told_by(reader: IndexReader) -> dict[str, Any]:
    """All that can be told of a reader, by ids instead of rows."""
    ids = [id_.decode() for id_ in reader.ids[reader.living].tolist()]
    assert len(ids) == len(set(ids)) == reader.size
    query = np.ones(DIMENSION, np.float32) / np.float32(DIMENSION**0.5)
    products, error = reader.products(query)
    assert np.isneginf(products[reader.dead]).all()
    exact = np.asarray(reader.vectors[reader.living]) @ query
    assert np.abs(products[reader.living] - exact).max(initial=0) <= error + 1e-6
    grouped, starts = reader.rows_by_document
    return {
        "state": (dict(reader.state.folders), reader.state.fingerprint, dict(reader.documents_of_folder)),
        "chunks": {id_: reader.chunk(row) for id_, row in zip(ids, reader.living.tolist(), strict=True)},
        "vectors": {id_: reader.vectors[row].tolist() for id_, row in zip(ids, reader.living.tolist(), strict=True)},
        "rows": (reader.rows_of_ids([*ids, "0" * 32]).tolist()[:-1] == reader.living.tolist()),
        "digests": sorted(reader.digests[reader.living].tolist()),
        "languages": (reader.languages, {reader.language(row) for row in reader.living.tolist()}),
        "records": reader.records,
        "contents": {record.source: reader.content(record.id) for record in reader.records},
        "documents": {record.source: [c.id for c in reader.chunks_of(record.id)] for record in reader.records},
        "tokens": reader.tokens,
        "same texts": same_texts(reader),
        "fields": frozenset(reader.metadata_kinds) if reader.size else frozenset(),
        "filtered": [chosen(reader, where) for where in FILTERS],
        "document_vectors": dict(
            zip(
                [id_.decode() for id_ in reader.documents[grouped[starts]].tolist()],
                reader.document_vectors.round(5).tolist(),
                strict=True,
            )
        ),
    }


def same_texts(reader: IndexReader) -> set[frozenset[bytes]]:
    """The ids of chunks that say the same, together."""
    found = reader.rows_of_passages(reader.living)
    groups = (np.array([row, *others]) for row, others in zip(reader.living.tolist(), found, strict=True))
    return {frozenset(reader.ids[rows].tolist()) for rows in groups}


def chosen(reader: IndexReader, where: dict[str, Any]) -> list[bytes]:
    passing = reader.select(where, None)
    assert passing is not None
    assert not passing[reader.dead].any()
    return sorted(reader.ids[np.flatnonzero(passing)].tolist())


def scores(reader: IndexReader, query: Sequence[str]) -> dict[bytes, tuple[float, bool]]:
    values, matching = reader.lexical.score_slots(query)
    assert not matching[reader.dead].any()
    assert (values[reader.dead] == 0).all()
    living = reader.living
    return dict(
        zip(
            reader.ids[living].tolist(),
            zip(values[living].tolist(), matching[living].tolist(), strict=True),
            strict=True,
        )
    )


def assert_same(reader: IndexReader, other: IndexReader, queries: Sequence[Sequence[str]]) -> None:
    ours, theirs = told_by(reader), told_by(other)
    assert ours.pop("fields") >= theirs.pop("fields")  # a field of deleted rows is known until they are merged away
    assert ours == theirs
    for query in queries:
        one, two = scores(reader, query), scores(other, query)
        assert one.keys() == two.keys()
        for id_, (score, matches) in one.items():
            assert score == pytest.approx(two[id_][0], abs=1e-9)
            assert matches == two[id_][1]


texts = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
sources = st.integers(0, 5).flatmap(lambda n: st.sampled_from([f"{n}", f"docs/{n}", f"notes/{n}"]))
values = st.sampled_from([1, 2, 1.5, True, "kitchen", "1", -(2**62)])
metadata = st.fixed_dictionaries(
    {}, optional={"team": values, "tags": st.sampled_from([["wet", "warm"], [1, 2], ["wet"], [True], [1.5]])}
)
puts = st.tuples(
    st.just("put"), sources, st.lists(texts, max_size=4), metadata, texts, st.sampled_from(["ready", "failed"])
)
steps = st.lists(
    st.one_of(
        puts,
        puts,
        st.tuples(st.just("delete"), sources),
        st.tuples(st.just("fail"), sources),
        st.tuples(st.just("commit"), st.booleans()),
        st.tuples(st.just("commit"), st.booleans()),
    ),
    max_size=40,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps,
    st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3), max_size=3),
    st.integers(2, 4),
    st.sampled_from([0, 3, block.MOST_ROWS]),
    st.sampled_from([0, 4, postings.FEW_TERMS]),
)
def test_any_history_is_read_as_what_is_made_afresh(
    tmp_path: Path, steps: list[tuple], queries: list[list[str]], tier: int, most_rows: int, few_terms: int
) -> None:
    path = tmp_path / uuid.uuid4().hex
    history = History(IndexDirectory(path / "index"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merge_policy, "TIER", tier)
        patch.setattr(block, "MOST_ROWS", most_rows)
        patch.setattr(postings, "FEW_TERMS", few_terms)
        for kind, *rest in steps:
            known = rest and rest[0] in history.rows.records
            if kind == "put":
                history.put(*rest)
            elif kind == "delete" and known:
                history.delete(rest[0])
            elif kind == "fail" and known:
                history.record(replace(history.rows.records[rest[0]], status="failed", reason="unreadable"))
            elif kind == "commit":
                history.commit(last=rest[0])
        history.commit()
        history.merger.close()
    made_afresh = fresh(history.rows, path / "fresh")
    assert_same(history.reader, made_afresh, queries)
    assert_same(history.reopened(), made_afresh, queries)
    for name in history.reader.files:
        assert Pack(history.directory.segments / name).altered() == []


@pytest.mark.slow
def test_a_reader_tells_the_same_after_hundreds_of_commits_beside_it(tmp_path: Path) -> None:
    """With merges at the usual size, on their own thread."""
    random = np.random.default_rng(3)
    history = History(IndexDirectory(tmp_path / "index"))
    for n in range(300):
        source = f"docs/{random.integers(60)}"
        if n % 5 == 4 and source in history.rows.records:
            history.delete(source)
        else:
            drawn = [" ".join(random.choice(WORDS, 5)) for _ in range(random.integers(5))]
            history.put(source, drawn, {"team": int(random.integers(3))}, f"content {n}", "ready")
        reader = history.commit(last=n % 3 == 0)
        if n == 100:
            early, before = reader, told_by(reader)
        assert len(reader.live) < 2 * merge_policy.TIER
    assert told_by(early) == before
    assert_same(history.commit(), fresh(history.rows, tmp_path / "fresh"), [["rain"], ["bread", "mill"]])
    history.merger.close()
