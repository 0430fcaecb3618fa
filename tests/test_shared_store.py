"""An index in Milvus: hits as from a local index, generations, filters, writers that exclude one another, and kills."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ingest
from retrieval import HybridIndex
from retrieval.config import Config
from retrieval.encoders import Embedder
from retrieval.errors import ConfigError, IndexLockedError, IndexMismatchError, IndexUnusableError, QueryError
from retrieval.shared_store.engine import Engine
from retrieval.shared_store.lease import Lease
from retrieval.shared_store.rows import why_too_long
from retrieval.types import Chunk, Document
from tests.ingesting import sync
from tests.shared_filters import check_filters, odd_documents
from tests.shared_indexes import Pair, check_whole, documents

QUERIES = ("a mill by the river", "trians and steam engnies", "Mühle am Fluss", "brigde", "the", "clock +tower", "zzz")
OPTIONS: tuple[dict[str, Any], ...] = (
    {}, {"mode": "dense"}, {"mode": "lexical"}, {"fusion": "convex", "alpha": 0.3}, {"top_k": 200}, {"candidates": 70},
    {"group_by_document": True}, {"feedback": "both"}, {"mmr_lambda": 0.5}, {"expand": 1}, {"expand": "section"},
    {"collapse": False}, {"operators": True}, {"within": ["a/", "b/part-1"]}, {"where": {"year": {"$gte": 1}}},
    {"where": {"k": {"$ne": "a"}}, "where_document": {"$contains": "river"}}, {"min_relevance": 0.3},
    {"where_document": {"$not_contains": "mill"}}, {"highlight": False, "smoothing": 0.0},
)  # fmt: skip


@pytest.fixture
def pair(tmp_path: Path, milvus_config: Config, share_model: Embedder) -> Iterator[Pair]:
    with Pair.opened(tmp_path, milvus_config) as opened:
        yield opened


def test_what_is_added_changed_and_deleted_is_found_as_in_a_local_index(pair: Pair) -> None:
    made = documents(12)
    pair.add(made)
    for options in ({}, {"mode": "lexical"}, {"where": {"year": {"$gte": 1}}}):
        pair.compare("a mill by the river", **options)
    pair.add([replace(made[0], text="An engine under steam."), *made[1:3]])
    pair.delete([made[5].source, "c/"])
    pair.compare("steam engine")
    check_whole(pair.shared)
    assert pair.shared.stats()[:5] == pair.local.stats()[:5]


@pytest.mark.slow
def test_every_hit_equals_a_local_indexs(pair: Pair) -> None:
    made = documents(300)
    pair.add(made)
    for query in QUERIES:
        for options in OPTIONS:
            if query != "the" or options.get("mode") != "lexical":
                pair.compare(query, **options)
    pair.add([replace(document, text=document.text + " and a new bridge") for document in made[::9]])
    pair.delete([document.source for document in made[4::11]])
    for options in OPTIONS:
        if options.get("collapse", True):  # copies that were embedded in other company may differ in the last digits
            pair.compare("a mill by the new bridge", **options)
    check_whole(pair.shared)


@pytest.mark.slow
def test_similar_documents_are_the_local_ones(pair: Pair) -> None:
    made = documents(60)
    pair.add(made)
    pair.delete([made[8].source])
    for document in made[:4]:
        for options in ({}, {"where": {"year": {"$gte": 1}}}, {"min_score": 0.5}, {"top_k": 3}):
            expected = pair.local.similar(document.source, **options)  # type: ignore[arg-type]
            found = pair.shared.similar(document.source, **options)  # type: ignore[arg-type]
            assert [replace(each, score=0) for each in found] == [replace(each, score=0) for each in expected]
            assert all(abs(one.score - other.score) < 2e-6 for one, other in zip(found, expected, strict=True))
    with pytest.raises(QueryError, match="did you mean"):
        pair.shared.similar(made[0].source.replace("part-0", "part-9"))


@pytest.mark.slow
def test_an_average_length_that_has_doubled_changes_no_hit(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrieval.shared_store.writer.DRIFT", 100.0)  # so that no row is weighed again
    made = documents(400)
    pair.add([replace(document, text=document.text[:200]) for document in made[:200]])
    pair.add(made[200:])
    for query in QUERIES[:4]:
        pair.compare(query)
        pair.compare(query, mode="lexical")


@pytest.mark.slow
def test_filters_let_through_what_they_let_through_locally(pair: Pair) -> None:
    draw = random.Random(1)
    ingest.add(odd_documents(draw, 150), pair.shared)
    refused, passing = check_filters(pair.shared, draw, count=200)
    assert refused == 0
    assert passing > 100


@pytest.mark.slow
def test_a_folder_is_kept_in_step(tmp_path: Path, pair: Pair) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for number, document in enumerate(documents(20)):
        (docs / f"{number}.md").write_text(f"# Heading {number}\n\n{document.text}")
    for index in (pair.local, pair.shared):
        assert sync(docs, index).added == 20
    pair.compare("a mill by the river")
    (docs / "3.md").write_text("# Trains\n\nSteam and coal.")
    (docs / "4.md").unlink()
    (docs / "5.md").rename(docs / "moved.md")
    os.utime(docs / "6.md", (1, 1))
    first, second = (sync(docs, index) for index in (pair.local, pair.shared))
    assert replace(first, seconds=0, tokens_embedded=0) == replace(second, seconds=0, tokens_embedded=0)
    for query in ("trains under steam", "heading 5"):
        pair.compare(query)
    assert sync(docs, pair.shared).unchanged == 19
    check_whole(pair.shared)


@pytest.mark.slow
def test_a_document_that_milvus_does_not_hold_costs_only_itself(pair: Pair) -> None:
    held = [
        Document(
            source="odd", text="A\0 mill\ud800 by the river.", title="x" * 5000, metadata={"k" * 9000: "v" * 9000}
        ),
        Document(source="numbers", text="A lock.", metadata={"a": -(2**63), "b": 2**63 - 1, "c": 1e308, "d": 5e-324}),
        Document(source="keys", text="A gate.", metadata={f"key {number}": [number] for number in range(1000)}),
        Document(source="s" * 30_000, text="A bridge."),
        Document(source="long", text="A mill. " * 20_000),
        Document(source="changes", text="A wheel of wood by the river."),
    ]
    pair.add(held)
    too_long = [
        Document(source="changes", text="A wheel of iron by the river.", metadata={"abstract": "mill " * 14_000}),
        Document(source="wide", text="A boat.", metadata={"abstract": "水車" * 11_000}),
        Document(source="t" * 70_000, text="A clock."),
    ]
    report = ingest.add([*too_long[:2], Document(source="new", text="A tower."), *too_long[2:]], pair.shared)
    assert (report.added, report.updated) == (1, 0)
    reasons = {failure.source: failure.reason for failure in report.failed}
    assert reasons.keys() == {document.source for document in too_long}
    assert all("Milvus holds 65,000" in reason and "leave the document out" in reason for reason in reasons.values())
    assert "metadata" in reasons["wide"]
    found = pair.shared.search("a wheel of wood", where={"source": "changes"})
    assert [hit.text for hit in found] == ["A wheel of wood by the river."]
    check_whole(pair.shared)
    record = pair.shared.searcher().document("changes")
    assert record is not None
    assert record.status == "failed"
    shortened = [replace(document, metadata={"abstract": "mill"}) for document in too_long[:2]]
    report = ingest.add(shortened, pair.shared)
    assert (report.added, report.updated, report.failed) == (1, 1, ())
    assert pair.shared.search("a wheel of iron")[0].source == "changes"
    check_whole(pair.shared)


def test_a_text_or_its_terms_beyond_a_row_have_a_reason_and_a_way_out() -> None:
    chunk = Chunk("id", "document", "a.txt", "x" * 66_000, 2, 0, 66_000, 1, 1, None, None, 9, (), None)
    assert "Passage 3 has text of 66,000 bytes" in (reason := why_too_long(chunk, list))
    assert "smaller chunk_size" in reason
    dense = replace(chunk, text="y" * 40_000)
    assert "Passage 3 has terms of" in why_too_long(dense, lambda: [f"term {number}" for number in range(5000)])
    assert not why_too_long(dense, lambda: ["y"] * 20_000)


_WRITER = """
import sys
from pathlib import Path
import ingest
from retrieval import HybridIndex
from retrieval.config import Config
if __name__ == "__main__":
    config = Config(store="milvus", store_uri=sys.argv[1], store_name=sys.argv[2])
    with HybridIndex.open(sys.argv[3], config=config) as index:
        print("open", flush=True)
        ingest.sync(sys.argv[4], index, allow_deletions=True)
