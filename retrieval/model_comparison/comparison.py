"""Trials of several models -> how they compare, and which to take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from retrieval.config import Mode
from retrieval.evaluation.cross_validation import Interval, confidence_interval
from retrieval.evaluation.significance import compare
from retrieval.model_comparison.trial import MEASURES, Material, QuestionKind, Trial

MODES: tuple[Mode, ...] = ("hybrid", "dense")
"""That are compared; what a search is without a model is told once."""

FEW = 50
"""Questions below which an interval is narrower than it should be: it knows only what it has seen."""

ALPHA = 0.05
"""A chance below which a difference is taken for more than luck."""
_NOTICEABLE = 0.05
"""A difference that counts though it may be luck, since few questions prove nothing. Spärck Jones 1974, "Automatic
Indexing", calls such a one noticeable."""

_AS_FAST = 0.9
"""Of the fastest one's speed, from which on two are as fast and the smaller is taken."""


class Estimate(NamedTuple):
    """A mean over the questions, and its 95% confidence interval, over resampled questions."""

    mean: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Recommendation:
    """label is the model to take; reason says why, as the end of a sentence that begins with it."""

    label: str
    reason: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """How models compare, by their labels.

    name, kind, questions, notes   of the material
    refused         models that cannot be compared -> why
    quality         of each mode and measure; empty without questions
    p_values        by mode: of the first measure's difference to the model that is recommended, which has none
    recommendation  None without questions to tell the models by
    p_value_against_bm25   of the recommended model's hybrid search, in the first measure; None without a
                    recommendation
    """

    name: str
    kind: QuestionKind
    questions: int
    notes: tuple[str, ...]
    trials: Mapping[str, Trial]
    refused: Mapping[str, str]
    quality: Mapping[str, Mapping[Mode, Mapping[str, Estimate]]]
    p_values: Mapping[str, Mapping[Mode, float]]
    recommendation: Recommendation | None
    p_value_against_bm25: float | None


def compare_trials(material: Material, trials: Mapping[str, Trial], refused: Mapping[str, str]) -> Comparison:
    """Raises ConfigError where an extra is missing. There is a trial at least."""
    recommendation = recommend(trials) if material.queries else None
    reference = recommendation.label if recommendation is not None else ""
    return Comparison(
        name=material.name,
        kind=material.kind,
        questions=len(material.queries),
        notes=material.notes,
        trials=trials,
        refused=refused,
        quality={label: _quality(trial) for label, trial in trials.items() if trial.figures},
        p_values={
            label: {mode: _p_value(trial, trials[reference], mode) for mode in MODES}
            for label, trial in trials.items()
            if reference and label != reference
        },
        recommendation=recommendation,
        p_value_against_bm25=_p_value_against_bm25(trials[reference]) if recommendation is not None else None,
    )


def recommend(trials: Mapping[str, Trial]) -> Recommendation:
    """The model with the best hybrid answers; among those that cannot be told from it, the fastest, and among those as
    fast the smallest.

    Those cannot be told from it whose mean is less than .05 below, with a difference that may be luck: by paired
    randomisation tests, corrected for their number (Holm 1979, "A Simple Sequentially Rejective Multiple Test
    Procedure").
    """
    best = max(trials, key=lambda label: _mean(trials[label]))
    p_values = {label: _p_value(trials[label], trials[best], "hybrid") for label in trials if label != best}
    may_be_luck = _not_rejected(p_values)
    near = [label for label in may_be_luck if _mean(trials[label]) > _mean(trials[best]) - _NOTICEABLE]
    rivals = [best, *near]
    fastest = max(trials[label].tokens_per_second for label in rivals)
    as_fast = [label for label in rivals if trials[label].tokens_per_second >= _AS_FAST * fastest]
    chosen = min(as_fast, key=lambda label: (_size(trials[label]), label != best))
    return Recommendation(chosen, _reason(trials, chosen, rivals, p_values, may_be_luck))


def _reason(
    trials: Mapping[str, Trial],
    chosen: str,
    rivals: Sequence[str],
    p_values: Mapping[str, float],
    may_be_luck: Sequence[str],
) -> str:
    """rivals are the best and those that cannot be told from it."""
    best, measure = rivals[0], MEASURES[0]
    mean = _mean(trials[chosen])
    if len(trials) == 1:
        return f"no other could be compared (hybrid {measure} {mean:.3f})"
    if chosen == best and len(rivals) == 1:
        second = max((label for label in trials if label != best), key=lambda label: _mean(trials[label]))
        sure = "may be luck" if second in may_be_luck else "is more than luck"
        return (
            f"its hybrid {measure} of {mean:.3f} is above that of the next, {second} with {_mean(trials[second]):.3f}, "
            f"which {sure} ({chance(p_values[second])})"
        )
    if chosen == best:
        return (
            f"no other has a higher hybrid {measure} ({mean:.3f}), and what cannot be told from it "
            f"({', '.join(rivals[1:])}) is not clearly faster, nor as fast and smaller"
        )
    ahead = trials[chosen].tokens_per_second / trials[best].tokens_per_second
    gain = f"it embeds {ahead:.1f} times as fast" if ahead >= 1 / _AS_FAST else "it is smaller and about as fast"
    return (
        f"its hybrid {measure} of {mean:.3f} cannot be told from the best, {best} with {_mean(trials[best]):.3f} "
        f"({chance(p_values[chosen])}), and {gain}"
    )


def chance(p_value: float) -> str:
    """ "p = .012"."""
    return "p < .001" if p_value < 0.001 else f"p = {p_value:.3f}".replace("0.", ".", 1)


def _not_rejected(p_values: Mapping[str, float]) -> list[str]:
    """Those whose difference from the best may be luck."""
    ordered = sorted(p_values, key=lambda label: p_values[label])
    for place, label in enumerate(ordered):
        if p_values[label] > ALPHA / (len(ordered) - place):
            return ordered[place:]
    return []


def _mean(trial: Trial) -> float:
    return trial.figures["hybrid"].means[MEASURES[0]]


def _size(trial: Trial) -> float:
    return float("inf") if trial.facts.size is None else float(trial.facts.size)


def _p_value(trial: Trial, other: Trial, mode: Mode) -> float:
    return compare(trial.figures[mode], other.figures[mode], MEASURES[0]).p_value


def _p_value_against_bm25(trial: Trial) -> float:
    return compare(trial.figures["hybrid"], trial.figures["lexical"], MEASURES[0]).p_value


def _quality(trial: Trial) -> dict[Mode, dict[str, Estimate]]:
    return {
        mode: {
            measure: Estimate(mean, confidence_interval(np.array(list(figures.values[measure].values()))))
            for measure, mean in figures.means.items()
        }
        for mode, figures in trial.figures.items()
    }
