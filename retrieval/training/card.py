"""The card of a trained model: data, settings, and figures."""

from rich import box
from rich.table import Table

from retrieval.encoders.prompts import Prompts
from retrieval.model_comparison.comparison import chance
from retrieval.model_comparison.trial import MEASURES
from retrieval.training.held_out import MEASURE
from retrieval.training.plan import Plan
from retrieval.training.recipe import Fitted
from retrieval.training.verdict import SPACE_NAMES, BeforeAfter, Difference, Verdict, how_measured, space_of
from retrieval.training.wanted import Wanted
from retrieval.types import digest
from retrieval.words import counted


def model_card(plan: Plan, fitted: Fitted, wanted: Wanted, *, base: str, prompts: Prompts, name: str) -> str:
    """Markdown, without any text of the documents.

    base   the base model
    name   of the trained model
    """
    recipe = wanted.recipe
    pairs = ", ".join(f"{count:,} {kind}" for kind, count in plan.pairs.items())
    negatives = ", ".join(f"{count:,} {source}" for source, count in plan.negatives.items() if count) or "none"
    negatives += ", dense ones mined again before each further epoch" if wanted.mining.again else ""
    layers = f"the lowest {recipe.frozen_layers} layers frozen" if recipe.frozen_layers else "all layers"
    layers += f", adapters of rank {recipe.lora_rank} merged (LoRA)" if recipe.lora_rank else ""
    if fitted.best_step:
        outcome = f"The weights are those of step {fitted.best_step:,}"
        outcome += ", the best one on the development questions" if plan.chooses else ", the last one"
        outcome += "." if fitted.share == 1 else f", blended with the base model's: {fitted.share:.0%} are trained."
    else:
        outcome = "No step was better than the base model: these are the base model's weights."
    return f"""---
library_name: sentence-transformers
tags: [sentence-transformers, feature-extraction]
---

# {name}

`{base}`, trained on the documents of an index. {outcome}

Questions are embedded with the prefix `{prompts.query!r}`, passages with `{prompts.passage!r}`.

- Pairs: {pairs}{_generated(plan, wanted)}
- Hard negatives: {negatives}
- Loss: {recipe.loss.in_words()}
- {counted(fitted.steps, "step")} of {plan.steps:,} in {counted(recipe.epochs, "epoch")}, \
{recipe.batch_size * recipe.accumulate} pairs in each; learning rate {recipe.learning_rate:g}; {layers}; \
seed {recipe.seed}
{_development(plan, fitted)}"""


def _development(plan: Plan, fitted: Fitted) -> str:
    """The figures of the development questions; "" without any."""
    if fitted.figure is None:
        return ""
    asked, passages = len(plan.development.queries), len(plan.development.passages)
    figures = "\n".join(f"| {step:,} | {figure:.3f} |" for step, figure in sorted(fitted.figures.items()))
    chosen = "chose step and blend, which flatters the trained model" if plan.chooses else "are too few to choose by"
    return f"""
{MEASURE} by hybrid search of {counted(asked, "development question")} among {counted(passages, "passage")}. These \
{chosen}; it has {fitted.figure:.3f}:

| step | {MEASURE} |
|---|---|
{figures}
"""


def _generated(plan: Plan, wanted: Wanted) -> str:
    """A line about generated questions; "" without them."""
    generation = wanted.generation
    if generation is None:
        return ""
    kept = f"found among the best {generation.best} of hybrid search" if generation.best else "all that were usable"
    return (
        f"\n- Questions by `{generation.model}`: {plan.generated.in_words()}. Trained on: {kept}. The prompt's "
        f"BLAKE2b digest is {digest(generation.prompt)}"
    )


def verdict_in_markdown(verdict: Verdict) -> str:
    """Both models in all measures, and their embedding spaces."""
    titles = {"unseen": "Unseen questions", "elsewhere": "Questions to other documents"}
    return "\n".join(_section(titles[name], compared) for name, compared in verdict.by_documents.items())


def verdict_table(verdict: Verdict) -> Table:
    """The first measure, for a terminal."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for place, name in enumerate((MEASURES[0], "", "before", "after", "95% interval", "p", "better/same/worse")):
        table.add_column(name, justify="left" if place < 2 else "right", no_wrap=True)
    for name, compared in verdict.by_documents.items():
        for place, (mode, found) in enumerate(compared.differences.items()):
            before, after, interval, chance_, *counts = _cells(found[MEASURES[0]])
            table.add_row("" if place else name, mode, before, after, interval, chance_, "/".join(counts))
    return table


def _cells(found: Difference) -> tuple[str, ...]:
    interval = f"{found.interval.low:+.3f} to {found.interval.high:+.3f}"
    means, counts = (found.before, found.after), (found.wins, found.ties, found.losses)
    return (
        *(f"{mean:.3f}" for mean in means),
        interval,
        chance(found.p_value).removeprefix("p = ").replace("p < ", "<"),
        *(f"{count:,}" for count in counts),
    )


def _section(name: str, compared: BeforeAfter) -> str:
    rows = [
        f"| {mode}, {measure} | {' | '.join(_cells(found))} |"
        for mode, measures in compared.differences.items()
        for measure, found in measures.items()
    ]
    spaces = [space_of(measured) for measured in (compared.before, compared.after)]
    for key, label in SPACE_NAMES.items():
        cells = " | ".join("–" if space[key] is None else f"{space[key]:.2f}" for space in spaces)
        rows.append(f"| {label} | {cells} | | | | | |")
    head = "| | before | after | 95% interval of the difference | p | better | same | worse |"
    return "\n".join(["", f"## {name}", "", how_measured(compared), "", head, "|---" * 8 + "|", *rows, ""])
