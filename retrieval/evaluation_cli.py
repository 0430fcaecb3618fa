"""`retrieve evaluate` and `retrieve tune`: how good the answers are, and with which settings they would be better."""

import math
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from retrieval.console import SOME_FAILED, ConfigOption, JsonOption, err, out, print_json, waiting, warn
from retrieval.errors import ConfigError
from retrieval.words import counted

if TYPE_CHECKING:
    from ingest.parser_pool import Parsers
    from retrieval.config import Config
    from retrieval.evaluation import Collection, Resolved
    from retrieval.index import HybridIndex

CollectionArgument = Annotated[
    Path,
    typer.Argument(help="Directory in BEIR layout: corpus.jsonl, queries.jsonl, qrels/. Or a folder of documents."),
]
QueriesOption = Annotated[
    Path | None, typer.Option(help="For a folder: its queries, as JSON lines {_id, text} or id<TAB>text.")
]
QrelsOption = Annotated[
    Path | None, typer.Option(help="For a folder: the judgements, as query<TAB>document<TAB>score or in TREC's format.")
]
SplitOption = Annotated[str, typer.Option(help="For BEIR layout: which qrels to use.")]
KeptIndexOption = Annotated[
    Path | None,
    typer.Option(
        "--index",
        help="Ask the index that is here, and leave it as it is; where there is none, make it of the documents.",
    ),
]
SyncFirstOption = Annotated[
    bool,
    typer.Option("--sync", help="Bring the index of --index in step with the documents first; it holds nothing else."),
]


