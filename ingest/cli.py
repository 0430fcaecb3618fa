"""`ingest`: keep an index in step with folders of documents."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ingest.interrupts import Stop, stop_on_interrupt
from ingest.progress import showing_progress
from ingest.report import SyncReport
from ingest.skipped_kinds import in_words
from ingest.snapshot_cli import app as snapshot_app
from retrieval.console import (
    DEFAULT_INDEX,
    INTERRUPTED,
    SOME_FAILED,
    USAGE,
    ConfigOption,
    IndexOption,
    JsonOption,
    VersionOption,
    err,
    meant,
    out,
    print_json,
    printable,
    run,
)
from retrieval.errors import ConfigError, DeletionsRefusedError, IndexLockedError
from retrieval.words import counted

if TYPE_CHECKING:
    from ingest.status import FolderStatus
    from retrieval.types import DocumentRecord

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


_PENDING_SHOWN = 20
_RETRY_SECONDS = 5.0
_KEPT = "what was finished is kept, and the next sync goes on from there."
_KEPT_REBUILD = "the index is as it was, and the next --rebuild goes on from there."

app.add_typer(snapshot_app, name="snapshot")


@app.callback()
def about(version: VersionOption = False) -> None:
    """Keep an index in step with folders of documents."""


@app.command()
def sync(
    folder: Annotated[Path, typer.Argument(help="Folder of documents.")],
    index: IndexOption = DEFAULT_INDEX,
    name: Annotated[str | None, typer.Option(help="Name for the folder in sources, instead of its own.")] = None,
    include: Annotated[list[str] | None, typer.Option(help="Read only files that match, e.g. '*.md'.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="Leave out what matches, e.g. 'build/'.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, and do nothing.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Then follow changes as they happen, until Ctrl-C.")] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build a new index with other settings.")] = False,
    allow_deletions: Annotated[
        bool, typer.Option("--allow-deletions", help="Delete also most documents of a folder that is nearly empty now.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Name what was added, updated, deleted and, with reasons, skipped.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add new files, replace changed ones, and delete those that are gone. Patterns are those of .gitignore."""
    if dry_run and (watch or rebuild):
        raise ConfigError("--dry-run goes with neither --watch nor --rebuild; leave one out.")
    with stop_on_interrupt() as stop:
        chosen = _Choice(folder, name, include, exclude, allow_deletions, stop)
        report = SyncReport()
        if rebuild:
            report = _rebuild(chosen, index, config)
            _show(report, index, as_json=as_json, verbose=verbose, kept=_KEPT_REBUILD)
        if not rebuild or (watch and not report.interrupted):
            for report, done in _syncs(chosen, index, config, dry_run=dry_run, watch=watch, verbose=verbose):
                _show(report, index, as_json=as_json, verbose=verbose, done=done)
    if report.interrupted or (watch and stop.is_set()):
        sys.exit(INTERRUPTED)  # not typer's way: the report has said so
    if report.refused:
        raise typer.Exit(USAGE)  # as the sync itself would
    if report.failed:
        raise typer.Exit(SOME_FAILED)


