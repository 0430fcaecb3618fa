"""Whether a trained model is better than what it began as: told by questions to documents that it has not seen."""

from collections.abc import Mapping
from dataclasses import dataclass

from retrieval.config import Config, Mode
from retrieval.evaluation.cross_validation import Interval, confidence_interval
from retrieval.evaluation.significance import compare, paired_differences
from retrieval.model_comparison.comparison import ALPHA, FEW, MODES, chance
from retrieval.model_comparison.trial import MEASURES
from retrieval.training.unseen import Measured, Unseen, measure
from retrieval.words import counted


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one mode, in nDCG@10: means before and after, the 95% interval and the chance of the difference, and how many
    questions are answered better, as well, and worse."""

    before: float
    after: float
    interval: Interval
    p_value: float
    wins: int
    ties: int
    losses: int


@dataclass(frozen=True, slots=True)
class Sides:
    """Both models on the same questions."""

    questions: int
    before: Measured
    after: Measured
    differences: Mapping[Mode, Difference]


@dataclass(frozen=True, slots=True)
class Verdict:
    """own         on documents of the index that were not seen
    elsewhere   on others, to see what was forgotten; None where none were given
    take        whether the trained model is recommended
    reason      why, or why not: a sentence
    """

    own: Sides
    elsewhere: Sides | None
    take: bool
    reason: str


def judge_training(before: Config, after: Config, own: Unseen, elsewhere: Unseen | None = None) -> Verdict:
    """Ask both models the same. Raises as `measure`."""
    sides = [
        compare_sides(measure(unseen, before), measure(unseen, after))
        for unseen in (own, elsewhere)
        if unseen is not None
    ]
    return decide(sides[0], sides[1] if elsewhere is not None else None)


def compare_sides(before: Measured, after: Measured) -> Sides:
    """Raises ConfigError where scipy is missing."""
    differences: dict[Mode, Difference] = {}
    for mode in MODES:
        earlier, later = before.figures[mode], after.figures[mode]
        found = compare(later, earlier, MEASURES[0])
        interval = confidence_interval(paired_differences(later, earlier, MEASURES[0]))
        means = earlier.means[MEASURES[0]], later.means[MEASURES[0]]
        differences[mode] = Difference(*means, interval, found.p_value, found.wins, found.ties, found.losses)
    return Sides(len(before.figures[MODES[0]].values[MEASURES[0]]), before, after, differences)


def decide(own: Sides, elsewhere: Sides | None = None) -> Verdict:
    """The trained model is recommended where hybrid search with it is better by more than luck, and not worse elsewhere
    by more than luck."""
    hybrid = own.differences["hybrid"]
    lost = elsewhere.differences["hybrid"] if elsewhere is not None else None
    if hybrid.p_value > ALPHA:
        take, reason = False, f"the difference cannot be told from luck{_few(own)}: keep the model that is there"
    elif hybrid.after < hybrid.before:
        take, reason = False, "hybrid search is worse with it: keep the model that is there"
    elif lost is not None and lost.after < lost.before and lost.p_value <= ALPHA:
        take = False
        reason = f"it is better here, but on other documents worse ({_in_words(lost)}): keep the model that is there"
    else:
        take, reason = True, "it is better by more than luck: take the trained model"
    return Verdict(own, elsewhere, take, f"Hybrid {MEASURES[0]} {_in_words(hybrid)}: {reason}.")


def _in_words(difference: Difference) -> str:
    return f"{difference.before:.3f} before and {difference.after:.3f} after, {chance(difference.p_value)}"


def _few(sides: Sides) -> str:
    return f" with {counted(sides.questions, 'question')}" if sides.questions < FEW else ""
