"""A learned fusion, fitted to judged questions and measured on others.

A passage of a more relevant document should score higher than one of a less relevant document: logistic regression over
all such pairs of a question's passages (RankNet with a linear model; Burges et al. 2005, "Learning to Rank using
Gradient Descent"), with the same weight for each question and a ridge penalty. Features are in standard deviations, and
weights are at least 0, since a higher feature speaks for a passage. Without negative weights, correlated features share
their weight; with them, they would cancel out, and a few questions would not show it.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.evaluation.cross_validation import Values, best_row, parts
from retrieval.evaluation.measures import missing_extra

STRENGTHS = (0.1, 0.01, 0.001)
"""Of the ridge penalty; of equally good ones, the first is chosen."""

_INNER = 4
"""Folds by which the strength is chosen within the questions that are fitted to."""

_LEAST = 1e-9
"""A smaller standard deviation counts as 0."""

Weights = NDArray[np.float64]

Measure = Callable[[Sequence[Weights]], Values]
"""The slopes that rank each question's passages -> float64 [questions], how well each is answered."""


class Question:
    """A judged question's passages.

    features     float64 [k, n]
    relevances   [k], of the passages' documents
    """

    def __init__(self, features: NDArray[np.float64], relevances: Sequence[float]) -> None:
        self.features = features
        self._relevances = np.maximum(np.asarray(relevances, np.float64), 0)

    @cached_property
    def pairs(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """float64 [p, n], the features of a more relevant passage minus those of a less relevant one, and float64 [p],
        the weight of each pair: proportional to the difference in relevance, with the sum 1."""
        better, worse = np.nonzero(self._relevances[:, None] > self._relevances)
        gains = self._relevances[better] - self._relevances[worse]
        return self.features[better] - self.features[worse], gains / max(gains.sum(), _LEAST)


class Fitted(NamedTuple):
    """weights and deviations, float64 [n] each: the weight of a standard deviation of each feature, and that deviation
    among a question's passages, the root mean square over the questions."""

    weights: Weights
    deviations: Weights

    @property
    def slopes(self) -> Weights:
        return self.weights / self.deviations


class CrossFitted(NamedTuple):
    """fitted to all questions; values, float64 [questions], each measured with the weights of the other folds."""

    fitted: Fitted
    values: Values


def cross_fit(questions: Sequence[Question], measure: Measure, *, folds: int) -> CrossFitted:
    """Fit to all questions, and measure by cross-validation how good such weights are on other questions.

    The strength of the penalty is chosen within the questions that are fitted to. Raises ConfigError where scipy is
    missing.
    """
    everything = np.arange(len(questions))
    slopes: list[Weights] = [np.empty(0)] * len(questions)
    for held_out in parts(len(questions), folds):
        others = np.setdiff1d(everything, held_out)
        fitted = _fit_chosen(questions, others, measure)
        for number in held_out.tolist():
            slopes[number] = fitted.slopes
    return CrossFitted(_fit_chosen(questions, everything, measure), measure(slopes))


def fit(questions: Sequence[Question], *, strength: float) -> Fitted:
    """All weights are 0 where no passage is more relevant than another. Raises as `cross_fit`."""
    try:
        from scipy.optimize import minimize
    except ImportError as error:
        raise missing_extra("scipy") from error
    variances = np.mean([question.features.var(axis=0) for question in questions], axis=0)
    deviations = np.sqrt(variances)
    deviations[deviations < _LEAST] = np.inf  # such a feature ranks nothing
    pairs, gains = zip(*(question.pairs for question in questions), strict=True)
    differences, weights = np.concatenate(pairs) / deviations, np.concatenate(gains) / len(questions)

    def loss(slopes: Weights) -> tuple[float, Weights]:
        """The mean of ln(1 + e^-margin) with the penalty, and its gradient; without overflow, in one exponential."""
        margins = np.einsum("pn,n->p", differences, slopes)
        small = np.exp(-np.abs(margins))
        losses = np.log1p(small) + np.maximum(-margins, 0)
        missing = np.where(margins > 0, small, 1) / (1 + small)
        penalised = float((weights * losses).sum() + strength / 2 * (slopes**2).sum())
        return penalised, strength * slopes - np.einsum("p,pn->n", weights * missing, differences)

    start = np.zeros(len(deviations))
    # Neither einsum nor TNC uses BLAS, whose threads wait for one another on busy processors: with so few columns that
    # takes ten times as long.
    bounds, options = [(0, None)] * len(start), {"maxfun": 1000}
    found = minimize(loss, start, jac=True, method="TNC", bounds=bounds, options=options)
    return Fitted(np.asarray(found.x, np.float64), deviations)


def _fit_chosen(questions: Sequence[Question], chosen: NDArray[np.intp], measure: Measure) -> Fitted:
    """Fitted to the chosen questions, with the strength that is best in a cross-validation of these questions."""
    inner = [chosen[part] for part in parts(len(chosen), min(_INNER, len(chosen)))]
    values = np.empty((len(STRENGTHS), len(chosen)))
    for row, strength in enumerate(STRENGTHS):
        slopes: list[Weights] = [np.zeros(questions[0].features.shape[1])] * len(questions)
        for held_out in inner:
            fitted = fit([questions[number] for number in np.setdiff1d(chosen, held_out)], strength=strength)
            for number in held_out.tolist():
                slopes[number] = fitted.slopes
        values[row] = measure(slopes)[chosen]
    return fit([questions[number] for number in chosen], strength=STRENGTHS[best_row(values)])
