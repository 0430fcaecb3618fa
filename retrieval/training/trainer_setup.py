"""Makes sentence-transformers' trainer for a recipe, and reads the checkpoints that it writes."""

import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.errors import ModelError
from retrieval.training.loss_columns import Columns
from retrieval.training.recipe import Figure, Progress, Recipe, Renew
from retrieval.training.trainable import trains_in_bf16
from retrieval.training.trainer import arguments_class, release_memory, replace_rows, trainer_class

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

FIGURE = "eval_sequential_score"
"""sentence-transformers' name of the mean of a `Figure`."""

STATE = "trainer_state.json"


def newest_checkpoint(checkpoints: Path) -> Path | None:
    """The one with the most steps that was written to its end."""
    found = [path for path in checkpoints.glob("checkpoint-*") if (path / STATE).is_file()]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def figures_of(state: Any) -> dict[int, float]:
    """The mean figure of the development questions, by the step after which they were asked."""
    return {entry["step"]: entry[FIGURE] for entry in state.log_history if FIGURE in entry}


def is_over(state: Any, patience: int) -> bool:
    """Whether the best figure is so many figures ago, and training stops early."""
    figures = list(figures_of(state).values())
    return bool(figures) and len(figures) - 1 - figures.index(max(figures)) >= patience


def make_trainer(
    model: "SentenceTransformer",
    columns: Columns,
    recipe: Recipe,
    *,
    figure: Figure | None,
    checkpoints: Path,
    steps: int,
    renew: Renew | None,
    on_progress: Callable[[Progress], None],
) -> Any:
    """A trainer that evaluates, stops early and tells its progress as the recipe says; arguments are as in `fit`."""
    from datasets import Dataset
    from transformers import PrinterCallback, TrainerCallback

    dataset = Dataset.from_dict(columns)

    class Renews(TrainerCallback):  # type: ignore[misc]
        def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            epoch = state.global_step // (steps // recipe.epochs)
            if renew is not None and epoch:
                replace_rows(dataset, renew(model, epoch, partial(self._tell, state.global_step)))

        def _tell(self, step: int, share: float) -> None:
            on_progress(Progress(step, steps, renewed=share))

    trainer = trainer_class()(
        model=model,
        args=_arguments(model, recipe, checkpoints=checkpoints, steps=steps, evaluates=figure is not None),
        train_dataset=dataset,
        loss=recipe.loss.module(model),
        evaluator=None if figure is None else [lambda model, *_: float(figure(model).mean())],
        callbacks=[_callback(recipe, steps, on_progress, evaluates=figure is not None), Renews()],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _arguments(model: "SentenceTransformer", recipe: Recipe, *, checkpoints: Path, steps: int, evaluates: bool) -> Any:
    from sentence_transformers.sentence_transformer.training_args import BatchSamplers

    every = max(1, steps // recipe.evaluations)
    # An answer that is in a batch twice would be a false negative.
    sampler = BatchSamplers.NO_DUPLICATES if recipe.loss.name == "infonce" else BatchSamplers.BATCH_SAMPLER
    return arguments_class(model.device)(
        output_dir=str(checkpoints.resolve()),  # it may be resumed from another directory
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
        eval_strategy="steps" if evaluates else "no",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,
        logging_steps=1,
        logging_nan_inf_filter=False,
        metric_for_best_model=FIGURE if evaluates else None,
        greater_is_better=True,
        report_to=[],
        disable_tqdm=True,
        dataloader_num_workers=0,
        dataloader_pin_memory=False,
    )


def _callback(recipe: Recipe, steps: int, on_progress: Callable[[Progress], None], *, evaluates: bool) -> Any:
    from transformers import TrainerCallback

    started = time.monotonic()
    first: list[int] = []

    class Tells(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            control.should_evaluate |= evaluates and state.global_step >= steps  # the last step may be the best
            release_memory()

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
            first.append(state.global_step)
            taken = state.global_step - first[0] + 1
            left = (time.monotonic() - started) / taken * (steps - state.global_step)
            loss, figure = (None if name not in logs else float(logs[name]) for name in ("loss", FIGURE))
            if loss is not None and not math.isfinite(loss):
                raise ModelError(f"The loss is not a number after step {state.global_step}; lower the learning rate.")
            if figure is not None:
                control.should_training_stop |= is_over(state, recipe.patience)
            if loss is not None or figure is not None:
                on_progress(Progress(state.global_step, steps, loss, figure, left))

    return Tells()
