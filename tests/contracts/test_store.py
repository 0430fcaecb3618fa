"""What the rest of the house asks of a store: of an embedded Chroma, of a server, and of Milvus."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from retrieval.chroma.rows import chunk_metadata
from retrieval.chroma.store import State, Store
from retrieval.config import Config
from retrieval.errors import IndexUnusableError
from retrieval.shared_store.engine import Engine
from retrieval.shared_store.pending import PendingStore
from retrieval.shared_store.reader import SharedReader
from retrieval.shared_store.state import SharedState
from retrieval.storage import RowStore
from retrieval.types import MAX_MEMBERS, Chunk, DocumentRecord, SyncedFolder, Vectors, chunk_ids, document_id

DIMENSION = 8


@pytest.fixture(params=["embedded", "server", pytest.param("milvus", marks=pytest.mark.slow)])
def rows(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RowStore]:
    """Any store of rows and ledger."""
    if request.param == "milvus":
        config = request.getfixturevalue("milvus_config")
        engine = Engine(config)
        engine.create(DIMENSION)
        pending = PendingStore(engine, SharedReader(engine, SharedState(), config), config, born=1, check=lambda: None)
        pending.languages = defaultdict(lambda: "english")
        yield pending
        engine.close()
        return
    config = request.getfixturevalue("server_config") if request.param == "server" else Config()
    opened = Store.open(tmp_path / "chroma", config)
    yield opened
    opened.close()


@pytest.fixture(params=["embedded", "server"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "embedded":
        opened = Store.open(tmp_path / "chroma", Config())
    else:
        opened = Store.open(tmp_path, request.getfixturevalue("server_config"))
    yield opened
    opened.close()


def make_chunks(source: str, *texts: str, **metadata: object) -> list[Chunk]:
    return [
        Chunk(
            id=id_,
            document_id=document_id(source),
            source=source,
            text=text,
            ordinal=ordinal,
            char_start=ordinal * 10,
            char_end=ordinal * 10 + len(text),
            line_start=ordinal + 1,
            line_end=ordinal + 1,
            page=ordinal or None,
            page_end=ordinal + 1 if ordinal else None,
            tokens=7,
            headings=("A", "B > C")[:ordinal],
            title="Titel ä" if ordinal else None,
            metadata=metadata,
        )
        for ordinal, (id_, text) in enumerate(zip(chunk_ids(source, texts), texts, strict=True))
    ]


def make_vectors(count: int, seed: int = 0) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def make_record(source: str, *, ids: tuple[str, ...] = ()) -> DocumentRecord:
    return DocumentRecord(
        id=document_id(source),
        source=source,
        folder="docs",
        content_hash="1:abc",
        size=2**40,
        mtime_ns=1_795_227_060_289_465_426,
        indexed_ns=1_795_227_060_289_465_427,
        status="ready",
        reason="",
        fingerprint="f",
        title=None,
        language="english",
        chunk_ids=ids,
        ctime_ns=1_795_227_060_289_465_428,
        inode=2**64 - 1,
    )


def read(store: RowStore, ids: list[str]) -> tuple[list[Chunk], Vectors]:
    pages = list(store.read_chunks(ids))
    chunks = [chunk for page, _ in pages for chunk in page]
    return chunks, np.concatenate([vectors for _, vectors in pages]) if pages else np.empty((0, DIMENSION))


def test_what_is_written_is_read_in_the_order_asked(rows: RowStore) -> None:
    chunks, vectors = make_chunks("a.md", "eins", "zwei 😀", "three\n\tfour", language="de", year=2024), make_vectors(3)
    rows.put_chunks(chunks, vectors, {})
    found, found_vectors = read(rows, [chunks[2].id, "f" * 32, chunks[0].id])
    assert found == [chunks[2], chunks[0]]
    np.testing.assert_allclose(found_vectors, vectors[[2, 0]], atol=1e-6)
    assert sorted(rows.chunk_ids()) == sorted(chunk.id for chunk in chunks)


def test_more_rows_than_a_batch_or_a_page_holds(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1000 < store._batch <= 5000
    monkeypatch.setattr(store, "_batch", 500)
    monkeypatch.setattr("retrieval.chroma.store._PAGE_OF_IDS", 400)
    count = 1201
    chunks = make_chunks("long.txt", *(f"text {n}" for n in range(count)))
    store.put_chunks(chunks, make_vectors(count), {})
    found, _ = read(store, [chunk.id for chunk in chunks])
    assert found == chunks
    assert sorted(store.chunk_ids()) == sorted(chunk.id for chunk in chunks)
    store.delete_chunks([chunk.id for chunk in chunks])
    assert store.chunk_ids() == []


def test_a_rewritten_row_keeps_nothing_of_the_old_one(rows: RowStore) -> None:
    (before,) = make_chunks("a.md", "same", draft=True, team="x")
    rows.put_chunks([before], make_vectors(1), {})
    after = replace(before, metadata={"team": "y"}, ordinal=4, char_start=99, char_end=103)
    previous = rows.chunk_metadata([before.id])
    rows.update_chunks([after], previous)
    assert read(rows, [after.id])[0] == [after]
    rows.put_chunks([before], make_vectors(1, seed=1), rows.chunk_metadata([before.id]))
    found, vectors = read(rows, [before.id])
    assert found == [before]
    np.testing.assert_allclose(vectors, make_vectors(1, seed=1), atol=1e-6)


def test_a_list_is_replaced_whole(store: Store) -> None:
    befores = ["b", "a", "b"], [1], 1, True
    afters = ["a"], [2, 1], [1.0], [True, False], "a", 1.0
    for before, after in product(befores, afters):
        (old,) = make_chunks("a.md", "same", k=before)
        new = replace(old, metadata={"k": after})
        store.put_chunks([old], make_vectors(1), {})
        assert read(store, [old.id])[0] == [old]
        store.update_chunks([new], store.chunk_metadata([old.id]))
        assert repr(read(store, [old.id])[0]) == repr([new]), "repr tells 1 and 1.0 apart"
        for member in ["a", "b", 1, 2, 1.0, True]:
            found = store._chunks.get(where={"k": {"$contains": member}}, include=[])["ids"]
            assert bool(found) == (isinstance(after, list) and repr(member) in map(repr, after))
        store.put_chunks([old], make_vectors(1), store.chunk_metadata([old.id]))
        assert repr(read(store, [old.id])[0]) == repr([old])
        store.delete_chunks([old.id])


def test_as_many_members_come_back_as_a_document_may_have(rows: RowStore) -> None:
    chunks = make_chunks("a.md", *map(str, range(20)), k=list(range(MAX_MEMBERS - 1, -1, -1)))
    rows.put_chunks(chunks, make_vectors(20), {})
    assert read(rows, [chunk.id for chunk in chunks])[0] == chunks


def test_rows_of_one_document(rows: RowStore) -> None:
    a, b = make_chunks("a", "1", "2"), make_chunks("b", "1")
    rows.put_chunks([*a, *b], make_vectors(3), {})
    assert sorted(rows.chunk_ids(document_id("a"))) == sorted(chunk.id for chunk in a)
    assert rows.chunk_metadata([b[0].id, "0" * 32]) == {b[0].id: chunk_metadata(b[0])}


def test_the_ledger_comes_back_whole_and_sorted(rows: RowStore) -> None:
    records = [make_record(f"d/{n:04}", ids=("a" * 32,) * (n % 3)) for n in range(1500)]
    rows.put_records(records[::-1], np.zeros((1500, DIMENSION), np.float32))
    assert rows.records() == records
    failed = replace(records[7], status="failed", reason="no text", title="T")
    rows.update_records([failed])
    rows.delete_records([records[0].id])
    assert rows.records() == [*records[1:7], failed, *records[8:]]


def test_the_state_is_replaced_whole(store: Store) -> None:
    assert store.state() == State()
    store.set_state(State("g1", {"docs": SyncedFolder("/somewhere/docs")}, "{}"))
    store.set_state(State("", {"notes": SyncedFolder("/else", ("*.md",), ("a/", "b"))}, '{"a": 1}'))
    assert store.state() == State("", {"notes": SyncedFolder("/else", ("*.md",), ("a/", "b"))}, '{"a": 1}')


def test_vectors_are_compared_by_cosine(store: Store) -> None:
    chunks = make_chunks("a", "near", "far")
    store.put_chunks(chunks, np.eye(DIMENSION, dtype=np.float32)[:2], {})
    found = store._chunks.query(query_embeddings=[[3.0] + [0.0] * (DIMENSION - 1)], n_results=2)
    assert found["ids"] == [[chunk.id for chunk in chunks]]
    np.testing.assert_allclose(found["distances"], [[0, 1]], atol=1e-6)


def test_a_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(IndexUnusableError, match=r"127\.0\.0\.1:9.*chroma run"):
        Store.open(tmp_path, Config(chroma_host="127.0.0.1", chroma_port=9))
