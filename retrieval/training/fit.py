"""The training itself: sentence-transformers' trainer, on columns that a loss reads.

It stops early where a figure on held-out questions no longer rises, and the model is then the one that had the highest.

A checkpoint holds weights, optimizer, learning rate, place in the data and the state of random numbers. A training that
was interrupted and resumed takes the steps of one that was not: on the same processor, with as many threads, weights
differ by the rounding of float32 at most.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.errors import ConfigError
from retrieval.training.losses import Columns, Loss
from retrieval.training.trainable import trains_in_bf16

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_FIGURE = "eval_sequential_score"
"""sentence-transformers' name of what `Figure` gives."""

Figure = Callable[["SentenceTransformer"], float]
"""How good the model is on held-out questions; higher is better."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained.

    epochs         passes over the examples
    batch_size     rows of a step; with `accumulate`, of a part of one
    accumulate     batches whose gradients make one step
    learning_rate  at its highest: it rises over the first `warmup` of the steps, and falls to 0 until the end
    frozen_layers  the lowest layers that stay as they are, and the embeddings below them; 0 trains all, embeddings too
    evaluations    how often held-out questions are asked
    patience       after how many of these without a new best it stops
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
    evaluations: int = 10
    patience: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "evaluations", "patience"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be 1 or more.")
        if not 0 < self.learning_rate < 1 or not 0 <= self.warmup < 1 or self.frozen_layers < 0:
            raise ConfigError("learning_rate is in (0, 1), warmup in [0, 1), and frozen_layers 0 or more.")

    def steps(self, rows: int) -> int:
        """Of all epochs."""
        batches = -(-rows // self.batch_size)
        return self.epochs * -(-batches // self.accumulate)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: loss, the mean since last time, and figure are None where they are not new. seconds are left."""

    step: int
    steps: int
    loss: float | None = None
    figure: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """What came of it.

    steps      that were taken
    figures    by the step after which held-out questions were asked; 0 is before all
    best_step  the one that the model has now; 0 where none was better than what was there
    """

    steps: int
    figures: dict[int, float]
    best_step: int


def check_packages() -> None:
    """Raises ConfigError where the extra is missing."""
    for package in ("accelerate", "datasets"):
        if find_spec(package) is None:
            raise ConfigError(f'Training needs the package {package}; run: pip install "hybrid-retrieval[train]"')


def freeze(model: "SentenceTransformer", layers: int) -> None:
    """Keep the embeddings and the lowest `layers` of the transformer as they are. Raises ConfigError where it has no
    layers that can be told, or not more than that."""
    from torch import nn

    if not layers:
        return
    transformer = model[0].model
    lists = [module for module in transformer.modules() if isinstance(module, nn.ModuleList)]
    stack = max(lists, key=len, default=nn.ModuleList())
    if len(stack) <= layers:
        raise ConfigError(f"The model has {len(stack)} layers; leave one at least to be trained (frozen_layers).")
    for module in (transformer.get_input_embeddings(), getattr(transformer, "embeddings", None), *stack[:layers]):
        for parameter in module.parameters() if module is not None else ():
            parameter.requires_grad = False


def fit(
    model: "SentenceTransformer",
    columns: Columns,
    recipe: Recipe,
    *,
    figure: Figure,
    checkpoints: Path,
    resume: bool = False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Fitted:
    """Train the model, in place: in the end it is the best one that was met, which may be the one that it was.

    columns       as Loss.columns gives them
    checkpoints   a directory, where the newest and the best are kept
    resume        go on from the newest checkpoint, with the same columns and recipe; if there is none, begin

    What `on_progress` raises, and Ctrl-C, end it; checkpoints stay. Raises ConfigError where a package is missing.
    """
    check_packages()
    from datasets import Dataset
    from transformers import PrinterCallback

    freeze(model, recipe.frozen_layers)
    steps = recipe.steps(len(columns["anchor"]))
    newest = _newest(checkpoints) if resume else None
    first = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    figures = {0: figure(model)}
    with _without_bars():
        trainer = _trainer_class()(
            model=model,
            args=_arguments(model, recipe, checkpoints=checkpoints, steps=steps),
            train_dataset=Dataset.from_dict(columns),
            loss=recipe.loss.module(model),
            evaluator=[lambda model, *_: figure(model)],
            callbacks=_callbacks(recipe, steps, on_progress),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train(resume_from_checkpoint=None if newest is None else str(newest))
    state = trainer.state
    figures |= {entry["step"]: entry[_FIGURE] for entry in state.log_history if _FIGURE in entry}
    best_step = max(figures, key=lambda step: figures[step])  # the first of several
    if not best_step:
        model.load_state_dict(first)
    model.eval()
    return Fitted(state.global_step, figures, best_step)


def _newest(checkpoints: Path) -> Path | None:
    found = [path for path in checkpoints.glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _arguments(model: "SentenceTransformer", recipe: Recipe, *, checkpoints: Path, steps: int) -> Any:
    from sentence_transformers import SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer.training_args import BatchSamplers

    every = max(1, steps // recipe.evaluations)
    # An answer that is in a batch twice would be a false negative.
    sampler = BatchSamplers.NO_DUPLICATES if recipe.loss.name == "infonce" else BatchSamplers.BATCH_SAMPLER
    return SentenceTransformerTrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch_size,
        gradient_accumulation_steps=recipe.accumulate,
        learning_rate=recipe.learning_rate,
        warmup_steps=int(recipe.warmup * steps),
        batch_sampler=sampler,
        seed=recipe.seed,
        data_seed=recipe.seed,
        bf16=trains_in_bf16(model),
        use_cpu=model.device.type == "cpu",
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,
        logging_steps=1,
        load_best_model_at_end=True,
        metric_for_best_model=_FIGURE,
        greater_is_better=True,
        report_to=[],
        disable_tqdm=True,
        dataloader_num_workers=0,
        dataloader_pin_memory=False,
    )


def _callbacks(recipe: Recipe, steps: int, on_progress: Callable[[Progress], None]) -> list[Any]:
    from transformers import EarlyStoppingCallback, TrainerCallback

    started = time.monotonic()
    first: list[int] = []

    class Tells(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            control.should_evaluate |= state.global_step >= steps  # the last step may be the best

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
            first.append(state.global_step)
            taken = state.global_step - first[0] + 1
            left = (time.monotonic() - started) / taken * (steps - state.global_step)
            loss, figure = (None if name not in logs else float(logs[name]) for name in ("loss", _FIGURE))
            if loss is not None or figure is not None:
                on_progress(Progress(state.global_step, steps, loss, figure, left))

    return [EarlyStoppingCallback(recipe.patience), Tells()]


def _trainer_class() -> Any:
    """Without the card that sentence-transformers writes, which has examples of the documents in it."""
    from sentence_transformers import SentenceTransformerTrainer
    from transformers import TrainerCallback

    class NoCard(TrainerCallback):  # type: ignore[misc]
        def __init__(self, defaults: dict[str, Any]) -> None: ...

    class Trainer(SentenceTransformerTrainer):  # type: ignore[misc]
        model_card_callback_class = NoCard

    return Trainer


@contextmanager
def _without_bars() -> Iterator[None]:
    from datasets.utils import logging as datasets_logging

    was_shown = datasets_logging.is_progress_bar_enabled()
    datasets_logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_shown:
            datasets_logging.enable_progress_bar()
