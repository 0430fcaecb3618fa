"""How well an index answers a collection's queries, by mode, in the field's measures."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Protocol

from retrieval.errors import ConfigError
from retrieval.evaluation.collection import Collection
from retrieval.search import Mode
from retrieval.types import SearchHit

_QUERIES_AT_ONCE = 256  # bounds the hits that are in memory together


class Searchable(Protocol):
    """What evaluation needs of an index: the hits of each query, best first, one for each document."""

    def search_batch(
        self, queries: Sequence[str], top_k: int, *, mode: Mode, group_by_document: bool
    ) -> list[list[SearchHit]]: ...


def evaluate(
    index: Searchable,
    collection: Collection,
    *,
    modes: Sequence[Mode] = ("lexical", "dense", "hybrid"),
    measures: Sequence[str] = ("nDCG@10", "RR@10", "R@100", "AP"),
    depth: int = 100,
) -> dict[str, dict[str, float]]:
    """mode -> measure -> mean over all judged queries, in [0, 1]; a query without an answer counts as zero.

    A document is ranked by its best chunk: `SearchHit.source` is the document's id, and its first hit counts. Equal
    scores keep the index's order, which is what a user sees.

    measures   as ir_measures writes them (https://ir-measur.es): nDCG@10, RR@10, R@100, P@5, AP (which is MAP).
    depth      documents asked for each query.

    Raises ConfigError for a measure that is unknown or looks deeper than `depth`, and where ir-measures is missing.
    """
    ir_measures = _import_ir_measures()
    parsed = {name: _parse_measure(ir_measures, name, depth=depth) for name in measures}
    try:
        evaluator = ir_measures.evaluator(list(dict.fromkeys(parsed.values())), collection.qrels)
    except (ValueError, AssertionError) as error:  # it asserts that a measure's parameters are given
        cause = " ".join(str(error).split())
        raise ConfigError(f"ir_measures cannot compute {', '.join(measures)}: {cause}.") from error
    figures: dict[str, dict[str, float]] = {}
    for mode in modes:
        means = evaluator.calc_aggregate(_run(index, collection.queries, mode=mode, depth=depth))
        figures[mode] = {name: float(means[measure]) for name, measure in parsed.items()}
    return figures


def _run(index: Searchable, queries: Mapping[str, str], *, mode: Mode, depth: int) -> dict[str, dict[str, float]]:
    """query id -> document id -> a score that falls by 1 with each rank.

    trec_eval, which computes the figures, rounds scores to float32 and breaks ties by document id; ranks survive both.
    """
    run: dict[str, dict[str, float]] = {}
    ids = list(queries)
    for start in range(0, len(ids), _QUERIES_AT_ONCE):
        batch = ids[start : start + _QUERIES_AT_ONCE]
        answers = index.search_batch([queries[query] for query in batch], depth, mode=mode, group_by_document=True)
        for query, hits in zip(batch, answers, strict=True):
            sources = dict.fromkeys(hit.source for hit in hits)
            run[query] = {source: float(-rank) for rank, source in enumerate(sources, start=1)}
    return run


def _import_ir_measures() -> ModuleType:
    try:
        import ir_measures
    except ImportError as error:
        raise ConfigError(
            'Evaluation needs the package ir-measures; run: pip install "hybrid-retrieval[evaluate]"'
        ) from error
    module: ModuleType = ir_measures
    return module


def _parse_measure(ir_measures: ModuleType, name: str, *, depth: int) -> Any:
    try:
        measure = ir_measures.parse_measure(name)
    except (NameError, ValueError, SyntaxError, TypeError) as error:
        raise ConfigError(f"{name!r} is no measure that ir_measures knows; write it like nDCG@10 or AP.") from error
    cutoff = measure.params.get("cutoff", 0)
    if cutoff > depth:
        raise ConfigError(f"{name} looks at {cutoff} documents and depth is {depth}; evaluate with depth={cutoff}.")
    return measure
