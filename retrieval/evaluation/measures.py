"""How well an index answers a collection's queries, by mode, in the field's measures.

All figures are ir_measures': MacAvaney, Macdonald & Ounis 2022, "Streamlining Evaluation with ir-measures".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from retrieval.config import Mode
from retrieval.errors import ConfigError
from retrieval.evaluation.collection import Collection
from retrieval.evaluation.judgements import Qrels
from retrieval.evaluation.runs import Run, Searchable, answer

MODES: tuple[Mode, ...] = ("lexical", "dense", "hybrid")
MEASURES = ("nDCG@10", "RR@10", "R@100", "AP")
DEPTH = 100


@dataclass(frozen=True, slots=True)
class Figures:
    """How good a run is.

    means    measure -> mean over all judged queries
    values   measure -> query id -> value, in the order of the judgements; 0 for a query without an answer
    """

    means: Mapping[str, float]
    values: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """A run, and how good it is."""

    run: Run
    figures: Figures


class Judge:
    """Computes measures of runs against one set of judgements.

    measures   as ir_measures writes them (https://ir-measur.es): nDCG@10, RR@10, R@100, P@5, AP (which is MAP).
    depth      the documents that a run has for each query, at most.

    Raises ConfigError for a measure that is unknown or looks deeper than `depth`, and where ir-measures is missing.
    """

    def __init__(self, qrels: Qrels, measures: Sequence[str], *, depth: int = DEPTH) -> None:
        ir_measures = _import_ir_measures()
        self._measures = {name: _parse_measure(ir_measures, name, depth=depth) for name in measures}
        self._queries = tuple(qrels)
        self.cutoff = max((measure.params.get("cutoff", depth) for measure in self._measures.values()), default=depth)
        """What stands below in a run changes no figure."""
        try:
            self._evaluator = ir_measures.evaluator(list(dict.fromkeys(self._measures.values())), qrels)
        except (ValueError, AssertionError) as error:  # it asserts that a measure's parameters are given
            cause = " ".join(str(error).split())
            raise ConfigError(f"ir_measures cannot compute {', '.join(measures)}: {cause}.") from error

    def figures(self, run: Run) -> Figures:
        means, per_query = self._evaluator.calc(run)
        values: dict[Any, dict[str, float]] = {}
        for query, measure, value in per_query:
            values.setdefault(measure, {})[query] = float(value)
        return Figures(
            means={name: float(means[measure]) for name, measure in self._measures.items()},
            values={
                name: {query: values[measure][query] for query in self._queries}
                for name, measure in self._measures.items()
            },
        )


def judge(
    index: Searchable,
    collection: Collection,
    *,
    modes: Sequence[Mode] = MODES,
    measures: Sequence[str] = MEASURES,
    depth: int = DEPTH,
) -> dict[str, JudgedRun]:
    """mode -> what the index answers to all judged queries, and how good that is, query by query.

    A document is ranked by its best chunk: `SearchHit.source` is the document's id, and its first hit counts. Equal
    scores keep the index's order, which is what a user sees.

    depth   documents asked for each query.

    Raises ConfigError as `Judge`, before anything is asked.
    """
    judge_ = Judge(collection.qrels, measures, depth=depth)
    judged: dict[str, JudgedRun] = {}
    for mode in modes:
        run = answer(index, collection.queries, mode=mode, depth=depth)
        judged[mode] = JudgedRun(run, judge_.figures(run))
    return judged


def judge_run(run: Run, qrels: Qrels, *, measures: Sequence[str] = MEASURES) -> JudgedRun:
    """How good an earlier run, or another system's, is: `read_run` reads one. Raises ConfigError as `Judge`."""
    depth = max((len(documents) for documents in run.values()), default=0)
    return JudgedRun(run, Judge(qrels, measures, depth=max(depth, DEPTH)).figures(run))


def evaluate(
    index: Searchable,
    collection: Collection,
    *,
    modes: Sequence[Mode] = MODES,
    measures: Sequence[str] = MEASURES,
    depth: int = DEPTH,
) -> dict[str, dict[str, float]]:
    """mode -> measure -> mean over all judged queries, a query without an answer counting as zero; else as `judge`."""
    judged = judge(index, collection, modes=modes, measures=measures, depth=depth)
    return {mode: dict(answers.figures.means) for mode, answers in judged.items()}


def _import_ir_measures() -> ModuleType:
    try:
        import ir_measures
    except ImportError as error:
        raise missing_extra("ir-measures") from error
    module: ModuleType = ir_measures
    return module


def missing_extra(package: str) -> ConfigError:
    return ConfigError(f'Evaluation needs the package {package}; run: pip install "hybrid-retrieval[evaluate]"')


def _parse_measure(ir_measures: ModuleType, name: str, *, depth: int) -> Any:
    try:
        measure = ir_measures.parse_measure(name)
    except (NameError, ValueError, SyntaxError, TypeError) as error:
        raise ConfigError(f"{name!r} is no measure that ir_measures knows; write it like nDCG@10 or AP.") from error
    cutoff = measure.params.get("cutoff", 1)
    if cutoff < 1:
        raise ConfigError(f"{name} looks at {cutoff} documents; look at one at least.")
    if cutoff > depth:
        raise ConfigError(f"{name} looks at {cutoff} documents and depth is {depth}; evaluate with depth={cutoff}.")
    return measure
