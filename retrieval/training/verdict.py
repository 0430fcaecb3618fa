"""Whether a trained model is better than what it began as: told by questions to documents that it has not seen."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from retrieval.config import Config, Mode
from retrieval.evaluation.cross_validation import Interval, confidence_interval
from retrieval.evaluation.measures import Figures
from retrieval.evaluation.significance import compare, paired_differences
from retrieval.model_comparison.comparison import ALPHA, FEW, MODES, chance
from retrieval.model_comparison.trial import MEASURES
from retrieval.training.unseen import Measured, Unseen, measure
from retrieval.words import counted

SPACE_NAMES = {
    "alignment": "alignment",
    "uniformity": "uniformity",
    "mean_cosine": "anisotropy (mean cosine)",
    "effective_dimensions": "effective dimensions",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one mode, in one measure: means before and after, the 95% interval and the chance of the difference, and how
    many questions are answered better, as well, and worse."""

    before: float
    after: float
    interval: Interval
    p_value: float
    wins: int
    ties: int
    losses: int


@dataclass(frozen=True, slots=True)
class Sides:
    """Both models on the same questions: differences by mode and measure."""

    unseen: Unseen
    before: Measured
    after: Measured
    differences: Mapping[Mode, Mapping[str, Difference]]

    @property
    def questions(self) -> int:
        return len(self.unseen.queries)


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

    @property
    def sides(self) -> dict[str, Sides]:
        """By what the questions are asked of."""
        return {"unseen": self.own} if self.elsewhere is None else {"unseen": self.own, "elsewhere": self.elsewhere}


def judge_training(
    before: Config,
    after: Config,
    own: Unseen,
    elsewhere: Unseen | None = None,
    *,
    scratch: Path | None = None,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> Verdict:
    """Ask both models the same. `on_stage` is told what begins. Raises as `measure`."""
    sides = []
    for name, unseen in (("unseen", own), ("other", elsewhere)):
        if unseen is not None:
            measured = []
            for state, config in (("before", before), ("after", after)):
                on_stage(f"Asking {counted(len(unseen.queries), f'{name} question')} of the model {state} training")
                measured.append(measure(unseen, config, scratch=scratch))
            sides.append(compare_sides(unseen, *measured))
    return decide(*sides)


def compare_sides(unseen: Unseen, before: Measured, after: Measured) -> Sides:
    """Raises ConfigError where scipy is missing."""
    differences = {
        mode: {measure: _difference(before.figures[mode], after.figures[mode], measure) for measure in MEASURES}
        for mode in MODES
    }
    return Sides(unseen, before, after, differences)


def _difference(before: Figures, after: Figures, measure: str) -> Difference:
    found = compare(after, before, measure)
    interval = confidence_interval(paired_differences(after, before, measure))
    means = before.means[measure], after.means[measure]
    return Difference(*means, interval, found.p_value, found.wins, found.ties, found.losses)


def decide(own: Sides, elsewhere: Sides | None = None) -> Verdict:
    """The trained model is recommended where hybrid search with it is better by more than luck, and not worse elsewhere
    by more than luck."""
    hybrid = own.differences["hybrid"][MEASURES[0]]
    lost = elsewhere.differences["hybrid"][MEASURES[0]] if elsewhere is not None else None
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


def how_measured(sides: Sides) -> str:
    """A sentence."""
    unseen = sides.unseen
    if unseen.kind == "judged":
        return f"{counted(sides.questions, 'judged question')} to {counted(unseen.documents, 'document')}."
    if unseen.kind == "generated":
        written = f"{counted(sides.questions, 'question')} that a language model wrote to passages"
        return f"{written}, each of which has to find its own among {counted(unseen.documents, 'passage')}."
    return (
        f"{counted(sides.questions, 'question')} made from the documents, each of words of a passage (title, heading, "
        f"sentence or keywords) that it has to find among {counted(unseen.documents, 'passage')}."
    )


def space_in_words(sides: Sides) -> str:
    """A sentence on the embedding space, before and after."""
    before, after = space_of(sides.before), space_of(sides.after)
    names = ("alignment", "uniformity", "mean_cosine")
    told = [(SPACE_NAMES[name], before[name], after[name]) for name in names]
    figures = [f"{name} {old:.2f} to {new:.2f}" for name, old, new in told if old is not None and new is not None]
    return f"Embedding space, before to after: {', '.join(figures)}."


def space_of(measured: Measured) -> dict[str, float | None]:
    """The figures of the embedding space, by the keys of SPACE_NAMES."""
    space = measured.space
    return {
        "alignment": measured.alignment,
        "uniformity": space.uniformity,
        "mean_cosine": space.mean_cosine,
        "effective_dimensions": space.effective_dimensions,
    }


def sides_as_dict(sides: Sides) -> dict[str, Any]:
    """For JSON."""
    return {
        "questions": {"kind": sides.unseen.kind, "count": sides.questions},
        "documents": sides.unseen.documents,
        "modes": {
            mode: {
                measure: {**asdict(found), "interval": found.interval._asdict()} for measure, found in measures.items()
            }
            for mode, measures in sides.differences.items()
        },
        "embeddings": {"before": space_of(sides.before), "after": space_of(sides.after)},
    }


def _in_words(difference: Difference) -> str:
    return f"{difference.before:.3f} before and {difference.after:.3f} after, {chance(difference.p_value)}"


def _few(sides: Sides) -> str:
    return f" with {counted(sides.questions, 'question')}" if sides.questions < FEW else ""
