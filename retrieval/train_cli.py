"""`retrieve train`: train the model on documents of one's own."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from rich.text import Text

from retrieval.console import INTERRUPTED, ConfigOption, JsonOption, err, out, print_json
from retrieval.errors import ConfigError
from retrieval.generate_cli import amount, asking_first, generation_of, with_generation_options
from retrieval.models_progress import Display
from retrieval.train_documents_cli import (
    check_place,
    opened_documents,
    questions_elsewhere,
    read_judged,
    resolved_judgements,
)
from retrieval.words import counted

if TYPE_CHECKING:
    from retrieval.index import HybridIndex
    from retrieval.training import Loss, Mining, Plan, Progress, Trained, Wanted
    from retrieval.training.pairs import Kind


@with_generation_options
def train(
    context: typer.Context,
    documents: Annotated[
        Path,
        typer.Argument(
            help="An index; or a folder of documents or BEIR layout, which is indexed in OUTPUT.index.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option(help="The directory of the trained model, which is not there yet.")],
    queries: Annotated[Path | None, typer.Option(help="Questions, as `retrieve evaluate` takes them.")] = None,
    qrels: Annotated[Path | None, typer.Option(help="Which documents answer them.")] = None,
    split: Annotated[
        str | None, typer.Option(help="For BEIR layout: which qrels to train on, instead of train or the only ones.")
    ] = None,
    ignore_judgements: Annotated[
        bool, typer.Option("--ignore-judgements", help="For BEIR layout: train on the documents alone.")
    ] = False,
    pairs: Annotated[Path | None, typer.Option(help="More pairs: a question, a tab and a passage a line.")] = None,
    kinds: Annotated[
        str | None,
        typer.Option(
            help="Pairs that documents give by themselves, between commas, '' for none: title, headings, sentence and "
            "question, which are the default; keywords and crop, which are where documents have none of these."
        ),
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="Pairs at most.")] = 20_000,
    minutes: Annotated[float | None, typer.Option(help="Take as many pairs as train in this time, about.")] = None,
    negatives: Annotated[int, typer.Option(min=0, help="Hard negatives of each pair, at most.")] = 1,
    sources: Annotated[
        str, typer.Option(help="Where these are from, and how often: source=weight, between commas.")
    ] = "bm25=1,dense=1,document=1",
    margin: Annotated[
        float,
        typer.Option(help="The share of the answer's cosine by which a negative's is lower at least."),
    ] = 0.05,
    mine_again: Annotated[
        bool,
        typer.Option(
            "--mine-again", help="Draw dense negatives anew before each further epoch, with the model so far."
        ),
    ] = False,
    loss: Annotated[str, typer.Option(help="infonce, triplet, contrastive, cosine, margin-mse or kl.")] = "infonce",
    temperature: Annotated[float, typer.Option(help="Of infonce and kl.")] = 0.05,
    loss_margin: Annotated[float | None, typer.Option(help="Of triplet and contrastive, in cosine distance.")] = None,
    at_once: Annotated[
        int | None, typer.Option(help="infonce: rows embedded at once, so that large batches need little memory.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the pairs.")] = 1,
    batch_size: Annotated[int, typer.Option(min=1, help="Pairs of a batch.")] = 32,
    accumulate: Annotated[int, typer.Option(min=1, help="Batches of a step.")] = 1,
    learning_rate: Annotated[float, typer.Option(help="At its highest.")] = 2e-5,
    frozen_layers: Annotated[int, typer.Option(min=0, help="The lowest layers, which stay as they are.")] = 0,
    blend: Annotated[
        float | None,
        typer.Option(help="The share of the trained weights in the model; chosen by held-out questions by default."),
    ] = None,
    lora: Annotated[
        int,
        typer.Option(
            min=0,
            help="Train adapters of this rank (LoRA), such as 8, and not the weights, which saves memory with large "
            "models. Take a --learning-rate ten times as high.",
        ),
    ] = 0,
    held_out: Annotated[float, typer.Option(help="The share of documents, or judged questions, not trained on.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0,
    beside: Annotated[
        Path | None,
        typer.Option(help="Other documents, to see what the model forgets of them: an index, a folder or BEIR layout."),
    ] = None,
    export: Annotated[Path | None, typer.Option(help="Write the pairs and negatives as JSON lines, and end.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the same training, interrupted.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    **chat: Any,
) -> None:
    """Train the model on your own documents, and say whether that made it better.

    Pairs of questions and passages are made of the documents, or of judged questions; the index gives what only looks
    like an answer. Documents that are held out tell whether the model is better than before, by more than luck.
    """
    from retrieval.training import Recipe, Wanted, read_pairs
    from retrieval.training import train as run_training
    from retrieval.training.fit import check_packages
    from retrieval.training.generated import answers_file
    from retrieval.training.model_directory import check_directory
    from retrieval.training.work_directory import WorkDirectory

    check_packages(lora=lora > 0)
    output = output.resolve()
    check_place(documents, output)
    check_directory(output)
    if not resume and export is None:
        WorkDirectory(output).check_unused()
    judged = read_judged(documents, queries=queries, qrels=qrels, split=split, ignore=ignore_judgements)
    chosen_loss = _loss(loss, temperature=temperature, margin=loss_margin, at_once=at_once)
    mining = _mining(sources, count=negatives, margin=margin, again=mine_again)
    recipe = Recipe(
        loss=chosen_loss,
        epochs=epochs,
        batch_size=batch_size,
        accumulate=accumulate,
        learning_rate=learning_rate,
        frozen_layers=frozen_layers,
        blend=blend,
        lora_rank=lora,
        seed=seed,
    )
    generation = generation_of(**chat)
    beside_documents = (queries, qrels, pairs, export, config, chat["chat_key_file"], chat["prompt"])
    files = [file for file in (*beside_documents, answers_file(output)) if file is not None]
    with opened_documents(documents, output=output, config=config, files=files, pool=context.obj) as (index, folder):
        wanted = Wanted(
            judgements=None if judged is None else resolved_judgements(judged, index, folder=folder),
            pairs=tuple(read_pairs(pairs)) if pairs is not None else (),
            generation=generation,
            kinds=_kinds(kinds),
            most=most,
            minutes=minutes,
            held_out=held_out,
            seed=seed,
            mining=mining,
            recipe=recipe,
        )
        if export is not None:
            _export(index, wanted, export, output=output, yes=chat["yes"])
            return
        elsewhere = questions_elsewhere(beside, index, seed=seed, pool=context.obj) if beside is not None else None
        try:
            with Display() as display:
                display.show("Making pairs, and looking for negatives")
                trained = run_training(
                    index,
                    output,
                    wanted=wanted,
                    beside=elsewhere,
                    resume=resume,
                    on_estimate=asking_first(yes=chat["yes"], display=display),
                    on_answer=lambda answered, requests: display.show(_answers(answered, requests)),
                    on_plan=_tell,
                    on_progress=lambda progress: display.show(_in_words(progress)),
                    on_stage=display.show,
                )
        except KeyboardInterrupt:
            if WorkDirectory(output).is_begun:
                err.print("Interrupted; the same command with --resume goes on.")
            elif generation is not None and answers_file(output).is_file():
                err.print("Interrupted; the same command asks only for the questions that are missing.")
            else:
                err.print("Interrupted.")
            sys.exit(INTERRUPTED)
    _print(trained, output, as_json=as_json)


def _loss(name: str, *, temperature: float, margin: float | None, at_once: int | None) -> "Loss":
    from retrieval.training import Loss
    from retrieval.training.losses import LossName

    for known in get_args(LossName):
        if known == name:
            return Loss(known, temperature=temperature, margin=margin, at_once=at_once)
    raise ConfigError(f"There is no loss {name!r}; it is one of {', '.join(get_args(LossName))}.")


def _mining(sources: str, *, count: int, margin: float, again: bool) -> "Mining":
    from retrieval.training import Mining
    from retrieval.training.negatives import EQUAL_WEIGHTS

    given: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in sources.split(","))):
        name, _, weight = part.partition("=")
        try:
            given[name.strip()] = float(weight or 1)
        except ValueError:
            raise ConfigError(f"{part!r} in --sources: write source=weight, such as bm25=2.") from None
    if unknown := given.keys() - EQUAL_WEIGHTS.keys():
        raise ConfigError(f"There are no negatives from {min(unknown)!r}, only from {', '.join(EQUAL_WEIGHTS)}.")
    weights = {name: given.get(name, 0.0) for name in EQUAL_WEIGHTS}
    return Mining(count=count, margin=margin, weights=weights, again=again)


def _kinds(given: str | None) -> "tuple[Kind, ...] | None":
    from retrieval.training.pairs import MADE

    if given is None:
        return None
    names = [name.strip() for name in given.split(",") if name.strip()]
    if unknown := [name for name in names if name not in MADE]:
        raise ConfigError(f"There are no pairs of kind {unknown[0]!r}; documents give {', '.join(MADE)}.")
    return tuple(kind for kind in MADE if kind in names)


def _export(index: "HybridIndex", wanted: "Wanted", file: Path, *, output: Path, yes: bool) -> None:
    from retrieval.training import write_examples
    from retrieval.training.generated import answers_file, generate
    from retrieval.training.plan import make_plan
    from retrieval.training.trainable import trainable_model

    with Display() as display:
        generated = generate(
            index,
            wanted,
            answers_file(output),
            on_estimate=asking_first(yes=yes, display=display),
            on_answer=lambda answered, requests: display.show(_answers(answered, requests)),
        )
        display.show("Making pairs, and looking for negatives")
        plan = make_plan(index, trainable_model(index.config), wanted, generated=generated)
        write_examples(file, plan.examples)
    _tell(plan)
    err.print(Text(f"Wrote {file}."))


def _tell(plan: "Plan") -> None:
    pairs = ", ".join(f"{count:,} {kind}" for kind, count in plan.pairs.items())
    negatives = ", ".join(f"{count:,} {source}" for source, count in plan.negatives.items() if count) or "none"
    if plan.generated.passages:
        cost = "" if plan.generated.cost is None else f"; they cost about {amount(plan.generated.cost)}"
        err.print(Text(f"Questions by the language model: {plan.generated.in_words()}{cost}."))
    err.print(Text(f"Pairs: {pairs}. Hard negatives: {negatives}."))
    held = counted(len(plan.development.queries), "held-out question")
    err.print(Text(f"{counted(plan.steps, 'step')}, about {_duration(plan.seconds)} here; {held} to stop early by."))


def _answers(answered: int, requests: int) -> str:
    return f"Questions: {answered:,} of {requests:,} answers"


def _in_words(progress: "Progress") -> str:
    said = f"Training: step {progress.step:,} of {progress.steps:,}"
    if progress.renewed is not None:
        return f"{said}, looking for new negatives ({progress.renewed:.0%})"
    if progress.loss is not None:
        said += f", loss {progress.loss:.3f}"
    if progress.figure is not None:
        said += f", held-out nDCG@10 {progress.figure:.3f}"
    return said if progress.seconds is None else f"{said}, about {_duration(progress.seconds)} left"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def _print(trained: "Trained", output: Path, *, as_json: bool) -> None:
    from retrieval.training.card import verdict_table
    from retrieval.training.verdict import how_measured, sides_as_dict, space_in_words

    fitted, verdict = trained.fitted, trained.verdict
    if as_json:
        print_json(
            {
                "model": trained.config.model,
                "pairs": dict(trained.plan.pairs),
                "negatives": dict(trained.plan.negatives),
                "steps": fitted.steps,
                "best_step": fitted.best_step,
                "blend": fitted.share,
                "held_out": {str(step): figure for step, figure in fitted.figures.items()},
                "unseen": None if verdict is None else sides_as_dict(verdict.own),
                "elsewhere": None if verdict is None or verdict.elsewhere is None else sides_as_dict(verdict.elsewhere),
                "take": verdict is not None and verdict.take,
                "advice": trained.advice,
            }
        )
        return
    if verdict is not None:
        out.print(verdict_table(verdict))
        for name, sides in verdict.sides.items():
            out.print(Text(f"{name}: {how_measured(sides)} {space_in_words(sides)}"))
    out.print(Text(trained.advice, style="bold"))
    settings = output / "config.yaml"
    out.print(Text(f"Wrote {output}; its card is README.md. `ingest sync --rebuild --config {settings}` takes it."))
