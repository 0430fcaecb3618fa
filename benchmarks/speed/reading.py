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
from retrieval.segments.reader import IndexReader

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
    options = SearchOptions(top_k=10, fusion=CONFIG.fusion, alpha=CONFIG.alpha)
    asked = {name: made_up_queries(reader, QUERIES + WARMING) for name, reader in readers.items()}
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    for turn in zip(*asked.values(), strict=True):
        for (name, reader), query in zip(readers.items(), turn, strict=True):
            with Cost() as cost:
                search(reader, query, options)
            seconds[name].append(cost.wall)
    figures: dict[str, float] = {}
    for name, reader in readers.items():
        measured = seconds[name][WARMING:]
        figures[f"segments, {name}"] = len(reader.segments)
        figures[f"search p50 ms, {name}"] = 1000 * statistics.median(measured)
        figures[f"search p99 ms, {name}"] = 1000 * float(np.quantile(measured, 0.99))
    return figures


def made_up_queries(reader: IndexReader, count: int) -> list[Query]:
    """As embedded, but by nothing."""
    vectors = unit_vectors(np.random.default_rng(7), (count, reader.vectors.shape[1]))
    return [
        Query(text, terms_by_language(text, reader.languages), vector)
        for text, vector in zip(questions(count, seed=1), vectors, strict=True)
    ]
