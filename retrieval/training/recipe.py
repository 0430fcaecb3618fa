"""How a model is trained, how far training is, and how it went."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.encoders.prompts import Prompts
from retrieval.errors import ConfigError
from retrieval.fusion import Scores
from retrieval.training.examples import Example
from retrieval.training.loss_columns import Columns
from retrieval.training.losses import Loss
from retrieval.training.pairs import WRITTEN

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Figure = Callable[["SentenceTransformer"], Scores]
"""float64 [n]: how well the model answers each of n development questions; higher is better."""

Renew = Callable[["SentenceTransformer", int, Callable[[float], None]], Columns]
"""(model, number of the epoch from 0, progress) -> the columns of the epoch, as many rows as before. Progress is told
the share that is done."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained.

    epochs         passes over the examples
    repeats        how often each pass has judged and generated pairs: they teach most, and are few beside those that
                   are made from the documents
    batch_size     rows of a batch
    accumulate     batches whose gradients are summed for one step
    learning_rate  the highest: it rises over the first `warmup` of the steps, and then falls to 0
    frozen_layers  so many of the lowest layers, and the embeddings below them, are not trained; 0 trains all
    lora_rank      of adapters that are trained instead of the weights, and merged at the end (`trainable`); 0 trains
                   the weights. Adapters save the memory of gradients and optimizer, three times that of the weights,
                   and need a learning rate about ten times as high
    evaluations    how often the development questions are asked
    patience       training stops early after so many evaluations without a new best
    blend          the share of the trained weights in the result, in (0, 1]; the rest are those of the base model.
                   None lets the plan choose it (`blending`)
    seed           of the order of examples, and of dropout

    Raises ConfigError for numbers out of range.
    """

    loss: Loss = field(default_factory=Loss)
    epochs: int = 1
    repeats: int = 4
    batch_size: int = 32
    accumulate: int = 1
    learning_rate: float = 3e-5
    warmup: float = 0.1
    frozen_layers: int = 0
    lora_rank: int = 0
    evaluations: int = 5
    patience: int = 3
    blend: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "repeats", "batch_size", "accumulate", "evaluations", "patience"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be 1 or more.")
        if not 0 < self.learning_rate < 1 or not 0 <= self.warmup < 1:
            raise ConfigError("learning_rate is in (0, 1), and warmup in [0, 1).")
        if self.blend is not None and not 0 < self.blend <= 1:
            raise ConfigError(f"blend is the share of the trained weights, in (0, 1], not {self.blend:g}.")
        if self.frozen_layers < 0 or self.lora_rank < 0:
            raise ConfigError("frozen_layers and lora_rank are 0 or more.")

    def columns(self, examples: Sequence[Example], prompts: Prompts) -> Columns:
        """What the loss reads in a pass over the examples."""
        written = [example for example in examples if example.pair.kind in WRITTEN]
        return self.loss.columns([*examples, *written * (self.repeats - 1)], prompts)

    def steps(self, rows: int) -> int:
        """How many steps all epochs have together."""
        batches = -(-rows // self.batch_size)
        return self.epochs * -(-batches // self.accumulate)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far training is.

    loss      the mean since the last progress that had one; None if it is not new
    figure    the mean over the development questions; None if it is not new
    seconds   that training takes from now on, about
    renewed   while negatives are mined again for the next epoch, the share of that which is done; else None
    """

    step: int
    steps: int
    loss: float | None = None
    figure: float | None = None
    seconds: float | None = None
    renewed: float | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """How training went.

    steps      how many were taken
    figures    the mean over the development questions, by the step after which they were asked; 0 is the base model
    best_step  the step whose weights the result has; 0 if the result is the base model
    share      of these weights in the result; the rest are those of the base model
    figure     the mean over the development questions of the result; None without any
    """

    steps: int
    figures: dict[int, float]
    best_step: int
    share: float
    figure: float | None
