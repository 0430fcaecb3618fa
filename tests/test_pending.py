"""Documents are found by their words as soon as they are parsed; their vectors follow, and then nothing tells of it."""

import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from equality import assert_same, told_by

import ingest.indexer
from ingest.checks import compare_chroma, examine_documents, examine_segments
from ingest.document_list import document_list
from ingest.report import Progress, SyncReport
from ingest.status import folder_status
from retrieval import HybridIndex
from retrieval.backup.archive import restore, save
from retrieval.errors import ConfigError, IndexDamagedError, QueryError
from retrieval.segments.manifest import Manifest
from retrieval.types import Vectors
from tests.embedding_server import DIMENSION, of_words
from tests.ingesting import rebuild, sync

TOPICS = ("granite", "heron", "lantern", "orchard", "pepper", "quarry", "saddle", "thistle", "umbrella", "walnut")

UNFINISHED = shutil.ignore_patterns("*.tmp")
"""Files that may be gone before they are copied."""


class GatedEncoder:
    """Embeds while the gate is open; notes what it has embedded, in order."""

    name, version, dimension, max_seq_length, tokenizer = "gated", "1", DIMENSION, 200, None

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.asked = threading.Event()
        self.left: int | None = None
        self.embedded: list[str] = []

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return of_words(texts)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        if any("savanna" in text or any(topic in text for topic in TOPICS) for text in texts):  # not a probe
            self.asked.set()
            assert self.gate.wait(60)
            self.embedded += texts
        return of_words(texts)


@pytest.fixture
def encoder() -> GatedEncoder:
    return GatedEncoder()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch, quick_checks: None) -> None:
    """Four chunks are too many to embed at once."""
    monkeypatch.setattr(ingest.indexer, "_BATCH_CHUNKS", 4)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for age, topic in enumerate(TOPICS):
        write(folder / f"{topic}.txt", f"All about {topic}. Everyone likes a {topic} in spring.", age=age)
    return folder


def write(file: Path, text: str, *, age: int) -> None:
    file.write_text(text)
    os.utime(file, (2_000_000_000 - age, 2_000_000_000 - age))


@contextmanager
def opened(path: Path, encoder: GatedEncoder) -> Iterator[HybridIndex]:
    with HybridIndex.open(path, encoder=encoder) as index:
        yield index


@contextmanager
def half_done(docs: Path, path: Path, encoder: GatedEncoder) -> Iterator[HybridIndex]:
    """An index whose sync has parsed all, and waits for the encoder within the block."""
    reports: list[SyncReport] = []
    encoder.gate.clear()
    encoder.asked.clear()
    with opened(path, encoder) as index:
        thread = threading.Thread(target=lambda: reports.append(sync(docs, index)))
        thread.start()
        try:
            assert encoder.asked.wait(60)
            yield index
        finally:
            encoder.gate.set()
            thread.join()
        assert reports
        assert reports[0].failed == ()


def interrupted(docs: Path, path: Path, encoder: GatedEncoder, *, after: int = 0) -> SyncReport:
    """A sync that is stopped once it has parsed everything, and embedded so many chunks at least."""
    stop = threading.Event()
    encoder.gate.set()
    with opened(path, encoder) as index:
        return sync(
            docs,
            index,
            stop=stop,
            on_progress=lambda progress: stop.set() if progress.held >= 10 and progress.chunks >= after else None,
        )


def assert_in_step(path: Path, encoder: GatedEncoder) -> None:
    """Chroma holds what the search files do."""
    with opened(path, encoder) as index, index.writing() as writer:
        differences = compare_chroma(writer.store, writer.reader)
        assert not differences.chunks
        assert not differences.records
        assert [*examine_segments(writer.reader), *examine_documents(writer.reader)] == []
        assert len(writer.store.chunk_ids()) == writer.reader.size


def in_one_pass(docs: Path, path: Path) -> dict[str, object]:
    encoder = GatedEncoder()
    encoder.gate.set()
    with opened(path, encoder) as index:
        sync(docs, index, wait_for_vectors=True)
        return told_by(index)


