"""The training itself: sentence-transformers' trainer, on columns that a loss reads.

It stops early where a figure on held-out questions no longer rises; then the weights are those with the highest one,
blended with those that it began with.

A checkpoint holds the weights that are trained, optimizer, learning rate, place in the data, figures so far and the
state of random numbers. A training that was interrupted and resumed takes the steps of one that was not: on the same
processor, with as many threads, weights differ by the rounding of float32 at most.
"""

import math
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.errors import ConfigError, ModelError
from retrieval.training.blending import SHARES, blend
from retrieval.training.losses import Columns
from retrieval.training.recipe import Figure, Fitted, Progress, Recipe, Renew
from retrieval.training.trainable import trains_in_bf16
from retrieval.training.trainer import (
    arguments_class,
    check_one_process,
    load_weights,
    replace_rows,
    restore,
    trained_weights,
    trainer_class,
    undisturbed,
)
from retrieval.training.weights import trainable

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

_FIGURE = "eval_sequential_score"
"""sentence-transformers' name of what `Figure` gives."""

_STATE = "trainer_state.json"


def check_packages(*, lora: bool = False) -> None:
    """Raises ConfigError where the extra is missing, or several processes were started."""
    check_one_process()
    for package in ("accelerate", "datasets", *(["peft"] if lora else [])):
        if find_spec(package) is None:
            raise ConfigError(f'Training needs the package {package}; run: pip install "hybrid-retrieval[train]"')


def fit(
    model: "SentenceTransformer",
    columns: Columns,
    recipe: Recipe,
    *,
    figure: Figure,
    checkpoints: Path,
    resume: bool = False,
    renew: Renew | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Fitted:
    """Train the model, in place: in the end it is the best one that was met, blended with what it was (`blending`), or
    what it was if that is no better.

    columns       as Loss.columns gives them
    checkpoints   a directory, where the newest and the best are kept
    resume        go on from the newest checkpoint, with the same columns and recipe; if there is none, begin
    renew         gives other columns for each epoch but the first; where an epoch is resumed, the same as before

    What `on_progress` raises, and Ctrl-C, end it; checkpoints stay. Random numbers and the environment are left as they
    were. Raises ConfigError where a package is missing or the columns teach nothing, and ModelError where the loss is
    no number any more.
    """
    check_packages(lora=recipe.lora_rank > 0)
    _check_batches(columns, recipe)
    from transformers import TrainerState

    steps = recipe.steps(len(columns["anchor"]))
    newest = _newest(checkpoints) if resume else None
    state = None if newest is None else TrainerState.load_from_json(str(newest / _STATE))
    with (
        undisturbed(model.device),
        trainable(model, frozen_layers=recipe.frozen_layers, lora_rank=recipe.lora_rank, seed=recipe.seed),
    ):
        first = _copied(model)
        figures = {0: float(figure(model).mean())}
        if state is None or not (state.global_step >= steps or _is_over(state, recipe.patience)):
            trainer = _trainer(
                model,
                columns,
                recipe,
                figure=figure,
                checkpoints=checkpoints,
                steps=steps,
                renew=renew,
                on_progress=on_progress,
            )
            try:
                trainer.train(resume_from_checkpoint=None if newest is None else str(newest))
            finally:
                trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)
            state = trainer.state
        figures |= _figures(state)
        best_step = max(figures, key=lambda step: figures[step])  # the first of several
        share, reached = 0.0, figures[0]
        if best_step:
            load_weights(model, checkpoints / f"checkpoint-{best_step}")
            shares = SHARES if recipe.blend is None else (recipe.blend,)
            share, answered = blend(model, first, _copied(model), shares=shares, figure=figure)
            reached = float(answered.mean())
        if reached <= figures[0]:
            best_step, share, reached = 0, 0.0, figures[0]
            restore(model, first)
    model.eval()
    return Fitted(state.global_step, figures, best_step, share, reached)


def _copied(model: "SentenceTransformer") -> dict[str, "torch.Tensor"]:
    return {name: weight.clone() for name, weight in trained_weights(model).items()}


def _check_batches(columns: Columns, recipe: Recipe) -> None:
    """Raises ConfigError where an answer is told from nothing."""
    rows = min(recipe.batch_size, len(columns["anchor"]))
    if recipe.loss.name == "infonce" and rows == 1 and len(columns) == 2:
        raise ConfigError("infonce tells an answer from others: take batches of two pairs or more, or hard negatives.")


def _newest(checkpoints: Path) -> Path | None:
    found = [path for path in checkpoints.glob("checkpoint-*") if (path / _STATE).is_file()]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _figures(state: Any) -> dict[int, float]:
    """By the step after which held-out questions were asked."""
    return {entry["step"]: entry[_FIGURE] for entry in state.log_history if _FIGURE in entry}


def _is_over(state: Any, patience: int) -> bool:
    """Whether so many of the newest figures are no new best."""
    figures = list(_figures(state).values())
    return bool(figures) and len(figures) - 1 - figures.index(max(figures)) >= patience


def _trainer(
    model: "SentenceTransformer",
    columns: Columns,
    recipe: Recipe,
    *,
    figure: Figure,
    checkpoints: Path,
    steps: int,
    renew: Renew | None,
    on_progress: Callable[[Progress], None],
) -> Any:
    from datasets import Dataset
    from transformers import PrinterCallback, TrainerCallback

    dataset = Dataset.from_dict(columns)

    class Renews(TrainerCallback):  # type: ignore[misc]
        def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            epoch = state.global_step // (steps // recipe.epochs)
            if renew is not None and epoch:
                tell = lambda share: on_progress(Progress(state.global_step, steps, renewed=share))  # noqa: E731
                replace_rows(dataset, renew(model, epoch, tell))

    trainer = trainer_class()(
        model=model,
        args=_arguments(model, recipe, checkpoints=checkpoints, steps=steps),
        train_dataset=dataset,
        loss=recipe.loss.module(model),
        evaluator=[lambda model, *_: float(figure(model).mean())],
        callbacks=[_callback(recipe, steps, on_progress), Renews()],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _arguments(model: "SentenceTransformer", recipe: Recipe, *, checkpoints: Path, steps: int) -> Any:
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
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,
        logging_steps=1,
        logging_nan_inf_filter=False,
        metric_for_best_model=_FIGURE,
        greater_is_better=True,
        report_to=[],
        disable_tqdm=True,
        dataloader_num_workers=0,
        dataloader_pin_memory=False,
    )


def _callback(recipe: Recipe, steps: int, on_progress: Callable[[Progress], None]) -> Any:
    from transformers import TrainerCallback

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
            if loss is not None and not math.isfinite(loss):
                raise ModelError(f"The loss is no number after step {state.global_step}; lower the learning rate.")
            if figure is not None:
                control.should_training_stop |= _is_over(state, recipe.patience)
            if loss is not None or figure is not None:
                on_progress(Progress(state.global_step, steps, loss, figure, left))

    return Tells()
