"""How fast a search is, and how much memory it takes, in made-up indexes of many sizes.

Each is built and searched in a process of its own, with questions of seven words, embedded by the default model. Memory
is what the process holds beyond what it held before it opened the index, the pages of mapped files among it.
"""

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.processes import apart
from benchmarks.speed.made_up import CONFIG, build, questions
from benchmarks.speed.measuring import resident, timed
from benchmarks.speed.tables import as_measured
from retrieval import HybridIndex
from retrieval.config import Mode
from retrieval.encoders import Embedder
from retrieval.timing import hearing
from retrieval.types import Vectors

MODES: tuple[Mode, ...] = ("hybrid", "dense", "lexical")
QUERIES, BATCH = 200, 1000

Figures = dict[int, dict[str, float]]
"""Number of chunks -> what was measured in an index of so many."""


def measure(sizes: Sequence[int], *, scratch: Path) -> Iterator[Figures]:
    """The figures after each size: the largest takes longer than all others, and most of what can be lacking.

    scratch   where the indexes are made, one after the other; 2.7 KB a chunk
    """
    figures: Figures = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=scratch) as directory:
            index = Path(directory, "index")
            figures[size] = {"build s": apart(build, index, size), **apart(of_searches, index)}
        yield figures


def of_searches(path: Path) -> dict[str, float]:
    embedder = Embedder.load(CONFIG)
    embedder.embed_queries(["warm"])
    before = resident()
    started = time.perf_counter()
    with HybridIndex.open(path, config=CONFIG, read_only=True) as index:
        figures = {"open s": time.perf_counter() - started}
        index._embedder = embedder
        seconds, stages = searched(index)
        for mode in MODES:
            figures[f"{mode} p50 ms"] = 1000 * statistics.median(seconds[mode])
            figures[f"{mode} p99 ms"] = 1000 * float(np.quantile(seconds[mode], 0.99))
        figures["embedding p50 ms"] = 1000 * statistics.median(stages["embedding"])
        figures["resident MB"] = resident() - before
        asked = questions(BATCH, seed=4)
        started = time.perf_counter()
        index.search_batch(asked)
        figures["batch ms"] = 1000 * (time.perf_counter() - started) / BATCH
        figures["batch v. single"] = figures["hybrid p50 ms"] / figures["batch ms"]
        figures["numpy scan ms"] = 1000 * exhaustive(index, embedder.embed_queries(asked[:20]))
        figures["scan v. ours"] = figures["numpy scan ms"] / 1000 / statistics.median(stages["dense"])
    return figures


def searched(index: HybridIndex) -> tuple[dict[Mode, list[float]], dict[str, list[float]]]:
    """Seconds of each search by mode, and of each stage of them; the modes take turns, each with its own questions."""
    asked = {mode: questions(QUERIES, seed=seed) for seed, mode in enumerate(MODES, 1)}
    seconds: dict[Mode, list[float]] = {mode: [] for mode in MODES}
    stages: dict[str, list[float]] = defaultdict(list)
    for mode in MODES:
        index.search(asked[mode][0], mode=mode)
    with hearing(lambda name, took: stages[name].append(took)):
        for turn in zip(*asked.values(), strict=True):
            for mode, question in zip(MODES, turn, strict=True):
                seconds[mode] += timed(partial(index.search, mode=mode), [question])
    return seconds, stages


def exhaustive(index: HybridIndex, queries: Vectors) -> float:
    """Median seconds of a product with all vectors, and the hundred best of it."""
    vectors = np.array(index.searcher().reader.vectors)

    def scan(query: Vectors) -> NDArray[np.intp]:
        scores = vectors @ query
        return np.argpartition(scores, -min(100, len(scores)))[-100:]

    return statistics.median(timed(scan, queries))


def table(figures: Figures) -> str:
    return as_measured("chunks", {f"{size:,}": row for size, row in figures.items()})