def evaluate(
    context: typer.Context,
    collection: CollectionArgument,
    queries: QueriesOption = None,
    qrels: QrelsOption = None,
    split: SplitOption = "test",
    index: KeptIndexOption = None,
    sync: SyncFirstOption = False,
    measures: Annotated[
        str, typer.Option(help="As ir_measures writes them, between spaces; the first counts queries won and lost.")
    ] = "nDCG@10 RR@10 R@100 AP",
    depth: Annotated[int, typer.Option(min=1, help="Documents to ask for, for each query.")] = 100,
    baseline: Annotated[
        Path | None,
        typer.Option(help="A TREC run to compare with, an earlier hybrid.run say; all are judged as deep as it goes."),
    ] = None,
    test: Annotated[str, typer.Option(help="Significance test: randomisation or t.")] = "randomisation",
    run: Annotated[
        Path | None, typer.Option(help="Write the runs and every query's figures to this directory.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw a picture: .png, .svg or .pdf.")] = None,
    fail_below: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MEASURE=FIGURE",
            help="Exit with 1 where hybrid answers worse than this, as nDCG@10=.4; repeatable.",
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Index judged documents and print how well each mode answers their queries.

    The documents are a test collection in BEIR's layout, or any folder together with --queries and --qrels.
    """
    from retrieval.evaluation.measures import Judge, judge, judge_beside
    from retrieval.evaluation.plot import check_plot
    from retrieval.evaluation.plot import plot as draw
    from retrieval.evaluation.report import write_report
    from retrieval.evaluation.runs import reach, read_run
    from retrieval.evaluation.significance import compare_with_all, read_test
    from retrieval.evaluation.tables import comparisons_table, evaluation_as_dict, figures_table

    # What can be refused is refused before the documents are indexed.
    floors = [_floor(given) for given in fail_below or ()]
    asked = filter(None, re.split(r"[\s,]+(?![^(]*\))", measures))
    names = tuple(dict.fromkeys([*asked, *(name for name, _ in floors)]))
    chosen_test = read_test(test)
    if plot is not None:
        check_plot(plot)
    beside = (run, plot, baseline, config)
    given = _read(collection, queries=queries, qrels=qrels, split=split, beside=beside)
    judged = given.judged
    Judge(judged.qrels, names, depth=depth)
    if baseline is not None:
        read_run(baseline, judged.qrels)
    with _indexed(given, index=index, sync_first=sync, config=config, pool=context.obj) as (opened, resolved):
        documents = opened.stats().documents
        with _stage(f"Answering {counted(len(judged.queries), 'query')} in each mode"):
            answers = judge(opened, resolved.collection, measures=names, depth=depth)
    if baseline is not None:
        earlier = read_run(baseline, resolved.collection.qrels, sources=resolved.sources)
        if (deepest := reach(earlier)) < max(reach(answered.run) for answered in answers.values()):
            warn(
                f"{baseline} has no more than {deepest} documents a query, so all runs are judged by their first ones."
            )
        answers = judge_beside(earlier, answers, resolved.collection.qrels, measures=names, depth=depth)
    figures = {name: answered.figures for name, answered in answers.items()}
    with waiting("Comparing"):
        comparisons = compare_with_all(figures, "hybrid", test=chosen_test)
    title = f"{given.name}: {counted(documents, 'document')}, {counted(len(judged.queries), 'query')}"
    if run is not None:
        write_report(run, resolved.collection, answers)
    if plot is not None:
        draw(plot, figures, title=title)
    if as_json:
        counts = {"collection": str(collection), "documents": documents, "queries": len(judged.queries)}
        print_json({**counts, "missing": resolved.missing, **evaluation_as_dict(figures, comparisons)})
    else:
        out.print(figures_table(figures, title=title))
        out.print(comparisons_table(comparisons))
    reached = figures["hybrid"].means
    below = [f"{name} is {reached[name]:.4f}, below {floor:g}" for name, floor in floors if reached[name] < floor]
    if below:
        err.print(f"failed: hybrid {'; '.join(below)}.", markup=False)
        raise typer.Exit(SOME_FAILED)


def _floor(given: str) -> tuple[str, float]:
    """A measure, and the least that it should be. Raises ConfigError."""
    name, _, figure = given.rpartition("=")
    try:
        floor = float(figure)
    except ValueError:
        floor = math.nan
    if not name or math.isnan(floor):
        raise ConfigError(f"--fail-below {given}: write a measure and a figure, as nDCG@10=.4.")
    return name.strip(), floor


def tune(
    context: typer.Context,
    collection: CollectionArgument,
    queries: QueriesOption = None,
    qrels: QrelsOption = None,
    split: SplitOption = "test",
    index: KeptIndexOption = None,
    sync: SyncFirstOption = False,
    measure: Annotated[str, typer.Option(help="What to make high, as ir_measures writes it.")] = "nDCG@10",
    folds: Annotated[int, typer.Option(help="Parts of the queries; each is judged by what the others choose.")] = 5,
    output: Annotated[Path | None, typer.Option(help="Write the recommended settings to this YAML file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the output file.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the fusion, alpha, k1 and b that answer judged queries best, and say whether that is more than luck.

    The settings are chosen on some of the queries and judged on the others. Where what they gain there cannot be told
    from nothing, the present settings are recommended.
    """
    from retrieval.evaluation.cross_validation import check_folds
    from retrieval.evaluation.measures import Judge
    from retrieval.evaluation.report import tuned_config
    from retrieval.evaluation.tables import folds_table, tuning_as_dict, tuning_in_words
    from retrieval.evaluation.tuning import tune as run_tune

    if output is not None:
        check_output(output, force=force)
    given = _read(collection, queries=queries, qrels=qrels, split=split, beside=(output, config))
    judged = given.judged
    Judge(judged.qrels, [measure])
    check_folds(len(judged.queries), folds)
    with _indexed(given, index=index, sync_first=sync, config=config, pool=context.obj) as (opened, resolved):
        with _stage(f"Scoring {len(judged.queries)} queries under many settings"):
            tuning = run_tune(opened.searcher(), resolved.collection, measure=measure, folds=folds)
        text = tuned_config(opened.config, tuning, collection=given.name)
    if output is not None:
        write_output(output, text, force=force)
    if as_json:
        print_json({"collection": str(collection), "missing": resolved.missing, **tuning_as_dict(tuning)})
        return
    out.print(folds_table(tuning, title=f"{given.name}: {counted(tuning.queries, 'query')}, {measure}"))
    out.print(tuning_in_words(tuning), markup=False)
    if output is not None:
        out.print(f"Wrote {output}.", markup=False)


@contextmanager
def _stage(what: str) -> Iterator[None]:
    """A spinner on a terminal; elsewhere a line, as this may take a while."""
    if not err.is_terminal:
        err.print(f"{what} ...", markup=False)
    with waiting(what):
        yield


class _Given(NamedTuple):
    """Where documents lie, and what was judged. For a folder of documents, the files that hold the judgements, and
    others that are no documents."""

    path: Path
    judged: "Collection"
    judgement_files: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        return self.path.resolve().name


def _read(path: Path, *, queries: Path | None, qrels: Path | None, split: str, beside: Sequence[Path | None]) -> _Given:
    """`beside` are files and directories that are read or written and, like the judgements, are no documents."""
    from retrieval.evaluation import Collection, read_collection, read_judgements

    if (queries is None) != (qrels is None):
        raise ConfigError("--queries and --qrels go together: the one says what is asked, the other what answers it.")
    if queries is None or qrels is None:
        return _Given(path, read_collection(path, split=split))
    if (path / "corpus.jsonl").is_file():
        raise ConfigError(f"{path} is a collection in BEIR layout, with questions of its own; leave out --queries.")
    others = tuple(other for other in beside if other is not None)
    return _Given(path, Collection((), *read_judgements(queries, qrels)), (queries, qrels, *others))


@contextmanager
def _indexed(
    given: _Given, *, index: Path | None, sync_first: bool, config: Path | None, pool: "Parsers | None"
) -> "Iterator[tuple[HybridIndex, Resolved]]":
    """An index with the judged documents, and the judgements by its names. `pool` as in `sync`.

    index        one that is there is written to only with `sync_first`; None for one that is thrown away
    """
    from retrieval.evaluation import resolve
    from retrieval.index import HybridIndex

    if sync_first and index is None:
        raise ConfigError("--sync brings the index of --index in step; give both.")
    with (
        tempfile.TemporaryDirectory() as scratch,
        # No server keeps what is gone afterwards, whatever the environment says.
        HybridIndex.open(index or scratch, config=config if index else local_settings(Path(scratch), config)) as opened,
    ):
        if sync_first or not opened.searcher().generation:
            if index is not None:
                _check_holds_nothing_else(opened, given, index)
            _fill(opened, given, pool)
        opened.searcher().require_vectors("an evaluation")
        sources = {record.source for record in opened.documents() if record.status == "ready"}
        resolved = resolve(given.judged, sources, folder=given.name if given.judgement_files else None)
        if resolved.missing:
            warn(
                f"{len(resolved.missing)} of {len(resolved.sources)} judged documents are not in the index, such as "
                f"{resolved.missing[0]}; they count as not found."
                + (" --sync brings the index in step." if index is not None and not sync_first else "")
            )
        yield opened, resolved


def _fill(opened: "HybridIndex", given: _Given, pool: "Parsers | None") -> None:
    """Bring the index in step with the judged documents."""
    from ingest.adding import add
    from ingest.progress import showing_progress
    from ingest.sync import sync

    with showing_progress() as on_progress:
        if given.judgement_files:
            exclude = (*opened.config.exclude, *patterns_within(given.path, given.judgement_files))
            report = sync(given.path, opened, exclude=exclude, pool=pool, on_progress=on_progress)
        else:
            report = add(given.judged.documents, opened, on_progress=on_progress)
    if report.failed:
        source, reason = report.failed[0]
        warn(f"{counted(len(report.failed), 'document')} could not be indexed, such as {source}: {reason}")


def _check_holds_nothing_else(opened: "HybridIndex", given: _Given, index: Path) -> None:
    """Raises ConfigError for an index of something else: it would be changed, and its documents found as answers."""
    own = {document.source for document in given.judged.documents}
    folder = given.name if given.judgement_files else ""
    for record in opened.documents():
        if record.folder != folder or not (folder or record.source in own):
            raise ConfigError(
                f"{index} holds documents that are not of {given.path}, such as {record.source}; name a new directory "
                "with --index, or leave it out for an index that is thrown away."
            )


def local_settings(kept: Path, given: Path | None) -> "Config":
    """Those of an index that no Chroma server keeps: what is given, over those that it remembers, if it is there."""
    from retrieval.directory.index_directory import IndexDirectory
    from retrieval.fingerprint import remembered_settings
    from retrieval.index import settings_for

    remembered = remembered_settings(IndexDirectory(kept).read_pointer())
    return settings_for(given, remembered, None).kept_locally()


def patterns_within(folder: Path, files: Sequence[Path]) -> Iterator[str]:
    """gitignore patterns of the files that lie in the folder: questions must not be found as their own answers."""
    from ingest.selection import pattern_of

    root = folder.resolve()
    for file in files:
        if file.resolve().is_relative_to(root):
            yield pattern_of(file.resolve().relative_to(root).as_posix())


def check_output(output: Path, *, force: bool) -> None:
    if output.exists() and not force:
        raise ConfigError(f"{output} exists; name another file, or replace it with --force.")
    if not output.parent.is_dir():
        raise ConfigError(f"{output.parent} is not a directory that exists; create it, or write elsewhere.")


def write_output(output: Path, text: str, *, force: bool) -> None:
    try:
        with output.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"{output} cannot be written: {error.strerror}.") from error
