"""`retrieve train`: train the model on one's own documents."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from retrieval.console import INTERRUPTED, ConfigOption, JsonOption, err
from retrieval.errors import ConfigError
from retrieval.generate_cli import asking_first, generation_of, with_generation_options
from retrieval.models_progress import Display
from retrieval.train_documents_cli import (
    check_place,
    opened_documents,
    questions_elsewhere,
    read_judged,
    resolved_judgements,
)
from retrieval.train_options_cli import kinds_of, loss_of, mining_of
from retrieval.train_report_cli import answers_in_words, print_plan, print_trained, progress_in_words

if TYPE_CHECKING:
    from retrieval.index import HybridIndex
    from retrieval.training import Wanted

_PAIRS, _NEGATIVES, _LOSS, _TRAINING, _VERDICT = "Pairs", "Hard negatives", "Loss", "Training", "Verdict"


@with_generation_options
def train(
    context: typer.Context,
    documents: Annotated[
        Path,
        typer.Argument(
            help="An index; or a folder of documents or a BEIR collection, which is indexed in OUTPUT.index.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option(help="The directory of the trained model. It must not exist yet.")],
    resume: Annotated[bool, typer.Option("--resume", help="Resume the same training after an interruption.")] = False,
    export: Annotated[
        Path | None, typer.Option(help="Write the pairs with their hard negatives as JSON lines, and do not train.")
    ] = None,
    queries: Annotated[
        Path | None, typer.Option(help="Judged questions, as `retrieve evaluate` reads them.", rich_help_panel=_PAIRS)
    ] = None,
    qrels: Annotated[Path | None, typer.Option(help="The documents that answer them.", rich_help_panel=_PAIRS)] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="Of a BEIR collection: the qrels to train on.",
            show_default="train, or the only one",
            rich_help_panel=_PAIRS,
        ),
    ] = None,
    ignore_judgements: Annotated[
        bool,
        typer.Option(
            "--ignore-judgements",
            help="Of a BEIR collection: train on the documents alone.",
            rich_help_panel=_PAIRS,
        ),
    ] = False,
    pairs: Annotated[
        Path | None,
        typer.Option(help="A file of more pairs: lines of a question, a tab and a passage.", rich_help_panel=_PAIRS),
    ] = None,
    kinds: Annotated[
        str | None,
        typer.Option(
            help="The kinds of pairs to make from documents, separated by commas: title, headings, sentence, question, "
            "keywords, crop; '' makes none.",
            show_default="title,headings,sentence,question; all where documents give none of these",
            rich_help_panel=_PAIRS,
        ),
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="The most pairs to train on.", rich_help_panel=_PAIRS)] = 20_000,
    minutes: Annotated[
        float | None,
        typer.Option(help="Train on as many pairs as take about this long.", rich_help_panel=_PAIRS),
    ] = None,
    negatives: Annotated[
        int, typer.Option(min=0, help="The most hard negatives of a pair.", rich_help_panel=_NEGATIVES)
    ] = 1,
    sources: Annotated[
        str,
        typer.Option(
            help="Where hard negatives come from, and how often: source=weight, separated by commas.",
            rich_help_panel=_NEGATIVES,
        ),
    ] = "bm25=1,dense=1,document=1",
    margin: Annotated[
        float,
        typer.Option(
            help="A hard negative's cosine is lower than the answer's by this share of it, at least.",
            rich_help_panel=_NEGATIVES,
        ),
    ] = 0.05,
    mine_again: Annotated[
        bool,
        typer.Option(
            "--mine-again",
            help="Before each further epoch, mine the dense negatives again with the model in training.",
            rich_help_panel=_NEGATIVES,
        ),
    ] = False,
    loss: Annotated[
        str,
        typer.Option(help="infonce, triplet, contrastive, cosine, margin-mse or kl.", rich_help_panel=_LOSS),
    ] = "infonce",
    temperature: Annotated[
        float | None, typer.Option(help="Of infonce and kl.", show_default="0.05", rich_help_panel=_LOSS)
    ] = None,
    loss_margin: Annotated[
        float | None,
        typer.Option(
            help="Of triplet and contrastive, in cosine distance.",
            show_default="0.2, contrastive 0.5",
            rich_help_panel=_LOSS,
        ),
    ] = None,
    at_once: Annotated[
        int | None,
        typer.Option(
            help="Of infonce: embed so many rows at once, so that large batches need little memory.",
            show_default="all",
            rich_help_panel=_LOSS,
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the pairs.", rich_help_panel=_TRAINING)] = 1,
    repeats: Annotated[
        int,
        typer.Option(min=1, help="How often an epoch has judged and generated pairs.", rich_help_panel=_TRAINING),
    ] = 4,
    batch_size: Annotated[int, typer.Option(min=1, help="Pairs in a batch.", rich_help_panel=_TRAINING)] = 32,
    accumulate: Annotated[int, typer.Option(min=1, help="Batches in a step.", rich_help_panel=_TRAINING)] = 1,
    learning_rate: Annotated[
        float,
        typer.Option(
            help="The highest learning rate; it rises in the first tenth of the steps, then falls to 0.",
            rich_help_panel=_TRAINING,
        ),
    ] = 3e-5,
    frozen_layers: Annotated[
        int,
        typer.Option(
            min=0,
            help="Do not train this many of the lowest layers, nor the embeddings below them.",
            rich_help_panel=_TRAINING,
        ),
    ] = 0,
    lora: Annotated[
        int,
        typer.Option(
            min=0,
            help="Train adapters of this rank (LoRA), such as 8, instead of the weights: large models need less "
            "memory. Choose a --learning-rate ten times as high.",
            rich_help_panel=_TRAINING,
        ),
    ] = 0,
    blend: Annotated[
        float | None,
        typer.Option(
            help="The share of the trained weights in the result; the rest are those of the base model.",
            show_default="0.5 for pairs made from documents, else 0.5, 0.75 or 1, as development questions choose",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides all that is drawn at random.", rich_help_panel=_TRAINING)] = 0,
    held_out: Annotated[
        float | None,
        typer.Option(
            help="The share of the judged questions, else of the documents, that is not trained on: half of it to stop "
            "early by, half for the verdict. Fewer than 100 judged questions are all for the verdict. With 0 there is "
            "no verdict.",
            show_default="0.2; 0 where these would be fewer than 50 judged questions",
            rich_help_panel=_VERDICT,
        ),
    ] = None,
    beside: Annotated[
        Path | None,
        typer.Option(
            help="Other documents, to see what the model forgets of them: an index, a folder or a BEIR collection.",
            rich_help_panel=_VERDICT,
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    **chat: Any,
) -> None:
    """Train the model on your own documents, and say whether to take the trained model.

    Pairs of a question and a passage come from judged questions, from a file, or are made from the documents. The index
    finds hard negatives: passages that only look like an answer. Questions to held-out documents tell whether the
    trained model is significantly better than the base model.
    """
    from retrieval.training import Recipe, Wanted, read_pairs
    from retrieval.training import train as run_training
    from retrieval.training.fit import check_packages
    from retrieval.training.generated import answers_file
    from retrieval.training.model_directory import check_directory
    from retrieval.training.work_directory import WorkDirectory

    if export is not None and (resume or beside is not None):
        raise ConfigError("--export does not train: leave out --resume and --beside.")
    if beside is not None and beside.resolve() == documents.resolve():
        raise ConfigError("--beside names the documents that are trained on; name others.")
    check_packages(lora=lora > 0)
    output = output.resolve()
    check_place(documents, output)
    check_directory(output)
    if not resume and export is None:
        WorkDirectory(output).check_unused()
    judged = read_judged(documents, queries=queries, qrels=qrels, split=split, ignore=ignore_judgements)
    chosen_loss = loss_of(loss, temperature=temperature, margin=loss_margin, at_once=at_once)
    mining = mining_of(sources, count=negatives, margin=margin, again=mine_again)
    recipe = Recipe(
        loss=chosen_loss,
        epochs=epochs,
        repeats=repeats,
        batch_size=batch_size,
        accumulate=accumulate,
        learning_rate=learning_rate,
        frozen_layers=frozen_layers,
        blend=blend,
        lora_rank=lora,
        seed=seed,
    )
    generation = generation_of(**chat)
    given = (queries, qrels, pairs, export, config, chat["chat_key_file"], chat["prompt"], answers_file(output))
    files = [file for file in given if file is not None]
    with opened_documents(documents, output=output, config=config, files=files, pool=context.obj) as (index, folder):
        wanted = Wanted(
            judgements=None if judged is None else resolved_judgements(judged, index, folder=folder),
            pairs=tuple(read_pairs(pairs)) if pairs is not None else (),
            generation=generation,
            kinds=kinds_of(kinds),
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
                display.show("Collecting pairs and mining hard negatives")
                trained = run_training(
                    index,
                    output,
                    wanted=wanted,
                    beside=elsewhere,
                    resume=resume,
                    on_estimate=asking_first(yes=chat["yes"], display=display),
                    on_answer=lambda answered, requests: display.show(answers_in_words(answered, requests)),
                    on_plan=print_plan,
                    on_progress=lambda progress: display.show(progress_in_words(progress)),
                    on_stage=display.show,
                )
        except KeyboardInterrupt:
            if WorkDirectory(output).is_begun:
                err.print("Interrupted; the same command with --resume continues.")
            elif generation is not None and answers_file(output).is_file():
                err.print("Interrupted; the same command asks only for the questions that are missing.")
            else:
                err.print("Interrupted.")
            sys.exit(INTERRUPTED)
    print_trained(trained, output, as_json=as_json)


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
            on_answer=lambda answered, requests: display.show(answers_in_words(answered, requests)),
        )
        display.show("Collecting pairs and mining hard negatives")
        plan = make_plan(index, trainable_model(index.config), wanted, generated=generated)
        write_examples(file, plan.examples)
    print_plan(plan)
    err.print(Text(f"Wrote {file}."))