"""


@pytest.mark.slow
def test_a_writer_that_is_killed_leaves_nothing_to_be_seen_and_nothing_to_be_embedded_again(
    tmp_path: Path, milvus_config: Config, share_model: Embedder
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    made = documents(120)
    for number, document in enumerate(made):
        (docs / f"{number}.txt").write_text(document.text)
    program = tmp_path / "program.py"
    program.write_text(_WRITER)
    with HybridIndex.open(tmp_path / "index", config=milvus_config) as index:
        sync(docs, index)
        before = index.searcher().generation
        for number, document in enumerate(made):
            (docs / f"{number}.txt").write_text(f"{document.text} Lately rebuilt, number {number}.")
        arguments = [milvus_config.store_uri or "", milvus_config.store_name, str(tmp_path / "other"), str(docs)]
        writer = subprocess.Popen(
            [sys.executable, str(program), *arguments], stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        engine = index._manager._engine  # type: ignore[attr-defined]
        deadline = time.monotonic() + 120
        while engine.count(engine.chunks, f"born > {before}") < 40 and time.monotonic() < deadline:
            time.sleep(0.05)
        writer.send_signal(signal.SIGKILL)
        writer.wait(10)
        writer.stdout.close()
        left = engine.count(engine.chunks, f"born > {before}")
        assert left >= 40
        assert index.searcher().generation == before
        assert not index.search("lately rebuilt", mode="lexical")
        check_whole(index)
        report = sync(docs, index)
        assert report.updated == 120
        assert report.chunks_reused >= left
        check_whole(index)
        assert engine.count(engine.chunks, f"born > {before}") == index.stats().chunks


class _Killed(BaseException):
    pass


@pytest.mark.slow
def test_what_died_stays_dead_where_writers_are_killed_while_they_tidy_up(
    tmp_path: Path, milvus_config: Config, share_model: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At commit after commit, between the deletion of passages that died and of their records."""
    made = documents(8)
    delete = Engine.delete

    def killed(engine: Engine, collection: str, keys: Sequence[str]) -> None:
        if collection == engine.documents and keys:
            raise _Killed
        delete(engine, collection, keys)

    with HybridIndex.open(tmp_path / "index", config=milvus_config) as index:
        ingest.add(made, index)
        for document in made[:3]:
            with monkeypatch.context() as patch, suppress(_Killed):
                patch.setattr(Engine, "delete", killed)
                index.delete([document.source])
            with suppress(QueryError):  # it is deleted already, or else nothing was
                index.delete([document.source])
        for document in made[3:5]:
            ingest.add([replace(document, text="A new bridge.")], index)
            check_whole(index)
        assert {record.source for record in index.documents()} == {document.source for document in made[3:]}


