"""A whole training: plan, train, save; and go on where it was interrupted."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from retrieval.config import Config
from retrieval.errors import ConfigError
from retrieval.index import HybridIndex
from retrieval.training.card import model_card
from retrieval.training.fit import Fitted, Progress, fit
from retrieval.training.model_directory import check_directory, save_model
from retrieval.training.negatives import read_examples, write_examples
from retrieval.training.plan import Plan, Wanted, make_plan, trainable_model
from retrieval.types import digest

_EXAMPLES = "examples.jsonl"
_MADE_OF = "made_of.json"


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training made: its plan, how it went, and the settings of the model that was saved."""

    plan: Plan
    fitted: Fitted
    config: Config


def train(
    index: HybridIndex,
    output: Path | str,
    *,
    wanted: Wanted | None = None,
    resume: bool = False,
    on_plan: Callable[[Plan], None] = lambda plan: None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Trained:
    """Train the index's model on its own documents, and save it as the directory `output`; the index stays as it is.

    `HybridIndex.open(another, config=output / "config.yaml")` makes an index with it.

    wanted        what to train on, and how
    resume        go on with an interrupted training of the same index and wishes. What it needs is kept in
                  `output` + ".training", which is removed in the end
    on_plan       is told the plan before training begins; what it raises ends it

    Raises ConfigError where `output` is there already, where there is nothing to train on or to resume, or a package is
    missing; ModelError; and as a search.
    """
    output, wanted = Path(output), wanted or Wanted()
    check_directory(output)
    kept = output.with_name(f"{output.name}.training")
    made_of = _made_of(index, wanted)
    if resume and _read(kept) != made_of:
        raise ConfigError(f"{kept} holds no training of this index with these settings; begin without resuming.")
    model = trainable_model(index.config)
    if resume:
        plan = make_plan(index, model, wanted, examples=read_examples(kept / _EXAMPLES))
    else:
        plan = make_plan(index, model, wanted)
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        write_examples(kept / _EXAMPLES, plan.examples)
        (kept / _MADE_OF).write_text(json.dumps(made_of), "utf-8")
    on_plan(plan)
    prompts = index.embedder.prefixes
    fitted = fit(
        model,
        wanted.recipe.loss.columns(plan.examples, prompts),
        wanted.recipe,
        figure=lambda model: plan.development.ndcg(model, prompts),
        checkpoints=kept / "checkpoints",
        resume=resume,
        on_progress=on_progress,
    )
    card = model_card(plan, fitted, wanted, base=index.config.model, prompts=prompts, name=output.name)
    config = save_model(model, output, config=index.config, prompts=prompts, card=card)
    shutil.rmtree(kept, ignore_errors=True)
    return Trained(plan, fitted, config)


def _made_of(index: HybridIndex, wanted: Wanted) -> str:
    """Tells a training from others: the generation of the index, the model and all wishes."""
    wishes = repr(wanted)
    return digest(index.searcher().generation, index.embedder.version, repr(index.embedder.prefixes), wishes)


def _read(kept: Path) -> str | None:
    try:
        return str(json.loads((kept / _MADE_OF).read_text("utf-8")))
    except (OSError, ValueError):
        return None
