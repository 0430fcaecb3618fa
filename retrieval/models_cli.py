"""`retrieve models`: which model to take."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from retrieval.console import SOME_FAILED, ConfigOption, JsonOption, out, print_json, printable, waiting, warn
from retrieval.errors import ConfigError, ModelError
from retrieval.evaluation_cli import SplitOption, check_output, patterns_within, write_output
from retrieval.models_progress import Display, cleaning_up
from retrieval.words import counted

if TYPE_CHECKING:
    from retrieval.config import Config
    from retrieval.evaluation.judgements import Judgements
    from retrieval.model_comparison.candidates import Candidates
    from retrieval.model_comparison.comparison import Comparison
    from retrieval.model_comparison.trial import Material

app = typer.Typer(no_args_is_help=True)


@app.callback()
def about() -> None:
    """Choose the model that turns text into vectors."""


@app.command()
def compare(
    context: typer.Context,
    documents: Annotated[
        Path,
        typer.Argument(help="A folder of documents, a collection in BEIR layout, or an index.", show_default=False),
    ],
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help="Presets, configuration files, or what `model` may be: packaged, a directory, a name on the hub, "
            "openai:NAME. None are all presets that are on this machine.",
            show_default=False,
        ),
    ] = None,
    queries: Annotated[
        Path | None, typer.Option(help="Questions, as `retrieve evaluate` takes them; else some are made.")
    ] = None,
    qrels: Annotated[Path | None, typer.Option(help="Which documents answer them.")] = None,
    split: SplitOption = "test",
    sample: Annotated[
        int, typer.Option(min=0, help="Documents to compare on, of 1,000 characters on average at most; 0 is all.")
    ] = 1500,
    seed: Annotated[int, typer.Option(help="Draws other documents and questions.")] = 0,
    output: Annotated[Path | None, typer.Option(help="Write the recommended model's settings to this file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the output file.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw a picture: .png, .svg or .pdf.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try models on your documents, and say which to take: what each finds, how fast, in how much memory.

    Without judged questions, some are made from the documents: a heading or a first sentence, and the passage it is
    from. Each model indexes the documents for itself; nothing of it is kept, and no index of yours is changed.
    """
    from ingest.model_trials.reading import read_material
    from retrieval.model_comparison.plot import plot_comparison
    from retrieval.model_comparison.report import comparison_as_dict, config_of

    _check_beforehand(plot=plot, output=output, force=force)
    judgements = _judgements(queries, qrels)
    shared = _shared_settings(documents, config)
    candidates = _candidates(documents, models or (), shared)
    beside = [file for file in (queries, qrels, output, plot, config) if file is not None and file.is_file()]
    with cleaning_up():
        with Display() as display:
            material = read_material(
                documents,
                judgements=judgements,
                split=split,
                sample=sample,
                seed=seed,
                config=shared,
                exclude=tuple(patterns_within(documents, beside)),
                pool=context.obj,
                on_read=lambda count: display.show(f"Reading the documents: {count:,}"),
            )
        comparison = _compare(material, candidates, offline=not models)
    by_label = {candidate.label: candidate for candidate in candidates.found}
    if as_json:
        print_json(comparison_as_dict(comparison, by_label))
    else:
        _print(comparison, documents=len(material.documents))
    if plot is not None:
        plot_comparison(plot, comparison)
    if output is not None:
        write_output(output, config_of(comparison, by_label), force=force)
    for written in (plot, output) if not as_json else ():
        if written is not None:
            out.print(Text(f"Wrote {written}."))
    if models and comparison.refused:
        raise typer.Exit(SOME_FAILED)


def _check_beforehand(*, plot: Path | None, output: Path | None, force: bool) -> None:
    """What can be refused is refused before the documents are read."""
    from retrieval.evaluation.measures import Judge, missing_extra
    from retrieval.evaluation.plot import check_plot
    from retrieval.model_comparison.trial import MEASURES

    Judge({"query": {"document": 1}}, MEASURES)
    if find_spec("scipy") is None:
        raise missing_extra("scipy")
    if plot is not None:
        check_plot(plot)
        check_output(plot, force=True)
    if output is not None:
        check_output(output, force=force)


def _judgements(queries: Path | None, qrels: Path | None) -> "Judgements | None":
    from retrieval.evaluation.judgements import read_judgements

    if (queries is None) != (qrels is None):
        raise ConfigError("--queries and --qrels go together: the one says what is asked, the other what answers it.")
    return None if queries is None or qrels is None else read_judgements(queries, qrels)


def _shared_settings(documents: Path, config: Path | None) -> "Config":
    """What all models are compared with: the configuration over what an index was made with."""
    from ingest.model_trials.reading import settings_of_index
    from retrieval.config import Config

    of_index = settings_of_index(documents)
    base = {} if of_index is None else of_index.model_dump(include=set(of_index.model_fields_set))
    return Config.load(config, base=base)


def _candidates(documents: Path, models: Sequence[str], shared: "Config") -> "Candidates":
    from retrieval.model_comparison.candidates import named_candidates, own_candidate, preset_candidates

    if models:
        for name in sorted({name for name in models if models.count(name) > 1}):
            warn(f"{name} is named more than once, and compared once.")
        return named_candidates(tuple(dict.fromkeys(models)), shared)
    return preset_candidates(shared, *own_candidate(shared))


def _compare(material: "Material", candidates: "Candidates", *, offline: bool) -> "Comparison":
    """Raises ModelError where no model can be used."""
    from ingest.model_trials.run import load_models, try_models
    from retrieval.model_comparison.comparison import compare_trials

    with TemporaryDirectory(prefix="retrieve-models-", ignore_cleanup_errors=True) as name:
        scratch = Path(name)
        with Display() as display:
            listeners = display.listeners("Loading", len(candidates.found))
            loaded, unloadable = load_models(candidates.found, offline=offline, scratch=scratch, listener_for=listeners)
            listeners = display.listeners("Trying", len(loaded))
            trials, failed = try_models(loaded, material, offline=offline, scratch=scratch, listener_for=listeners)
    refused = {**candidates.refused, **unloadable, **failed}
    if not trials:
        reasons = " ".join(f"{label}: {reason}" for label, reason in refused.items())
        raise ModelError(f"None of the models can be used here. {reasons}")
    with waiting("Comparing"):
        return compare_trials(material, trials, refused)


def _print(comparison: "Comparison", *, documents: int) -> None:
    from retrieval.model_comparison import tables

    searched = counted(documents, "passage" if comparison.kind == "known-item" else "document")
    kind = {"judged": "judged ", "known-item": "known-item ", "none": ""}[comparison.kind]
    title = f"{printable(comparison.name)}: {searched}, {counted(comparison.questions, f'{kind}question')}"
    out.print(Text(title, style="bold"))
    for note in comparison.notes:
        out.print(Text(printable(note)))
    of_quality = [tables.quality_table(comparison)] if comparison.quality else []
    for table in (tables.models_table(comparison), *of_quality, tables.space_table(comparison)):
        out.print()
        out.print(table)
    out.print()
    for note in tables.notes_on_tables(comparison):
        out.print(Text(note))
    out.print()
    by_reason: dict[str, list[str]] = {}
    for label, reason in comparison.refused.items():
        by_reason.setdefault(reason, []).append(label)
    for reason, labels in by_reason.items():
        out.print(Text(f"Not compared: {printable(', '.join(labels))}: {printable(reason)}"))
    for caveat in tables.caveats(comparison):
        out.print(Text(printable(caveat)))
    out.print(Text(printable(tables.recommendation_in_words(comparison)), style="bold"))
