"""How a model is trained, how far that is, and how it went."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.errors import ConfigError
from retrieval.fusion import Scores
from retrieval.training.losses import Columns, Loss

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Figure = Callable[["SentenceTransformer"], Scores]
"""float64 [n]: how well the model answers each of n held-out questions; higher is better."""

Renew = Callable[["SentenceTransformer", int, Callable[[float], None]], Columns]
"""(model, number of the epoch, progress) -> its columns, as many rows as before; epochs are counted from 0. Progress is
told the share that is done."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained.

    epochs         passes over the examples
    batch_size     rows of a step; with `accumulate`, of a part of one
    accumulate     batches whose gradients make one step
    learning_rate  at its highest: it rises over the first `warmup` of the steps, and falls to 0 until the end
    frozen_layers  the lowest layers that stay as they are, and the embeddings below them; 0 trains all, embeddings too
    lora_rank      of adapters that are trained in place of the weights, and merged in the end (`trainable`); 0 trains
                   the weights. They save gradients and optimizer, three times the memory of the weights, which counts
                   with large models, and need a learning rate some ten times as high
    evaluations    how often held-out questions are asked
    patience       after how many of these without a new best it stops
    blend          the share of the trained weights in the result, in (0, 1]; the rest are those that it began with.
                   None chooses it by held-out questions (`blending`)
    seed           of the order of examples, and of dropout

    Raises ConfigError for numbers that make no sense.
    """

    loss: Loss = field(default_factory=Loss)
    epochs: int = 1
    batch_size: int = 32
    accumulate: int = 1
    learning_rate: float = 2e-5
    warmup: float = 0.1
    frozen_layers: int = 0
    lora_rank: int = 0
    evaluations: int = 5
    patience: int = 3
    blend: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "evaluations", "patience"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be 1 or more.")
        if not 0 < self.learning_rate < 1 or not 0 <= self.warmup < 1:
            raise ConfigError("learning_rate is in (0, 1), and warmup in [0, 1).")
        if self.blend is not None and not 0 < self.blend <= 1:
            raise ConfigError(f"blend is the share of the trained weights, in (0, 1], not {self.blend:g}.")
        if self.frozen_layers < 0 or self.lora_rank < 0:
            raise ConfigError("frozen_layers and lora_rank are 0 or more.")

    def steps(self, rows: int) -> int:
        """Of all epochs."""
        batches = -(-rows // self.batch_size)
        return self.epochs * -(-batches // self.accumulate)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: loss, the mean since last time, and figure are None where they are not new. seconds are left.
    renewed is the share of what is done to make the columns of the next epoch, None in training."""

    step: int
    steps: int
    loss: float | None = None
    figure: float | None = None
    seconds: float | None = None
    renewed: float | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """What came of it.

    steps      that were taken
    figures    the mean over held-out questions, by the step after which they were asked; 0 is before all
    best_step  the one whose weights the result has; 0 where it is what was there
    share      of these weights in the result, the rest being those that it began with
    figure     of the result
    """

    steps: int
    figures: dict[int, float]
    best_step: int
    share: float
    figure: float