@pytest.mark.slow
def test_one_writer_at_a_time(tmp_path: Path, milvus_config: Config, share_model: Embedder) -> None:
    with (
        HybridIndex.open(tmp_path / "one", config=milvus_config) as one,
        HybridIndex.open(tmp_path / "other", config=milvus_config) as other,
    ):
        ingest.add([Document(source="a", text="A river.")], one)
        with one.writing():
            with pytest.raises(IndexLockedError, match=r"Another process writes .* try again"):
                ingest.add([Document(source="b", text="A mill.")], other)
            assert other.search("river")
        ingest.add([Document(source="b", text="A mill.")], other)
        assert {record.source for record in one.documents()} == {"a", "b"}


@pytest.mark.slow
def test_a_writer_whose_lease_is_taken_over_commits_nothing(
    tmp_path: Path, milvus_config: Config, share_model: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HybridIndex.open(tmp_path / "one", config=milvus_config) as one:
        ingest.add([Document(source="a", text="A river.")], one)
        monkeypatch.setattr("retrieval.shared_store.lease._has_ended", lambda _: True)
        with pytest.raises(IndexLockedError, match="has begun to write"), one.writing() as writer:
            Lease(writer._engine, index="x").close()  # type: ignore[attr-defined]
            writer.remove(list(writer.records.values()))
        assert one.search("river")
        check_whole(one)


@pytest.mark.slow
def test_what_cannot_be_had_exactly_is_refused_by_its_name(tmp_path: Path, milvus_config: Config, pair: Pair) -> None:
    pair.add(documents(150))
    refused: list[tuple[str, dict[str, Any]]] = [
        ("Fusion rrf", {"fusion": "rrf"}),
        ("Document_score mean", {"group_by_document": True, "document_score": "mean"}),
    ]
    for what, options in refused:
        with pytest.raises(ConfigError, match=what):
            pair.shared.search("river", **options)
    with pytest.raises(ConfigError, match="ask in mode hybrid or dense"):
        pair.shared.search("the", mode="lexical")
    with pytest.raises(ConfigError, match=r"[Ss]imilar pairs"):
        pair.shared.similar_pairs()
    with pytest.raises(ConfigError, match="okapi"):
        HybridIndex.open(tmp_path / "x", config=milvus_config.model_copy(update={"bm25_idf": "okapi"}))
    with pytest.raises(ConfigError, match=r"weighed with BM25's .*k1 1\.5"):
        HybridIndex.open(tmp_path / "x", config=milvus_config.model_copy(update={"bm25_k1": 1.2}))
    with pytest.raises(IndexMismatchError, match="chunk_overlap"):
        HybridIndex.open(tmp_path / "x", config=milvus_config.model_copy(update={"chunk_overlap": 5}))


@pytest.mark.slow
def test_a_directory_remembers_where_its_index_is(tmp_path: Path, milvus_config: Config, share_model: Embedder) -> None:
    with HybridIndex.open(tmp_path / "index", config=milvus_config) as index:
        ingest.add([Document(source="a", text="A river.")], index)
    with HybridIndex.open(tmp_path / "index") as index:
        assert index.search("river")[0].source == "a"
    with pytest.raises(IndexMismatchError, match="Milvus"):
        HybridIndex.open(tmp_path / "index", config=Config())


def test_a_token_is_never_shown(tmp_path: Path) -> None:
    config = Config(store="milvus", store_uri="http://127.0.0.1:9", store_token="root:secret")
    assert "secret" not in repr(config) + json.dumps(config.server_settings())
    assert config.kept_locally().server_settings() == {}
    with pytest.raises(ConfigError, match="store_token") as refused:
        Config(store="milvus", store_uri="http://root:secret@127.0.0.1:9")
    assert "secret" not in str(refused.value)
    with pytest.raises(ConfigError, match="http://HOST"):
        Config(store="milvus", store_uri="local.db")
    with pytest.raises(ConfigError, match="store_uri"):
        Config(store="milvus")
    pytest.importorskip("pymilvus", reason="the extra test-milvus is not installed")
    with pytest.raises(IndexUnusableError) as raised:
        HybridIndex.open(tmp_path / "index", config=config)
    assert "secret" not in str(raised.value)
