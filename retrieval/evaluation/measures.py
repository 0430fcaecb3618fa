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
from retrieval.evaluation.runs import Run, Searchable, answer, first, reach

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
    """A run, all of it, and how good it is."""

    run: Run
    figures: Figures


class Judge:
    """Computes measures of runs against one set of judgements.

    measures   as ir_measures writes them (https://ir-measur.es): nDCG@10, RR@10, R@100, P@5, AP (which is MAP).
    depth      the documents that a run has for each query, at most.

    Raises ConfigError for a measure that is unknown, cannot be computed of these judgements, or looks deeper than
    `depth`, and where ir-measures is missing.
    """

    def __init__(self, qrels: Qrels, measures: Sequence[str], *, depth: int = DEPTH) -> None:
        ir_measures = _import_ir_measures()
        self._measures = {name: _parse_measure(ir_measures, name, depth=depth) for name in measures}
        self._queries = tuple(qrels)
        self.cutoff = max((measure.params.get("cutoff", depth) for measure in self._measures.values()), default=depth)
        """What stands below in a run changes no figure."""
        for name, measure in self._measures.items():
            _try(ir_measures, name, measure, qrels)
        self._evaluator = ir_measures.evaluator(list(dict.fromkeys(self._measures.values())), qrels)

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


def judge_run(run: Run, qrels: Qrels, *, measures: Sequence[str] = MEASURES, depth: int = DEPTH) -> JudgedRun:
    """How good an earlier run, or another system's, is: `read_run` reads one. Raises ConfigError as `Judge`.

    depth   the best documents of each query that count, as many as `judge` asks for.
    """
    return JudgedRun(run, Judge(qrels, measures, depth=depth).figures(first(run, depth)))


def judge_beside(
    baseline: Run, judged: Mapping[str, JudgedRun], qrels: Qrels, *, measures: Sequence[str], depth: int
) -> dict[str, JudgedRun]:
    """The same runs, and last "baseline", all judged as deep as the baseline reaches, and `depth` at most: a run is not
    the better one for having been asked for more. Raises ConfigError as `Judge`."""
    judge_ = Judge(qrels, measures, depth=depth)
    runs = {**{name: answers.run for name, answers in judged.items()}, "baseline": baseline}
    common = min(depth, reach(baseline))
    return {name: JudgedRun(run, judge_.figures(first(run, common))) for name, run in runs.items()}


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
        raise ConfigError(
            f"{name} looks at {cutoff} documents, and a run has {depth} for each query; take a cutoff of {depth} at "
            f"most, or evaluate at a depth of {cutoff} (`retrieve evaluate --depth {cutoff}`)."
        )
    return measure


def _try(ir_measures: ModuleType, name: str, measure: Any, qrels: Qrels) -> None:
    """One answer to one query tells whether the measure has a value for every query. Raises ConfigError."""
    answers = ((query, {document: 1.0}) for query, documents in qrels.items() for document in documents)
    try:
        computed = {value.query_id for value in ir_measures.evaluator([measure], qrels).iter_calc(dict([*answers][:1]))}
        cause = "not every query has a value"
    except Exception as error:  # measures run other programs, assert and divide; whatever goes wrong, it has no value
        computed, cause = set(), " ".join(f"{type(error).__name__}: {error}".split())
    if computed != set(qrels):
        raise ConfigError(
            f"ir_measures cannot compute {name} of these judgements with what is installed ({cause}); take another "
            "measure, such as nDCG@10."
        )
