"""The training itself: sentence-transformers' trainer, on columns that a loss reads.

Where the development questions are enough to choose by, training stops early when their mean figure no longer rises,
and the result has the weights of the best step; else it has those of the last step. Both are blended with the weights
of the base model.

A checkpoint holds the trained weights, the optimizer, the learning rate, the place in the data, the figures so far and
the state of random numbers. A resumed training takes the same steps as an uninterrupted one: on the same processor,
with as many threads, their weights differ by no more than float32 rounding.
"""

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.errors import ConfigError
from retrieval.training.blending import SHARES, blend
from retrieval.training.loss_columns import Columns
from retrieval.training.recipe import Figure, Fitted, Progress, Recipe, Renew
from retrieval.training.trainer import check_one_process, load_weights, restore, trained_weights, undisturbed
from retrieval.training.trainer_setup import STATE, figures_of, is_over, make_trainer, newest_checkpoint
from retrieval.training.weights import trainable

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer


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
    figure: Figure | None,
    checkpoints: Path,
    chooses: bool = True,
    resume: bool = False,
    renew: Renew | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Fitted:
    """Train the model in place. It ends as the model of the best step, blended with the base model (`blending`), or as
    the base model if that is as good.

    columns       as Loss.columns gives them
    figure        of the development questions; None without any
    checkpoints   a directory that keeps the newest checkpoint and the best one
    chooses       whether the figure chooses step and blend. If not, it is only told: all steps are taken, and
                  `recipe.blend`, else all, of their weights
    resume        resume from the newest checkpoint, with the same columns and recipe; if there is none, begin
    renew         gives other columns for each epoch but the first; where an epoch is resumed, the same as before

    Ctrl-C and an error that `on_progress` raises interrupt the training; checkpoints stay. Random numbers and the
    environment are restored. Raises ConfigError where a package is missing or there is nothing to learn from, and
    ModelError where the loss is no longer a number.
    """
    check_packages(lora=recipe.lora_rank > 0)
    _check_batches(columns, recipe)
    from transformers import TrainerState

    steps = recipe.steps(len(columns["anchor"]))
    chooses = chooses and figure is not None
    if not chooses:
        recipe = replace(recipe, blend=recipe.blend or 1.0, patience=steps + 1)
    newest = newest_checkpoint(checkpoints) if resume else None
    state = None if newest is None else TrainerState.load_from_json(str(newest / STATE))
    with (
        undisturbed(model.device),
        trainable(model, frozen_layers=recipe.frozen_layers, lora_rank=recipe.lora_rank, seed=recipe.seed),
    ):
        base = _copied(model)
        figures = {} if figure is None else {0: float(figure(model).mean())}
        if state is None or not (state.global_step >= steps or is_over(state, recipe.patience)):
            trainer = make_trainer(
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
        figures |= figures_of(state)
        best_step = max(figures, key=lambda step: figures[step]) if chooses else steps  # the first of equal ones
        share, reached = 0.0, figures.get(0)
        if best_step:
            load_weights(model, checkpoints / f"checkpoint-{best_step}")
            shares = SHARES if recipe.blend is None else (recipe.blend,)
            share, reached = blend(model, base, _copied(model), shares=shares, figure=figure)
        if chooses and reached is not None and reached <= figures[0]:
            best_step, share, reached = 0, 0.0, figures[0]
            restore(model, base)
    model.eval()
    return Fitted(state.global_step, figures, best_step, share, reached)


def _copied(model: "SentenceTransformer") -> dict[str, "torch.Tensor"]:
    return {name: weight.clone() for name, weight in trained_weights(model).items()}


def _check_batches(columns: Columns, recipe: Recipe) -> None:
    """Raises ConfigError where a batch has no passage but the answer."""
    rows = min(recipe.batch_size, len(columns["anchor"]))
    if recipe.loss.name == "infonce" and rows == 1 and len(columns) == 2:
        raise ConfigError(
            "infonce compares an answer with other passages: take batches of two pairs or more, or hard negatives."
        )
