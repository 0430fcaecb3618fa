"""Opening an index, its filters, and searches in it that take turns in several generations."""

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.made_up import CONFIG, questions, unit_vectors
from benchmarks.speed.measuring import Cost, resident
from retrieval import HybridIndex
from retrieval.search import Query, SearchOptions, search
from retrieval.search.query import terms_by_language
from retrieval.segments.live_segment import LiveSegment
from retrieval.segments.manifest import Manifest
from retrieval.segments.reader import IndexReader
from retrieval.segments.write_segment import merge_segments

QUERIES, WARMING = 200, 20

_FILTERS: dict[str, Mapping[str, Any]] = {
    "first filter": {"team": "team 3"},
    "next filter": {"team": "team 4"},
    "range filter": {"ordinal": {"$lt": 3}},
    "filter of two": {"$and": [{"team": "team 5"}, {"ordinal": {"$gte": 5}}]},
}


def of_opening(path: Path) -> dict[str, float]:
    with Cost() as cost, HybridIndex.open(path, config=CONFIG, read_only=True) as index:
        reader = index.searcher().reader
    return {"open CPU ms": 1000 * cost.cpu, "open wall ms": 1000 * cost.wall, "segments": len(reader.segments)}


def of_filters(path: Path) -> dict[str, float]:
    figures: dict[str, float] = {}
    with HybridIndex.open(path, config=CONFIG, read_only=True) as index:
        reader = index.searcher().reader
        for name, where in _FILTERS.items():
            before = resident()
            with Cost() as cost:
                reader.select(where, None)
            figures[f"{name} CPU ms"] = 1000 * cost.cpu
            figures[f"{name} MB"] = resident() - before
    return figures


def of_searches(readers: Mapping[str, IndexReader]) -> dict[str, float]:
    """The readers take turns, with one question after the other."""
    options = SearchOptions.of(CONFIG, 10, {})
    asked = {name: made_up_queries(reader, QUERIES + WARMING) for name, reader in readers.items()}
    costs: dict[str, list[Cost]] = {name: [] for name in readers}
    for turn in zip(*asked.values(), strict=True):
        for (name, reader), query in zip(readers.items(), turn, strict=True):
            with Cost() as cost:
                search(reader, query, options)
            costs[name].append(cost)
    figures: dict[str, float] = {}
    for name, reader in readers.items():
        measured = costs[name][WARMING:]
        wall = [cost.wall for cost in measured]
        figures[f"search, {name}, segments"] = len(reader.segments)
        figures[f"search, {name}, p50 ms"] = 1000 * statistics.median(wall)
        figures[f"search, {name}, p99 ms"] = 1000 * float(np.quantile(wall, 0.99))
        figures[f"search, {name}, p50 CPU ms"] = 1000 * statistics.median(cost.cpu for cost in measured)
    return figures


def in_one_segment(reader: IndexReader, directory: Path) -> IndexReader:
    """The same rows without deleted ones, in a file in `directory`."""
    segment = merge_segments(directory, reader.live)
    return IndexReader(Manifest(reader.state), [LiveSegment(segment)], CONFIG)


def made_up_queries(reader: IndexReader, count: int) -> list[Query]:
    """As embedded, but by nothing."""
    vectors = unit_vectors(np.random.default_rng(7), (count, reader.vectors.shape[1]))
    return [
        Query(text, terms_by_language(text, reader.languages_by_size), vector)
        for text, vector in zip(questions(count, seed=1), vectors, strict=True)
    ]