def test_words_find_everything_before_anything_is_embedded(docs: Path, tmp_path: Path, encoder: GatedEncoder) -> None:
    with half_done(docs, tmp_path / "index", encoder) as index:
        assert encoder.embedded == []
        assert len(index.documents()) == len(TOPICS)
        assert {record.status for record in index.documents()} == {"pending"}
        assert (index.stats().documents, index.stats().pending_chunks) == (10, 10)
        for mode in ("hybrid", "lexical"):
            hits = index.search("walnut", mode=mode)
            assert [(hit.source, hit.pending, hit.dense_score) for hit in hits] == [("docs/walnut.txt", True, None)]
            assert 0 <= hits[0].relevance <= 1
        assert index.search("walnut", mode="dense") == []
        (status,) = folder_status(index)
        assert (status.indexed, status.awaiting) == (10, 10)
        assert {listed.state for listed in document_list(index)} == {"pending"}
    with opened(tmp_path / "index", encoder) as index:
        assert index.stats().pending_chunks == 0
        hit = index.search("walnut")[0]
        assert (hit.source, hit.pending) == ("docs/walnut.txt", False)
        assert hit.dense_score is not None


def test_afterwards_nothing_differs_from_one_pass(docs: Path, tmp_path: Path, encoder: GatedEncoder) -> None:
    with half_done(docs, tmp_path / "index", encoder):
        pass
    with opened(tmp_path / "index", encoder) as index:
        told = told_by(index)
        assert [path.suffix for path in (tmp_path / "index/segments").iterdir()] == [".segment"]
        assert sync(docs, index).unchanged == len(TOPICS)
    assert_same(told, in_one_pass(docs, tmp_path / "other"))
    assert_in_step(tmp_path / "index", encoder)


def test_a_few_documents_are_embedded_at_once(docs: Path, tmp_path: Path, encoder: GatedEncoder) -> None:
    for topic in TOPICS[3:]:
        (docs / f"{topic}.txt").unlink()
    held = []
    encoder.gate.set()
    with opened(tmp_path / "index", encoder) as index:
        sync(docs, index, on_progress=lambda progress: held.append(progress.held))
    assert set(held) == {0}


def test_files_modified_last_are_embedded_first(docs: Path, tmp_path: Path, encoder: GatedEncoder) -> None:
    write(docs / "granite.txt", "All about granite, which is old.", age=99)
    with half_done(docs, tmp_path / "index", encoder):
        pass
    embedded = [next(topic for topic in TOPICS if topic in text) for text in encoder.embedded]
    assert set(embedded[:8]) == set(TOPICS[1:9]), "two batches at once"
    assert set(embedded[8:]) == {"walnut", "granite"}


def test_the_next_sync_embeds_what_one_has_parsed_without_reading_it_again(
    docs: Path, tmp_path: Path, encoder: GatedEncoder
) -> None:
    assert interrupted(docs, tmp_path / "index", encoder).interrupted
    done = len(encoder.embedded)
    assert done < len(TOPICS)
    with opened(tmp_path / "index", encoder) as index:
        assert index.stats().pending_chunks == len(TOPICS) - done
        report = sync(docs, index, pool=NoParsers())
        assert (report.added, report.unchanged, report.failed) == (len(TOPICS) - done, done, ())
        assert len(encoder.embedded) == len(TOPICS)
        assert_same(told_by(index), in_one_pass(docs, tmp_path / "other"))


class NoParsers:
    """Fails where a file is to be parsed."""

    @contextmanager
    def parse(self, files: Sequence[object], *_: object, **__: object) -> Iterator[Iterator[object]]:
        assert not list(files)
        yield iter(())


def test_a_changed_document_is_found_in_its_new_version_alone(
    docs: Path, tmp_path: Path, encoder: GatedEncoder
) -> None:
    encoder.gate.set()
    with opened(tmp_path / "index", encoder) as index:
        sync(docs, index)
    for age, topic in enumerate(TOPICS):
        write(docs / f"{topic}.txt", f"All about {topic}. Nobody minds a {topic} in the savanna.", age=age)
    with half_done(docs, tmp_path / "index", encoder) as index:
        for mode in ("hybrid", "lexical"):
            hits = index.search("walnut savanna", mode=mode, collapse=False)
            assert [hit.source for hit in hits].count("docs/walnut.txt") == 1
            assert hits[0].source == "docs/walnut.txt"
            assert (hits[0].pending, "savanna" in hits[0].text) == (True, True)
        assert (index.stats().documents, index.stats().chunks, index.stats().pending_chunks) == (10, 10, 10)
        assert not [hit for hit in index.search("spring", mode="lexical") if hit.lexical_score > 0]
    with opened(tmp_path / "index", encoder) as index:
        assert_same(told_by(index), in_one_pass(docs, tmp_path / "other"))
    assert_in_step(tmp_path / "index", encoder)


