"""`ingest`: keep an index in step with folders of documents."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from ingest.report import OnProgress, Progress, SyncReport
from retrieval.console import (
    DEFAULT_INDEX,
    SOME_FAILED,
    ConfigOption,
    IndexOption,
    JsonOption,
    err,
    out,
    print_json,
    run,
    waiting,
)

app = typer.Typer(
    help="Keep an index in step with folders of documents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def sync(
    folder: Annotated[Path, typer.Argument(help="Folder of documents.")],
    index: IndexOption = DEFAULT_INDEX,
    name: Annotated[str | None, typer.Option(help="Name for the folder in sources, instead of its own.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add new files, replace changed ones, and delete those that are gone."""
    from ingest.sync import sync as run_sync
    from retrieval.index import HybridIndex

    with HybridIndex.open(index, config=config) as opened, _progress_bar() as on_progress:
        report = run_sync(folder, opened, name=name, dry_run=dry_run, on_progress=on_progress)
    if as_json:
        print_json({**asdict(report), "failed": [failure._asdict() for failure in report.failed]})
    else:
        _print_report(report, index)
    if report.failed:
        raise typer.Exit(SOME_FAILED)


@app.command()
def status(index: IndexOption = DEFAULT_INDEX, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show folders, documents and what failed."""
    from retrieval.index import HybridIndex

    with HybridIndex.open(index, config=config, read_only=True) as opened:
        stats, records, folders = opened.stats(), opened.documents(), opened.folders()
    unfinished = [record for record in records if record.status != "ready"]
    if as_json:
        print_json(
            {
                **stats._asdict(),
                "folders": dict(folders),
                "unfinished": [{"source": r.source, "status": r.status, "reason": r.reason} for r in unfinished],
            }
        )
        return
    out.print(
        f"{stats.documents:,} documents, {stats.chunks:,} chunks, {stats.tokens:,} tokens in {escape(str(index))}"
    )
    out.print(
        f"model {stats.model}, {stats.dimension} dimensions, {stats.pooling} pooling, at most {stats.max_seq_length} "
        f"tokens, prefixes {stats.query_prefix!r} and {stats.passage_prefix!r}",
        markup=False,
    )
    for name, path in folders.items():
        out.print(f"{name}: {path}", markup=False)
    for record in unfinished:
        out.print(f"{record.status}: {record.source}: {record.reason or 'the next sync finishes it'}", markup=False)


@app.command()
def delete(
    sources: Annotated[list[str], typer.Argument(help="Sources as search shows them; 'docs/' is all below.")],
    index: IndexOption = DEFAULT_INDEX,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete documents from the index; a file that is still in its folder comes back with the next sync."""
    from retrieval.index import HybridIndex

    with HybridIndex.open(index, config=config) as opened:
        known = [f"{record.source}/" for record in opened.documents()]
        unknown = [source for source in sources if not any(k.startswith(f"{source.rstrip('/')}/") for k in known)]
        deleted = opened.delete(sources)
    if as_json:
        print_json(deleted._asdict())
    else:
        out.print(f"Deleted {deleted.documents} documents, {deleted.chunks} chunks.")
    for source in unknown:
        err.print(f"not in the index: {source}", markup=False)
    if unknown:
        raise typer.Exit(SOME_FAILED)


@app.command()
def doctor(
    index: IndexOption = DEFAULT_INDEX,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what is wrong.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold ledger, chunks and search files against each other."""
    from ingest.doctor import examine

    with waiting("Examining"):
        findings = examine(index, config=config, repair=repair)
    if as_json:
        print_json([finding._asdict() for finding in findings])
    for finding in [] if as_json else findings:
        out.print(f"{'mended' if finding.mended else 'found'}: {finding.what}", markup=False)
    if not findings and not as_json:
        out.print("All is well.")
    if any(not finding.mended for finding in findings):
        raise typer.Exit(SOME_FAILED)


@contextmanager
def _progress_bar() -> Iterator[OnProgress | None]:
    """On a terminal; it appears with the first document that is done."""
    if not err.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, TextColumn("{task.fields[tokens]:,} tokens"), console=err, transient=True) as bar:
        task = bar.add_task("Reading", total=None, tokens=0)

        def show(progress: Progress) -> None:
            bar.update(
                task,
                description="Indexing",
                total=progress.total,
                completed=progress.done,
                tokens=progress.tokens,
            )

        yield show


def _print_report(report: SyncReport, index: Path) -> None:
    documents = f"{report.added:,} added, {report.updated:,} updated, {report.deleted:,} deleted"
    rest = f"{report.unchanged:,} unchanged, {len(report.failed):,} failed, {report.skipped:,} skipped (not text)"
    if report.dry_run:
        out.print(f"Would do in {index}: {documents}; {rest}.", markup=False)
    else:
        out.print(f"Documents in {index}: {documents}; {rest}.", markup=False)
        out.print(
            f"Chunks: {report.chunks_added:,} added, {report.chunks_deleted:,} deleted, {report.chunks_reused:,} "
            f"reused; {report.tokens_embedded:,} tokens embedded, {report.truncated} truncated; {report.seconds:.1f} s."
        )
    for failure in report.failed:
        err.print(f"failed: {failure.source}: {failure.reason}", markup=False)


def main() -> None:
    run(app)


if __name__ == "__main__":
    main()
