"""A document that changes in a made-up index, again and again, beside readers in this process and in another."""

import multiprocessing
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.made_up import (
    CHUNKS_PER_DOCUMENT,
    CONFIG,
    WORDS,
    drawn_words,
    made_up_chunk,
    source_of,
    unit_vectors,
    vocabulary,
)
from benchmarks.speed.measuring import Cost, mean_cost, median_cost
from benchmarks.speed.no_chroma import NoChroma
from benchmarks.speed.reading import in_one_segment, of_searches
from ingest import add
from retrieval import Document, HybridIndex
from retrieval.directory.index_directory import IndexDirectory
from retrieval.encoders import Embedder
from retrieval.segments.reader import IndexReader
from retrieval.types import DocumentRecord, Vectors
from retrieval.writer.changes import Change
from retrieval.writer.writer import Writer

SINGLE = 20
"""Changes that are each followed by readers, and medians taken of."""

SEGMENTS = 10
"""As many as searches are measured with, where merges let there be so many."""

_MOST_CHANGES = 100
"""After which there are as many segments as there will be."""

_PARAGRAPH = 200
"""Words, each of them a token: a chunk has room for one such paragraph."""


class RandomEmbedder(Embedder):
    """Draws the vectors of passages; all else is the model's."""

    def embed_passages(self, passages: Sequence[str]) -> Vectors:
        return unit_vectors(np.random.default_rng(), (len(passages), self.dimension))


def without_chroma(path: Path, changes: int) -> dict[str, float]:
    """Single changes and what readers pay for each, searches after some, and the mean of many."""
    changer = Changer(path)
    with HybridIndex.open(path, config=CONFIG, read_only=True) as index, another(path) as refreshed:
        made, here, elsewhere = [], [], []
        for _ in range(SINGLE):
            made.append(changer.change())
            here.append(_refresh(index))
            elsewhere.append(refreshed())
        some = _most_segments(index, changer)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        searches = of_searches({"one segment": in_one_segment(some, Path(scratch)), "some segments": some})
    many = [changer.change() for _ in range(changes)]
    return {
        **_named("change", median_cost([whole for whole, _ in made])),
        **_named("commit", median_cost([committing for _, committing in made])),
        **_named("taken up here", median_cost(here)),
        **_named("taken up elsewhere", median_cost(elsewhere)),
        **_named(f"change, mean of {changes:,}", mean_cost([whole for whole, _ in many])),
        **_named(f"commit, mean of {changes:,}", mean_cost([committing for _, committing in many])),
        f"commit, slowest of {changes:,}, wall ms": 1000 * max(committing.wall for _, committing in many),
        **searches,
    }


def with_chroma(path: Path) -> dict[str, float]:
    """One document, changed through the door that users take."""
    random, words = np.random.default_rng(0), vocabulary()

    def text() -> str:
        drawn = drawn_words(random, len(words), (CHUNKS_PER_DOCUMENT, _PARAGRAPH)).tolist()
        return "\n\n".join(" ".join(words[word] for word in paragraph) for paragraph in drawn)

    costs = []
    with HybridIndex.open(path, config=CONFIG) as index:
        index._embedder = RandomEmbedder.load(CONFIG)
        add([Document(source="changed", text=text())], index)  # Chroma is open from here on
        for _ in range(SINGLE):
            document = Document(source="changed", text=text())
            with Cost() as cost:
                add([document], index)
            costs.append(cost)
    return _named("with Chroma", median_cost(costs))


class Changer:
    """Gives one document after the other ten new chunks, as a sync of a changed file does, but without a Chroma."""

    def __init__(self, path: Path) -> None:
        self._directory = IndexDirectory(path)
        self._embedder = RandomEmbedder.load(CONFIG)
        self._random = np.random.default_rng(0)
        self._words = vocabulary()
        with HybridIndex.open(path, config=CONFIG, read_only=True) as index:
            self._reader = index.searcher().reader
        self._store: Any = NoChroma(self._reader.state)
        self._documents = self._reader.size // CHUNKS_PER_DOCUMENT

    def change(self) -> tuple[Cost, Cost]:
        """What all of it cost, and what committing did."""
        number = int(self._random.integers(self._documents))
        source = source_of(number)
        words = drawn_words(self._random, len(self._words), (CHUNKS_PER_DOCUMENT, WORDS)).tolist()
        texts = [" ".join(self._words[word] for word in numbers) for numbers in words]
        chunks = [made_up_chunk(uuid.uuid4().hex, number, ordinal, text) for ordinal, text in enumerate(texts)]
        begun = DocumentRecord.begun(source, content_hash=uuid.uuid4().hex, indexed_ns=time.time_ns())
        change = Change(replace(begun, language="english"), chunks)
        with Cost() as whole:
            writer = Writer(
                self._directory,
                CONFIG,
                reader=self._reader,
                store=lambda: self._store,
                embedder=lambda: self._embedder,
            )
            writer.put([change])
            with Cost() as committing:
                writer.commit()
            writer.close()
        self._reader = writer.reader
        return whole, committing


@contextmanager
def another(path: Path) -> Iterator[Callable[[], Cost]]:
    """Another process that has the index open: each call takes up there what was committed, and says what it cost."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_read, args=(path, theirs))
    process.start()
    ours.recv()

    def refreshed() -> Cost:
        ours.send(True)
        cost: Cost = ours.recv()
        return cost

    try:
        yield refreshed
    finally:
        ours.send(False)
        process.join()


def _read(path: Path, asked: Connection) -> None:
    with HybridIndex.open(path, config=CONFIG, read_only=True) as index:
        asked.send(None)
        while asked.recv():
            asked.send(_refresh(index))


def _refresh(index: HybridIndex) -> Cost:
    """What is committed is newer than what the index has read."""
    with Cost() as cost:
        index.searcher()
    return cost


def _most_segments(index: HybridIndex, changer: "Changer") -> IndexReader:
    """After so many changes that there are SEGMENTS, or where merges keep them below, as many as there were."""
    most = index.searcher().reader
    for _ in range(_MOST_CHANGES):
        if len(most.segments) >= SEGMENTS:
            break
        changer.change()
        most = max(most, index.searcher().reader, key=lambda reader: len(reader.segments))
    return most


def _named(name: str, figures: dict[str, float]) -> dict[str, float]:
    return {f"{name}, {unit}": value for unit, value in figures.items()}