def test_what_happens_to_a_file_meanwhile_counts(docs: Path, tmp_path: Path, encoder: GatedEncoder) -> None:
    interrupted(docs, tmp_path / "index", encoder)
    (docs / "granite.txt").unlink()
    write(docs / "heron.txt", "A heron in the savanna.", age=1)
    (docs / "walnut.txt").write_bytes(b"%PDF-1.4 and nothing else")
    (docs / "pepper.txt").rename(docs / "pepper-mill.txt")
    with opened(tmp_path / "index", encoder) as index:
        report = sync(docs, index)
        assert [failure.source for failure in report.failed] == ["docs/walnut.txt"]
        assert index.stats().pending_chunks == 0
        assert "walnut" in index.search("walnut", 1)[0].text, "the last version that could be read"
        index.delete(["docs/walnut.txt"])
        assert_same({**told_by(index), "records": {}}, {**in_one_pass(docs, tmp_path / "other"), "records": {}})
    assert_in_step(tmp_path / "index", encoder)


def test_a_document_can_be_deleted_while_it_is_pending(docs: Path, tmp_path: Path, encoder: GatedEncoder) -> None:
    interrupted(docs, tmp_path / "index", encoder)
    with opened(tmp_path / "index", encoder) as index:
        before = index.stats()
        assert index.delete(["docs/walnut.txt"]).documents == 1
        assert index.search("walnut", mode="lexical") == []
        assert index.stats().documents == before.documents - 1
        assert index.delete(["docs/"]).documents == before.documents - 1
        assert (index.stats().documents, index.stats().chunks) == (0, 0)


