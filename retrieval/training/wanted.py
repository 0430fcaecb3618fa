"""What a caller wants of a training."""

from dataclasses import dataclass, field

from retrieval.errors import ConfigError
from retrieval.evaluation.judgements import Judgements
from retrieval.training.generation import Generation
from retrieval.training.negatives import Mining
from retrieval.training.pairs import MADE, Kind, Pair
from retrieval.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller wants of a training.

    judgements   judged questions to documents of the index
    pairs        more pairs, such as those of a file
    generation   questions that a language model is to write; None sends no text anywhere
    kinds        of the pairs that are made from the documents; None is those that people might ask (`asked_pairs`)
    most         the most pairs that are trained on
    minutes      that training takes, about, at most; None is as long as all pairs take
    held_out     the share of the judged questions, else of the documents, that training does not see: one half of them
                 for development questions, by which training stops early, the other half for the verdict. Fewer than
                 100 judged questions are all for the verdict. With 0, training sees all, and ends without a verdict.
                 None is 0.2, and 0 where these are fewer than 50 judged questions: they teach more than they tell
    seed         of everything that is drawn at random

    Raises ConfigError for numbers out of range.
    """

    judgements: Judgements | None = None
    pairs: tuple[Pair, ...] = ()
    generation: Generation | None = None
    kinds: tuple[Kind, ...] | None = None
    most: int = 20_000
    minutes: float | None = None
    held_out: float | None = None
    seed: int = 0
    mining: Mining = field(default_factory=Mining)
    recipe: Recipe = field(default_factory=Recipe)

    def __post_init__(self) -> None:
        if self.most < 1 or not 0 <= (self.held_out or 0) < 1 or (self.minutes is not None and self.minutes <= 0):
            raise ConfigError("Training needs one pair at least, more than 0 minutes, and a held-out share in [0, 1).")
        if unknown := set(self.kinds or ()) - set(MADE):
            raise ConfigError(f"There are no pairs of kind {min(unknown)!r}; documents give {', '.join(MADE)}.")
        if self.mining.again and self.recipe.epochs < 2:
            raise ConfigError("Negatives are mined again before the second epoch: take two epochs at least.")
