"""The card of a trained model: what it was made of, how, and how it got on."""

from retrieval.encoders.prompts import Prompts
from retrieval.model_comparison.comparison import chance
from retrieval.model_comparison.trial import MEASURES
from retrieval.training.fit import Fitted
from retrieval.training.held_out import MEASURE
from retrieval.training.plan import Plan, Wanted
from retrieval.training.verdict import Sides, Verdict
from retrieval.types import digest


def model_card(plan: Plan, fitted: Fitted, wanted: Wanted, *, base: str, prompts: Prompts, name: str) -> str:
    """Markdown. No text of the documents is in it."""
    recipe, loss = wanted.recipe, wanted.recipe.loss
    made = ", ".join(f"{count:,} {kind}" for kind, count in plan.pairs.items())
    negatives = ", ".join(f"{count:,} {source}" for source, count in plan.negatives.items() if count) or "none"
    figures = "\n".join(f"| {step:,} | {figure:.3f} |" for step, figure in sorted(fitted.figures.items()))
    negatives += ", dense ones mined again before each epoch" if wanted.mining.again else ""
    layers = f"the lowest {recipe.frozen_layers} layers frozen" if recipe.frozen_layers else "all layers"
    layers += f", adapters of rank {recipe.lora_rank} merged (LoRA)" if recipe.lora_rank else ""
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

- Pairs: {made}{_generated(plan, wanted)}
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


def _generated(plan: Plan, wanted: Wanted) -> str:
    """A line about the questions that a language model wrote; "" where none did."""
    generation = wanted.generation
    if generation is None:
        return ""
    kept = f"found among the best {generation.best} of hybrid search" if generation.best else "all that were usable"
    return (
        f"\n- Questions by `{generation.model}`: {plan.generated.in_words()}. To train with: {kept}. The prompt's "
        f"BLAKE2b digest is {digest(generation.prompt)}"
    )


def verdict_table(verdict: Verdict) -> str:
    """Markdown: both models on what was not seen, and how their vectors lie there."""
    parts = [("Documents of the index that were not seen", verdict.own)]
    if verdict.elsewhere is not None:
        parts.append(("Other documents", verdict.elsewhere))
    return "\n".join(_side(title, sides) for title, sides in parts)


def _side(title: str, sides: Sides) -> str:
    rows = []
    for mode, found in sides.differences.items():
        interval = f"{found.interval.low:+.3f} to {found.interval.high:+.3f}"
        rows.append(
            f"| {mode} | {found.before:.3f} | {found.after:.3f} | {interval} | {chance(found.p_value)} | "
            f"{found.wins} | {found.ties} | {found.losses} |"
        )
        for measure in MEASURES[1:]:
            means = (measured.figures[mode].means[measure] for measured in (sides.before, sides.after))
            rows.append(f"| {mode}, {measure} | {' | '.join(f'{mean:.3f}' for mean in means)} | | | | | |")
    for name in ("mean_cosine", "uniformity", "effective_dimensions"):
        values = (getattr(measured.space, name) for measured in (sides.before, sides.after))
        cells = " | ".join("–" if value is None else f"{value:.2f}" for value in values)
        rows.append(f"| {name.replace('_', ' ')} | {cells} | | | | | |")
    head = f"| {MEASURES[0]} | before | after | 95% of the difference | p | better | same | worse |"
    return "\n".join(["", f"## {title}, {sides.questions} questions", "", head, "|---" * 8 + "|", *rows, ""])