def test_a_damaged_file_of_pending_documents_costs_them_and_no_other(
    docs: Path, tmp_path: Path, encoder: GatedEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    interrupted(docs, tmp_path / "index", encoder, after=4)
    with opened(tmp_path / "index", encoder) as index:
        done = index.stats().chunks - index.stats().pending_chunks
    files = list((tmp_path / "index/segments").glob("*.pending"))
    assert files
    for number, file in enumerate(files):
        content = bytearray(file.read_bytes())
        file.write_bytes(content[: len(content) // 2] if number % 2 else bytes(len(content)))
    with opened(tmp_path / "index", encoder) as index, caplog.at_level(logging.WARNING):
        assert len(index.search("spring", 20)) == done
        assert "not found before the next sync" in caplog.text
        sync(docs, index)
        assert_same(told_by(index), in_one_pass(docs, tmp_path / "other"))
    assert_in_step(tmp_path / "index", encoder)


def test_an_archive_of_damaged_pending_documents_ends_with_a_way_out(
    docs: Path, tmp_path: Path, encoder: GatedEncoder
) -> None:
    interrupted(docs, tmp_path / "index", encoder, after=4)
    for file in (tmp_path / "index/segments").glob("*.pending"):
        file.write_bytes(bytes(file.stat().st_size))
    with opened(tmp_path / "index", encoder) as index:
        with pytest.raises(IndexDamagedError, match="`ingest sync` of their folder"):
            save(index, tmp_path / "archive")
        sync(docs, index)
        save(index, tmp_path / "archive")


def test_a_pending_file_that_loses_its_end_costs_its_documents_alone(
    docs: Path, tmp_path: Path, encoder: GatedEncoder
) -> None:
    interrupted(docs, tmp_path / "index", encoder, after=4)
    with opened(tmp_path / "index", encoder) as index:
        done = 10 - index.stats().pending_chunks
        for file in (tmp_path / "index/segments").glob("*.pending"):
            os.truncate(file, file.stat().st_size // 2)
        assert len(index.search("spring", 20)) == done


def test_a_long_sync_keeps_no_file_that_it_has_replaced(
    docs: Path, tmp_path: Path, encoder: GatedEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.writer.writer._FIRST_COMMIT", 1)
    counts: list[int] = []
    generations, segments = tmp_path / "index/generations", tmp_path / "index/segments"
    encoder.gate.set()
    with opened(tmp_path / "index", encoder) as index:

        def look(_: Progress) -> None:
            written = list(generations.glob("*.json"))
            counts.append(len(written))
            named = {name for file in written for name in Manifest.read(generations, file.stem).files}
            unnamed = {file.name for file in segments.glob("*.segment")} - named
            assert len(unnamed) <= 1, "what is being merged"

        sync(docs, index, on_progress=look)
    assert max(counts) == 1


def test_resuming_with_vectors_takes_files_as_they_are_now(docs: Path, tmp_path: Path, encoder: GatedEncoder) -> None:
    interrupted(docs, tmp_path / "index", encoder)
    for age, topic in enumerate(TOPICS):
        write(docs / f"{topic}.txt", f"Now about {topic} in the savanna.", age=age)
    with opened(tmp_path / "index", encoder) as index:
        sync(docs, index, wait_for_vectors=True)
        assert_same(told_by(index), in_one_pass(docs, tmp_path / "other"))


def test_a_killed_sync_leaves_what_words_find(docs: Path, tmp_path: Path, encoder: GatedEncoder) -> None:
    with half_done(docs, tmp_path / "index", encoder):
        shutil.copytree(
            tmp_path / "index", tmp_path / "killed", ignore=UNFINISHED
        )  # as it lies on the disk at this moment
    other = GatedEncoder()
    other.gate.set()
    with opened(tmp_path / "killed", other) as index:
        assert [hit.source for hit in index.search("walnut")] == ["docs/walnut.txt"]
        assert sync(docs, index, pool=NoParsers()).added == len(TOPICS)
        assert_same(told_by(index), in_one_pass(docs, tmp_path / "other"))


def test_a_restricted_reader_sees_no_pending_document_of_others(
    docs: Path, tmp_path: Path, encoder: GatedEncoder
) -> None:
    with half_done(docs, tmp_path / "index", encoder) as index:
        seen = index.searcher().restricted({"source": "docs/heron.txt"})
        assert [record.source for record in seen.documents()] == ["docs/heron.txt"]
        assert [hit.source for hit in seen.search("heron walnut spring")] == ["docs/heron.txt"]
        assert seen.stats().pending_chunks == 1
        with pytest.raises(QueryError, match="awaits its vectors"):
            seen.similar("docs/heron.txt")
        with pytest.raises(QueryError, match="not in the index"):
            seen.similar("docs/walnut.txt")


def test_a_new_version_that_is_hidden_hides_the_old_one(docs: Path, tmp_path: Path, encoder: GatedEncoder) -> None:
    encoder.gate.set()
    with opened(tmp_path / "index", encoder) as index:
        sync(docs, index, metadata=lambda source, path: {"who": "everyone"})
        assert index.searcher().restricted({"who": "everyone"}).similar("docs/heron.txt")
    stop = threading.Event()
    with opened(tmp_path / "index", encoder) as index:
        sync(
            docs,
            index,
            metadata=lambda source, path: {"who": "alice" if "walnut" in source else "everyone"},
            stop=stop,
            on_progress=lambda progress: stop.set() if progress.held >= 10 else None,
        )
    with opened(tmp_path / "index", encoder) as index:
        with index.writing() as writer:
            writer.recover()  # as after a kill
        seen = index.searcher().restricted({"who": "everyone"})
        assert "docs/walnut.txt" not in {record.source for record in seen.documents()}
        assert "docs/walnut.txt" not in {other.source for other in seen.similar("docs/heron.txt", 20)}


def test_a_second_kill_loses_nothing_either(docs: Path, tmp_path: Path, encoder: GatedEncoder) -> None:
    with half_done(docs, tmp_path / "index", encoder):
        shutil.copytree(tmp_path / "index", tmp_path / "killed", ignore=UNFINISHED)
    other = GatedEncoder()
    with half_done(docs, tmp_path / "killed", other) as index:
        assert len(index.search("spring", 20)) == 10, "also while what was killed is taken up"
        shutil.copytree(tmp_path / "killed", tmp_path / "again", ignore=UNFINISHED)
    with opened(tmp_path / "again", other) as index:
        assert len(index.search("spring", 20)) == 10
        assert sync(docs, index, pool=NoParsers()).added == 10


def test_what_needs_vectors_leaves_pending_documents_out(docs: Path, tmp_path: Path, encoder: GatedEncoder) -> None:
    interrupted(docs, tmp_path / "index", encoder, after=4)
    with opened(tmp_path / "index", encoder) as index:
        done = 10 - index.stats().pending_chunks
        assert 4 <= done < 10
        hits = index.search("spring", 20, mmr_lambda=0.5, feedback="both")
        assert len(hits) == 10
        assert sum(hit.pending for hit in hits) == 10 - done
        assert len(index.search("spring", 20, group_by_document=True, document_score="mean")) == 10
        assert len(index.search("spring", 20, fusion="rrf")) == 10
        assert index.embedding_stats().chunks == done
        pending = {record.source for record in index.documents() if record.status == "pending"}
        with pytest.raises(ConfigError, match="await their vectors"):
            index.searcher().require_vectors("tuning")
        similar = index.similar(next(source for source in map(of_topic, TOPICS) if source not in pending), 20)
        assert not pending.intersection(other.source for other in similar)
        assert len(similar) == done - 1


def of_topic(topic: str) -> str:
    return f"docs/{topic}.txt"


def test_a_pending_hit_scores_as_its_words_do_on_the_common_scale(
    docs: Path, tmp_path: Path, encoder: GatedEncoder
) -> None:
    """Of two passages with the same BM25 score, that without a vector has the score of the lexical side."""
    interrupted(docs, tmp_path / "index", encoder, after=4)
    with opened(tmp_path / "index", encoder) as index:
        for fusion in ("dbsf", "convex"):
            options = {"fusion": fusion, "smoothing": 0.0, "highlight": False}
            hits = {hit.source: hit for hit in index.search("walnut spring heron", 20, alpha=0.6, **options)}
            nearly_words = {hit.source: hit for hit in index.search("walnut spring heron", 20, alpha=1e-9, **options)}
            for source, hit in hits.items():
                if hit.pending:
                    assert hit.score == pytest.approx(nearly_words[source].score, abs=1e-6)


def test_an_archive_keeps_pending_documents(
    docs: Path, tmp_path: Path, encoder: GatedEncoder, open_archive: Callable[[Path, Path], None]
) -> None:
    interrupted(docs, tmp_path / "index", encoder, after=4)
    open_archive(tmp_path / "index", tmp_path / "restored")
    with opened(tmp_path / "restored", encoder) as index:
        assert len(index.search("spring", 20)) == 10
        sync(docs, index, pool=NoParsers())
        assert_same(told_by(index), in_one_pass(docs, tmp_path / "other"))


@pytest.fixture
def open_archive(tmp_path: Path, encoder: GatedEncoder) -> Callable[[Path, Path], None]:
    def through(index: Path, target: Path) -> None:
        with opened(index, encoder) as source:
            save(source, tmp_path / "archive")
        restore(tmp_path / "archive", target)

    return through


def test_a_rebuild_reads_pending_documents_again(docs: Path, tmp_path: Path, encoder: GatedEncoder) -> None:
    interrupted(docs, tmp_path / "index", encoder)
    rebuild(tmp_path / "index", encoder=encoder)
    with opened(tmp_path / "index", encoder) as index:
        assert index.stats().pending_chunks == 0
        assert_same(told_by(index), in_one_pass(docs, tmp_path / "other"))


def test_no_vector_is_made_up(docs: Path, tmp_path: Path, encoder: GatedEncoder) -> None:
    """What Chroma gets, also when a sync was interrupted and taken up again, are unit rows."""
    interrupted(docs, tmp_path / "index", encoder, after=4)
    with opened(tmp_path / "index", encoder) as index:
        sync(docs, index)
        with index.writing() as writer:
            ids = writer.store.chunk_ids()
            vectors = np.concatenate([found for _, found in writer.store.read_chunks(ids)])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
