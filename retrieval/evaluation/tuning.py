"""Which settings answer a collection's queries best, and whether that is more than luck."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from retrieval.config import FusionMethod
from retrieval.errors import ConfigError
from retrieval.evaluation.collection import Collection
from retrieval.evaluation.cross_validation import (
    Interval,
    Values,
    best_row,
    check_folds,
    confidence_interval,
    cross_validate,
)
from retrieval.evaluation.learned_tuning import Learned, learn_fusion
from retrieval.evaluation.measures import DEPTH, Judge
from retrieval.evaluation.settings_grid import Rankings, Settings
from retrieval.learned_fusion import FusionWeights
from retrieval.searcher import Searcher


class Grid(NamedTuple):
    """The values to try, in all their combinations; the present ones are tried in any case."""

    fusion: tuple[FusionMethod, ...] = ("dbsf", "convex", "rrf")
    alpha: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    bm25_k1: tuple[float, ...] = (0.6, 0.9, 1.2, 1.5, 2.0)
    bm25_b: tuple[float, ...] = (0.3, 0.5, 0.75, 0.9)


@dataclass(frozen=True, slots=True)
class Fold:
    """What the other folds' queries chose, and the means over the fold's own queries with that and with the present."""

    queries: int
    chosen: Settings
    chosen_mean: float
    present_mean: float


@dataclass(frozen=True, slots=True)
class Tuning:
    """What came of it.

    measure       all means are its
    queries, tried   how many
    present       the index's settings; present_mean is their mean over all queries
    folds         each one's choice; fold_mean is the mean over all queries, each under the choice of its fold
    gain          fold_mean - present_mean: what choosing by such queries gains on others; interval is its 95%
                  confidence interval, over resampled queries with the choices as they are
    best          what all queries together choose; best_mean over the same queries flatters it
    learned       a fusion fitted to the queries; None where no weight is above 0
    """

    measure: str
    queries: int
    tried: int
    present: Settings
    present_mean: float
    folds: tuple[Fold, ...]
    fold_mean: float
    gain: float
    interval: Interval
    best: Settings
    best_mean: float
    learned: Learned | None = None

    @property
    def is_distinguishable(self) -> bool:
        """Whether the gain is: its whole interval lies above 0."""
        return self.interval.low > 0

    @property
    def recommended(self) -> Settings:
        """The learned fusion if it is significantly better than the present and the tuned settings; else the best
        settings if choosing gains significantly; else the present ones."""
        if self.learned is not None and self.learned.is_better:
            return self.learned.settings
        return self.best if self.is_distinguishable else self.present

    @property
    def fusion_weights(self) -> FusionWeights | None:
        """The weights of a learned fusion that is recommended; None for other settings."""
        return self.learned.weights if self.learned is not None and self.learned.is_better else None

    @property
    def keeps_present(self) -> bool:
        """Whether the present settings are recommended, with the weights that they have."""
        return self.recommended == self.present and self.fusion_weights is None


def tune(
    searcher: Searcher,
    collection: Collection,
    *,
    measure: str = "nDCG@10",
    folds: int = 5,
    grid: Grid | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Tuning:
    """Choose fusion, alpha, k1 and b by cross-validation on the collection's queries, and try a fusion fitted to them.

    Among equals, what changes least of the present settings is chosen. Higher means better, whatever the measure.

    grid          the values to try
    on_progress   is told how many of how many settings have been scored

    Raises ConfigError for fewer than 2 folds or 2 queries a fold, for an index without chunks or of which some await
    their vectors, and as `Judge`.
    """
    searcher.require_vectors("tuning")
    check_folds(len(collection.queries), folds)
    present = Settings.of(searcher.config)
    candidates = candidate_settings(present, grid or Grid())
    values = score_settings(searcher, collection, candidates, measure=measure, on_progress=on_progress)
    chosen_by_fold, held_out = cross_validate(values, folds=folds)
    now = values[0]
    chosen_values = np.empty_like(now)
    for chosen, queries in zip(chosen_by_fold, held_out, strict=True):
        chosen_values[queries] = values[chosen, queries]
    best = best_row(values)
    return Tuning(
        measure=measure,
        queries=len(now),
        tried=len(candidates),
        present=present,
        present_mean=float(now.mean()),
        folds=tuple(
            Fold(len(rows), candidates[row], float(values[row, rows].mean()), float(now[rows].mean()))
            for row, rows in zip(chosen_by_fold, held_out, strict=True)
        ),
        fold_mean=float(chosen_values.mean()),
        gain=float((chosen_values - now).mean()),
        interval=confidence_interval(chosen_values - now),
        best=candidates[best],
        best_mean=float(values[best].mean()),
        learned=learn_fusion(searcher, collection, measure=measure, folds=folds, present=now, tuned=chosen_values),
    )


def candidate_settings(present: Settings, grid: Grid) -> list[Settings]:
    """Each combination once: the present one first, then those that differ from it in fewer settings."""
    values = (sorted({*choices, now}) for choices, now in zip(grid, present, strict=True))
    combinations = [Settings(*combination) for combination in product(*values)]  # type: ignore[arg-type]
    different = {_canonical(settings, present): None for settings in combinations}
    return sorted(different, key=lambda settings: sum(a != b for a, b in zip(settings, present, strict=True)))


def score_settings(
    searcher: Searcher,
    collection: Collection,
    settings: Sequence[Settings],
    *,
    measure: str,
    on_progress: Callable[[int, int], None] | None = None,
) -> Values:
    """float64 [settings, queries]: the measure of each query, in the order of the judgements, as `judge` computes it
    for an index with these settings in mode "hybrid". Raises ConfigError as `tune`."""
    judge = Judge(collection.qrels, [measure])
    reader = searcher.reader
    if not reader.size:
        raise ConfigError("The index is empty: there is nothing to tune.")
    queries = dict(zip(collection.queries, searcher.queries(list(collection.queries.values())), strict=True))
    config = searcher.config
    rankings = Rankings(reader, depth=DEPTH, cutoff=judge.cutoff, smoothing=config.smoothing, feedback=config.feedback)
    by_bm25: dict[tuple[float, float], list[int]] = {}
    for row, (_, _, k1, b) in enumerate(settings):
        by_bm25.setdefault((k1, b), []).append(row)
    values = np.empty((len(settings), len(collection.qrels)))
    done = 0
    for (k1, b), rows in by_bm25.items():
        lexical = reader.lexical.with_parameters(k1=k1, b=b)
        options = [rankings.options(settings[row]) for row in rows]
        runs: dict[int, dict[str, dict[str, float]]] = {row: {} for row in rows}
        for name, query in queries.items():
            for row, documents in zip(rows, rankings.best_documents(query, lexical, options), strict=True):
                runs[row][name] = {document: float(-rank) for rank, document in enumerate(documents, start=1)}
        for row, run in runs.items():
            values[row] = list(judge.figures(run).values[measure].values())
        done += len(rows)
        if on_progress is not None:
            on_progress(done, len(settings))
    return values


def _canonical(settings: Settings, present: Settings) -> Settings:
    """The one that stands for all that answer alike: what does not matter stays as it is at present."""
    if settings.alpha == 1:
        return Settings(present.fusion, 1.0, present.bm25_k1, present.bm25_b)
    return settings._replace(fusion=present.fusion) if settings.alpha == 0 else settings