@app.command()
def status(index: IndexOption = DEFAULT_INDEX, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what is indexed, what failed, what is pending, and why."""
    from ingest.status import folder_status
    from retrieval.index import HybridIndex

    with HybridIndex.open(index, config=config, read_only=True) as opened:
        searcher, folders = opened.searcher(), folder_status(opened)
        stats = searcher.stats()
        added = [record for record in searcher.documents() if not record.folder]
        added_indexed = sum(not record.folder for record in searcher.searchable())
    if as_json:
        print_json({**stats._asdict(), "folders": [_folder_as_dict(folder) for folder in folders]})
        return
    out.print(
        f"{counted(stats.documents, 'document')}, {counted(stats.chunks, 'chunk')}, {counted(stats.tokens, 'token')} "
        f"in {index}",
        markup=False,
    )
    chunk = "" if stats.chunk_size == "auto" else f", chunks of at most {stats.chunk_size}"
    out.print(
        f"model {stats.model}, {stats.dimension} dimensions, {stats.pooling} pooling, at most {stats.max_seq_length} "
        f"tokens{chunk}, prefixes {stats.query_prefix!r} and {stats.passage_prefix!r}",
        markup=False,
    )
    for folder in folders:
        _print_folder(folder)
    if added:
        out.print(f"added one by one: {added_indexed:,} indexed")
    for record in added:
        if record.status != "ready":
            out.print(f"  {record.status}: {printable(record.source)}: {record.reason or 'add it again'}", markup=False)
        elif record.reason:
            out.print(f"  in part: {printable(record.source)}: {record.reason}", markup=False)


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
        known = [record.source for record in opened.documents()]
        named = {source: meant(source, known) for source in sources}
        deleted = opened.delete(sorted({*sources}.union(*named.values())))
    if as_json:
        print_json(deleted._asdict())
    else:
        out.print(f"Deleted {counted(deleted.documents, 'document')}, {counted(deleted.chunks, 'chunk')}.")
    unknown = [source for source, found in named.items() if not found]
    for source in unknown:
        is_folder = bool(meant(f"{source}/", known))
        hint = f"; write {source}/ for all that is below" if is_folder else ""
        err.print(f"not in the index: {printable(source)}{hint}", markup=False)
    if unknown:
        raise typer.Exit(SOME_FAILED)


@app.command()
def doctor(
    index: IndexOption = DEFAULT_INDEX,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what is wrong.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold ledger, chunks, search files and folders against each other. Nobody can write meanwhile."""
    from ingest.doctor import examine, in_words

    with showing_progress("examining") as on_progress:
        findings = examine(index, config=config, repair=repair, on_progress=on_progress)
    if as_json:
        print_json([finding._asdict() for finding in findings])
    mended = "mended" if repair else "mended on opening"
    for is_mended, line in [] if as_json else in_words(findings):
        out.print(f"{mended if is_mended else 'found'}: {printable(line)}", markup=False)
    if not findings and not as_json:
        out.print("All is well.")
    if any(not finding.mended for finding in findings):
        raise typer.Exit(SOME_FAILED)


class _Choice(NamedTuple):
    """The folder that was asked for, and how: the arguments that `sync` and `rebuild` share."""

    folder: Path
    name: str | None
    include: list[str] | None
    exclude: list[str] | None
    allow_deletions: bool
    stop: Stop


def _syncs(
    chosen: _Choice, index: Path, config: Path | None, *, dry_run: bool, watch: bool, verbose: bool
) -> Iterator[tuple[SyncReport, list[str]]]:
    """The report of one sync and, if `verbose`, the lines of what it did; with `watch` of one more for each time that
    something has changed."""
    from ingest.sync import sync as run_sync
    from ingest.watch import changes
    from retrieval.index import HybridIndex

    with HybridIndex.open(index, config=config) as opened:
        pending = changes(chosen.folder, index=index, stop=chosen.stop) if watch else iter(())
        is_first, told = True, ""
        while True:
            try:
                before = opened.documents() if verbose else ()
                with showing_progress() as on_progress:
                    report = run_sync(
                        index=opened,
                        retry_failed=is_first,
                        dry_run=dry_run,
                        on_progress=chosen.stop.hearing(on_progress),
                        **chosen._asdict(),
                    )
                done = _done(before, opened.documents()) if verbose else []
                opened.close()  # the lock: while nothing happens, others may write
                yield report, done
                is_first, told = False, ""
                if chosen.stop.is_set() or next(pending, None) is None:
                    return
            except (IndexLockedError, ConfigError, DeletionsRefusedError) as error:
                is_waited_for = watch and isinstance(error, DeletionsRefusedError)
                if is_first and not is_waited_for:
                    raise
                if told != str(error):
                    told = str(error)
                    err.print(f"{error} Trying again until that is over.", markup=False)
                opened.close()
                pending = _changes_once_possible(chosen, index)
                if chosen.stop.is_set():
                    return


def _done(before: "Sequence[DocumentRecord]", after: "Sequence[DocumentRecord]") -> list[str]:
    """What became of each document between two states of the ledger, such as "added docs/rain.md", by source."""
    was = {record.source: record for record in before}
    kept = {record.source for record in after if record.content_hash or record.status == "failed"}
    lines = [(source, "deleted") for source in was.keys() - kept if was[source].chunk_ids]
    for record in after:
        old = was.get(record.source)
        if record.status == "ready" and (old is None or _made_of(old) != _made_of(record)):
            lines.append((record.source, "updated" if old is not None and old.content_hash else "added"))
    return [f"{action} {printable(source)}" for source, action in sorted(lines)]


def _made_of(record: "DocumentRecord") -> tuple[str, ...]:
    """What indexing a document changes: its content, its sidecar, or the metadata that it was given."""
    return record.status, record.content_hash, record.read_as, record.given


def _changes_once_possible(chosen: _Choice, index: Path) -> Iterator[set[Path]]:
    """What `changes` yields, once there is a folder to watch again."""
    from ingest.watch import changes

    while not chosen.stop.wait(_RETRY_SECONDS):
        with suppress(ConfigError):
            return changes(chosen.folder, index=index, stop=chosen.stop)
    return iter(())


def _rebuild(chosen: _Choice, index: Path, config: Path | None) -> SyncReport:
    from ingest.rebuild import rebuild

    with showing_progress() as on_progress:
        return rebuild(index, config=config, on_progress=chosen.stop.hearing(on_progress), **chosen._asdict())


def _show(
    report: SyncReport, index: Path, *, as_json: bool, verbose: bool, done: Sequence[str] = (), kept: str = _KEPT
) -> None:
    """`done`: a line for each document that changed. `kept`: what becomes of an interrupted run."""
    if as_json:
        print_json(report.as_dict())
        return
    documents = f"{report.added:,} added, {report.updated:,} updated, {report.deleted:,} deleted"
    rest = f"{report.unchanged:,} unchanged, {len(report.failed):,} failed, {len(report.skipped):,} skipped"
    for step in report.planned:
        out.print(f"{step.action} {printable(step.source)}", markup=False)
    for line in done:
        out.print(line, markup=False)
    if report.dry_run:
        allowed = " with --allow-deletions" if report.refused else ""
        out.print(f"Would do in {index}{allowed}: {documents}; {rest}.", markup=False)
    else:
        if not any((report.added, report.updated, report.deleted, report.unchanged, report.failed)):
            out.print(f"There is nothing to index here{'; -v says why' if report.skipped and not verbose else ''}.")
        out.print(f"Documents in {index}: {documents}; {rest}.", markup=False)
        out.print(
            f"Chunks: {report.chunks_added:,} added, {report.chunks_deleted:,} deleted, {report.chunks_reused:,} "
            f"reused; {report.tokens_embedded:,} tokens embedded, {report.truncated} truncated; {report.seconds:.1f} s."
        )
    for failure in report.failed:
        err.print(f"failed: {printable(failure.source)}: {failure.reason}", markup=False)
    for notice in report.notices:
        err.print(f"in part: {printable(notice.source)}: {notice.reason}", markup=False)
    for skip in report.skipped if verbose else ():
        err.print(f"skipped: {printable(skip.source)}: {skip.reason}", markup=False)
    if report.skipped:
        err.print(f"skipped {printable(in_words(report.skipped_kinds))}", markup=False)
    if report.interrupted:
        err.print(f"Interrupted; {kept}")
    if report.refused:
        err.print(f"The sync would be refused, and do nothing. {report.refused}", markup=False)


def _print_folder(folder: "FolderStatus") -> None:
    chosen = [f"include {pattern!r}" for pattern in folder.folder.include]
    chosen += [f"exclude {pattern!r}" for pattern in folder.folder.exclude]
    counts = f"{folder.indexed:,} indexed, {len(folder.failed):,} failed, {len(folder.pending):,} pending"
    out.print(f"{', '.join([f'{folder.name}: {folder.folder.path}', *chosen])}: {counts}", markup=False)
    if folder.unreachable:
        out.print(f"  unreachable: {folder.unreachable}", markup=False)
    if folder.refused:
        out.print(f"  the next sync would be refused: {folder.refused}", markup=False)
    for failure in folder.failed:
        out.print(f"  failed: {printable(failure.source)}: {failure.reason}", markup=False)
    for notice in folder.notices:
        out.print(f"  in part: {printable(notice.source)}: {notice.reason}", markup=False)
    for step in folder.pending[:_PENDING_SHOWN]:
        out.print(f"  pending: {step.action} {printable(step.source)}", markup=False)
    if (more := len(folder.pending) - _PENDING_SHOWN) > 0:
        out.print(f"  pending: {more:,} more, which --json lists")


def _folder_as_dict(folder: "FolderStatus") -> dict[str, Any]:
    return {
        "name": folder.name,
        **folder.folder._asdict(),
        "indexed": folder.indexed,
        "failed": [failure._asdict() for failure in folder.failed],
        "pending": [step._asdict() for step in folder.pending],
        "skipped": [skip._asdict() for skip in folder.skipped],
        "notices": [notice._asdict() for notice in folder.notices],
        "unreachable": folder.unreachable,
        "refused": folder.refused,
    }


def main() -> None:
    run(app)


if __name__ == "__main__":
    main()
