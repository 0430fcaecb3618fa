"""Whether a trained model is better than its base model, by questions to documents that training did not see."""

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
    """The trained model against the base model, in one mode and one measure.

    before, after   the means of the base model and of the trained model
    interval        the 95% confidence interval of the difference
    p_value         of the difference
    wins, ties, losses   how many questions the trained model answers better, as well, and worse
    """

    before: float
    after: float
    interval: Interval
    p_value: float
    wins: int
    ties: int
    losses: int


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """The base model and the trained model on the same questions, and their differences by mode and measure."""

    unseen: Unseen
    before: Measured
    after: Measured
    differences: Mapping[Mode, Mapping[str, Difference]]

    @property
    def questions(self) -> int:
        return len(self.unseen.queries)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to take the trained model.

    own         both models on unseen questions to the index
    elsewhere   both models on other documents, to see what was forgotten; None without any
    take        whether the trained model is recommended
    reason      a sentence
    """

    own: BeforeAfter
    elsewhere: BeforeAfter | None
    take: bool
    reason: str

    @property
    def by_documents(self) -> dict[str, BeforeAfter]:
        """By the documents that are asked."""
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
    """Ask both models the same questions. `on_stage` is told which. Raises as `measure`."""
    compared = []
    for name, unseen in (("unseen", own), ("other", elsewhere)):
        if unseen is not None:
            measured = []
            for state, config in (("before", before), ("after", after)):
                on_stage(f"Asking {counted(len(unseen.queries), f'{name} question')} of the model {state} training")
                measured.append(measure(unseen, config, scratch=scratch))
            compared.append(compare_models(unseen, *measured))
    return decide(*compared)


def compare_models(unseen: Unseen, before: Measured, after: Measured) -> BeforeAfter:
    """Raises ConfigError where scipy is missing."""
    differences = {
        mode: {measure: _difference(before.figures[mode], after.figures[mode], measure) for measure in MEASURES}
        for mode in MODES
    }
    return BeforeAfter(unseen, before, after, differences)


def _difference(before: Figures, after: Figures, measure: str) -> Difference:
    found = compare(after, before, measure)
    interval = confidence_interval(paired_differences(after, before, measure))
    means = before.means[measure], after.means[measure]
    return Difference(*means, interval, found.p_value, found.wins, found.ties, found.losses)


def decide(own: BeforeAfter, elsewhere: BeforeAfter | None = None) -> Verdict:
    """The trained model is recommended where hybrid search with it is significantly better, and not significantly worse
    elsewhere."""
    hybrid = own.differences["hybrid"][MEASURES[0]]
    other = elsewhere.differences["hybrid"][MEASURES[0]] if elsewhere is not None else None
    take = False
    if not hybrid.p_value <= ALPHA:
        reason = f"the difference is not significant{_few(own)}: keep the base model"
    elif not hybrid.after > hybrid.before:
        reason = "hybrid search is worse with the trained model: keep the base model"
    elif other is not None and other.after < other.before and other.p_value <= ALPHA:
        reason = (
            f"the trained model is better here, but worse on other documents ({_in_words(other)}): keep the base model"
        )
    else:
        take, reason = True, "it is significantly better: take the trained model"
    return Verdict(own, elsewhere, take, f"Hybrid {MEASURES[0]} {_in_words(hybrid)}: {reason}.")


def how_measured(compared: BeforeAfter) -> str:
    """A sentence: how many questions there are, of which kind, to how many documents."""
    unseen = compared.unseen
    if unseen.kind == "judged":
        return f"{counted(compared.questions, 'judged question')} to {counted(unseen.documents, 'document')}."
    if unseen.kind == "generated":
        written = f"{counted(compared.questions, 'question')} that a language model wrote for passages"
        return f"{written}, each to be found among {counted(unseen.documents, 'passage')}."
    return (
        f"{counted(compared.questions, 'question')} made from passages (of a title, headings, a sentence or keywords), "
        f"each to be found among {counted(unseen.documents, 'passage')}."
    )


def space_in_words(compared: BeforeAfter) -> str:
    """A sentence: the embedding space before and after training."""
    before, after = space_of(compared.before), space_of(compared.after)
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


def before_after_as_dict(compared: BeforeAfter) -> dict[str, Any]:
    """For JSON."""
    return {
        "questions": {"kind": compared.unseen.kind, "count": compared.questions},
        "documents": compared.unseen.documents,
        "modes": {
            mode: {
                measure: {**asdict(found), "interval": found.interval._asdict()} for measure, found in measures.items()
            }
            for mode, measures in compared.differences.items()
        },
        "embeddings": {"before": space_of(compared.before), "after": space_of(compared.after)},
    }


def _in_words(difference: Difference) -> str:
    return f"{difference.before:.3f} before and {difference.after:.3f} after, {chance(difference.p_value)}"


def _few(compared: BeforeAfter) -> str:
    return f" with {counted(compared.questions, 'question')}" if compared.questions < FEW else ""
