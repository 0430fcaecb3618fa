"""The card of a trained model: what it was made of, how, and how it got on."""

from retrieval.encoders.prompts import Prompts
from retrieval.training.fit import Fitted
from retrieval.training.held_out import MEASURE
from retrieval.training.plan import Plan, Wanted


def model_card(plan: Plan, fitted: Fitted, wanted: Wanted, *, base: str, prompts: Prompts, name: str) -> str:
    """Markdown. No text of the documents is in it."""
    recipe, loss = wanted.recipe, wanted.recipe.loss
    made = ", ".join(f"{count:,} {kind}" for kind, count in plan.pairs.items())
    negatives = ", ".join(f"{count:,} {source}" for source, count in plan.negatives.items() if count) or "none"
    figures = "\n".join(f"| {step:,} | {figure:.3f} |" for step, figure in sorted(fitted.figures.items()))
    layers = f"the lowest {recipe.frozen_layers} layers frozen" if recipe.frozen_layers else "all layers"
    if fitted.best_step:
        outcome = f"The weights are those of step {fitted.best_step:,}, the best on the held-out questions."
    else:
        outcome = "No step was better than the model that it began as: these are its weights, unchanged."
    return f"""---
library_name: sentence-transformers
tags: [sentence-transformers, feature-extraction]
---

# {name}

`{base}`, trained on the documents of an index. {outcome}

Questions are embedded with the prefix `{prompts.query!r}`, passages with `{prompts.passage!r}`.

- Pairs: {made}
- Hard negatives: {negatives}
- Loss: {loss.name}, temperature {loss.temperature:g}
- {recipe.epochs} epochs in batches of {recipe.batch_size * recipe.accumulate}, {fitted.steps:,} of {plan.steps:,} \
steps, learning rate {recipe.learning_rate:g}, {layers}, seed {recipe.seed}

{MEASURE} of {len(plan.development.queries):,} held-out questions among {len(plan.development.passages):,} passages, \
by cosines alone. The best step was chosen by these, so that they flatter it:

| step | {MEASURE} |
|---|---|
{figures}
"""
