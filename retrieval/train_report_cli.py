"""What `retrieve train` tells: the plan, how far it is, and the verdict."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from retrieval.console import err, out, print_json
from retrieval.generate_cli import amount
from retrieval.words import counted

if TYPE_CHECKING:
    from retrieval.training import Plan, Progress, Trained


def print_plan(plan: "Plan") -> None:
    """On standard error."""
    pairs = ", ".join(f"{count:,} {kind}" for kind, count in plan.pairs.items())
    negatives = ", ".join(f"{count:,} {source}" for source, count in plan.negatives.items() if count) or "none"
    if plan.generated.passages:
        cost = "" if plan.generated.cost is None else f"; they cost about {amount(plan.generated.cost)}"
        err.print(Text(f"Questions by the language model: {plan.generated.in_words()}{cost}."))
    err.print(Text(f"Pairs: {pairs}. Hard negatives: {negatives}."))
    steps = f"{counted(plan.steps, 'step')}, about {_duration(plan.seconds)} on this machine"
    asked = counted(len(plan.development.queries), "development question")
    purpose = "to stop early by" if plan.chooses else "too few to stop early by"
    err.print(Text(f"{steps}; {asked} {purpose}." if plan.development.queries else f"{steps}; nothing is held out."))


def answers_in_words(answered: int, requests: int) -> str:
    """How many requests to a language model are answered."""
    return f"Questions: {answered:,} of {requests:,} answers"


def progress_in_words(progress: "Progress") -> str:
    """On one line."""
    said = f"Training: step {progress.step:,} of {progress.steps:,}"
    if progress.renewed is not None:
        return f"{said}, mining negatives again ({progress.renewed:.0%})"
    if progress.loss is not None:
        said += f", loss {progress.loss:.3f}"
    if progress.figure is not None:
        said += f", development nDCG@10 {progress.figure:.3f}"
    return said if progress.seconds is None else f"{said}, about {_duration(progress.seconds)} left"


def print_trained(trained: "Trained", output: Path, *, as_json: bool) -> None:
    """The verdict and the advice, as JSON with all figures if asked."""
    from retrieval.training.card import verdict_table
    from retrieval.training.verdict import how_measured, space_in_words

    if as_json:
        print_json(_as_dict(trained))
        return
    if trained.verdict is not None:
        out.print(verdict_table(trained.verdict))
        for name, compared in trained.verdict.by_documents.items():
            out.print(Text(f"{name}: {how_measured(compared)} {space_in_words(compared)}"))
    out.print(Text(trained.advice, style="bold"))
    out.print(Text(f"Wrote {output}; its card is README.md."))
    if trained.verdict is not None and trained.verdict.take:
        settings = output / "config.yaml"
        out.print(Text(f"`ingest sync --rebuild --config {settings}` makes an index with the trained model."))


def _as_dict(trained: "Trained") -> dict[str, object]:
    from retrieval.training.verdict import before_after_as_dict

    fitted, verdict = trained.fitted, trained.verdict
    return {
        "model": trained.config.model,
        "pairs": dict(trained.plan.pairs),
        "negatives": dict(trained.plan.negatives),
        "steps": fitted.steps,
        "best_step": fitted.best_step,
        "blend": fitted.share,
        "held_out": {str(step): figure for step, figure in fitted.figures.items()},
        "held_out_result": fitted.figure,
        "unseen": None if verdict is None else before_after_as_dict(verdict.own),
        "elsewhere": None if verdict is None or verdict.elsewhere is None else before_after_as_dict(verdict.elsewhere),
        "take": verdict is not None and verdict.take,
        "advice": trained.advice,
    }


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
