"""Choosing on some queries and measuring on others.

What was chosen because it is the best on some queries looks better on those than it is. So it is chosen on all folds of
the queries but one and measured on that one, fold by fold (Stone 1974, "Cross-Validatory Choice and Assessment of
Statistical Predictions"). What counts is the gain on queries that took no part in the choice, and its confidence
interval, over resampled queries (Sakai 2006, "Evaluating Evaluation Metrics based on the Bootstrap"; Efron 1987,
"Better Bootstrap Confidence Intervals").
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import ConfigError
from retrieval.evaluation.measures import missing_extra

Values = NDArray[np.float64]

SEED = 19870301
RESAMPLES = 10_000
_BATCH = 500  # resamples in memory together
_EQUAL = 1e-9


class Interval(NamedTuple):
    """A 95% confidence interval."""

    low: float
    high: float


def check_folds(queries: int, folds: int) -> None:
    """Raises ConfigError where there are too few."""
    if folds < 2:
        raise ConfigError(f"Cross-validation needs at least 2 folds, not {folds}.")
    if queries < 2 * folds:
        raise ConfigError(
            f"{queries} judged queries are too few for {folds} folds, which need {2 * folds}; judge more, or take "
            "fewer folds."
        )


def cross_validate(values: Values, *, folds: int) -> tuple[list[int], list[NDArray[np.intp]]]:
    """For each fold the row that is best on all others, and the fold's queries (columns), as `parts` draws them."""
    held_out = parts(values.shape[1], folds)
    return [best_row(np.delete(values, fold, axis=1)) for fold in held_out], held_out


def parts(queries: int, folds: int) -> list[NDArray[np.intp]]:
    """The folds: of so many queries their numbers, drawn with a fixed seed."""
    return [np.sort(part) for part in np.array_split(np.random.default_rng(SEED).permutation(queries), folds)]


def best_row(values: Values) -> int:
    """The first among those with the highest mean, but for rounding."""
    means = values.mean(axis=1)
    return int(np.argmax(means >= means.max() - _EQUAL))


def confidence_interval(differences: Values) -> Interval:
    """95%, of the mean over queries, by the bias-corrected and accelerated bootstrap with a fixed seed."""
    try:
        from scipy.stats import bootstrap
    except ImportError as error:
        raise missing_extra("scipy") from error
    mean = float(differences.mean())
    if np.ptp(differences) <= _EQUAL:
        return Interval(mean, mean)
    result = bootstrap(
        (differences,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=_BATCH,
        confidence_level=0.95,
        method="BCa",
        rng=np.random.default_rng(SEED),
    )
    return Interval(float(result.confidence_interval.low), float(result.confidence_interval.high))
