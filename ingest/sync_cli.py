"""`ingest sync`: bring an index up to date with a folder, once or for as long as the folder changes."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ingest.interrupts import Stop, stop_on_interrupt
from ingest.progress import showing_progress
from ingest.report import SyncReport, summed
from ingest.sync_report_cli import changed_lines, show_report
from retrieval.console import (
    DEFAULT_INDEX,
    INTERRUPTED,
    SOME_FAILED,
    USAGE,
    ConfigOption,
    IndexOption,
    JsonOption,
    err,
)
from retrieval.errors import (
    ClusterUnavailableError,
    ConfigError,
    DeletionsRefusedError,
    EncoderUnavailableError,
    IndexLockedError,
)

if TYPE_CHECKING:
    from ingest.parser_pool import Parsers

_RETRY_SECONDS = 5.0
"""How often --watch looks whether the folder or the index can be used again."""

_WAITED_FOR = (
    IndexLockedError,
    ConfigError,
    DeletionsRefusedError,
    EncoderUnavailableError,
    ClusterUnavailableError,
)
"""What may be over by itself: --watch then goes on."""

_KEPT_REBUILD = "the index is as it was, and the next --rebuild goes on from there."


def sync(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER...", help="Folders of documents; a file leaves its folder's others alone."),
    ],
    index: IndexOption = DEFAULT_INDEX,
    name: Annotated[str | None, typer.Option(help="Name for the folder in sources, instead of its own.")] = None,
    include: Annotated[list[str] | None, typer.Option(help="Read only files that match, e.g. '*.md'.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="Leave out what matches, e.g. 'build/'.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, and do nothing.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Then follow changes as they happen, until Ctrl-C.")] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build a new index with other settings.")] = False,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Parse and embed on a Ray cluster: HOST:PORT, ray://HOST:PORT, auto or local.",
        ),
    ] = None,
    allow_deletions: Annotated[
        bool, typer.Option("--allow-deletions", help="Delete also most documents of a folder that is nearly empty now.")
    ] = False,
    wait_for_vectors: Annotated[
        bool,
        typer.Option("--wait-for-vectors", help="Let searches find a new document only when it is embedded."),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Name what was added, updated, deleted and, with reasons, skipped.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add new files, replace changed ones, and delete those that are gone. Patterns are those of .gitignore.

    A file alone is indexed as one of the folder that it lies in, or of the nearest synced folder above; no other
    document of that folder changes.
    """
    if dry_run and (watch or rebuild or ray):
        raise ConfigError("--dry-run goes with none of --watch, --rebuild and --ray; leave one out.")
    if wait_for_vectors and rebuild:
        raise ConfigError("--wait-for-vectors does not go with --rebuild, which replaces the index when it is whole.")
    for path in paths:
        if not path.exists():
            raise ConfigError(
                f"{path} is not a file or folder that exists. Check the path; a file that is gone leaves the index "
                "when its folder is synced."
            )
    with stop_on_interrupt() as stop:
        pool = context.obj if ray is None else None
        chosen = _Choice(paths[0], name, include, exclude, allow_deletions, wait_for_vectors, pool, ray, stop)
        report, refusals = SyncReport(), list[str]()
        is_one_folder = len(paths) == 1 and not paths[0].is_file()
        if not is_one_folder:
            if watch or rebuild or (name is not None and len(paths) > 1):
                raise ConfigError("--watch, --rebuild and --name go with one folder; name that one alone.")
            report, done = _sync_each(paths, chosen, refusals, index, config, dry_run=dry_run, verbose=verbose)
            show_report(report, index, as_json=as_json, verbose=verbose, done=done)
        if rebuild:
            report = _rebuild(chosen, index, config)
            show_report(report, index, as_json=as_json, verbose=verbose, kept=_KEPT_REBUILD)
        if (is_one_folder and not rebuild) or (watch and not report.interrupted):
            for report, done in _syncs(chosen, index, config, dry_run=dry_run, watch=watch, verbose=verbose):
                show_report(report, index, as_json=as_json, verbose=verbose, done=done)
    if report.interrupted or (watch and stop.is_set()):
        sys.exit(INTERRUPTED)  # not typer's way: the report has said so
    if refusals:
        raise DeletionsRefusedError(" ".join(refusals))
    if report.refused:
        raise typer.Exit(USAGE)  # as the sync itself would
    if report.failed:
        raise typer.Exit(SOME_FAILED)


class _Choice(NamedTuple):
    """The arguments of ingest.sync.sync; those of ingest.rebuild.rebuild are the same but for `wait_for_vectors`."""

    folder: Path
    name: str | None
    include: list[str] | None
    exclude: list[str] | None
    allow_deletions: bool
    wait_for_vectors: bool
    pool: "Parsers | None"
    ray: str | None
    stop: Stop


def _syncs(
    chosen: _Choice, index: Path, config: Path | None, *, dry_run: bool, watch: bool, verbose: bool
) -> Iterator[tuple[SyncReport, list[str]]]:
    """Sync once and, with `watch`, again after each change.

    Yields the report of each sync and, if `verbose`, a line for each document that changed.

    The first sync raises what ingest.sync.sync raises. With `watch`, refused deletions are printed and tried again
    instead, and so are, from the second sync on, a locked index, a folder that is missing, and an encoder or a Ray
    cluster that does not answer.
    """
    from ingest.sync import sync as run_sync
    from ingest.watch import changes
    from retrieval.index import HybridIndex

    with HybridIndex.open(index, config=config) as opened, ExitStack() as stack:
        if watch and chosen.pool is None and chosen.ray is None:
            from ingest.parser_pool import ParserPool

            chosen = chosen._replace(pool=stack.enter_context(ParserPool(workers=opened.config.parse_workers)))
        pending = changes(chosen.folder, index=index, stop=chosen.stop) if watch else iter(())
        is_first, told = True, ""
        while True:
            try:
                before = opened.documents() if verbose else ()
                with showing_progress(is_stopping=chosen.stop.is_set) as on_progress, _without_ray_printing(chosen):
                    report = run_sync(
                        index=opened,
                        retry_failed=is_first,
                        dry_run=dry_run,
                        on_progress=chosen.stop.hearing(on_progress),
                        **chosen._asdict(),
                    )
                done = changed_lines(before, opened.documents()) if verbose else []
                opened.close()  # the lock: while nothing happens, others may write
                yield report, done
                is_first, told = False, ""
                if watch and not chosen.stop.is_set():
                    _say(f"Watching {chosen.folder} for changes; Ctrl-C ends it.")
                if chosen.stop.is_set() or next(pending, None) is None:
                    return
                _say("Something has changed.")
            except _WAITED_FOR as error:
                is_waited_for = watch and isinstance(error, DeletionsRefusedError)
                if is_first and not is_waited_for:
                    raise
                if told != str(error):
                    told = str(error)
                    _say(f"{error} Trying again until that is over.")
                opened.close()
                pending = _changes_once_possible(chosen, index)
                if chosen.stop.is_set():
                    return


def _say(what: str) -> None:
    """A line with the time, on standard error."""
    err.print(f"{time.strftime('%H:%M:%S')} {what}", markup=False)


def _sync_each(
    paths: Sequence[Path],
    chosen: _Choice,
    refusals: list[str],
    index: Path,
    config: Path | None,
    *,
    dry_run: bool,
    verbose: bool,
) -> tuple[SyncReport, list[str]]:
    """Sync several folders, and files in theirs, one after the other; returns one report, and the lines of `verbose`.

    refusals   takes why the deletions of a folder are refused; the others are synced all the same
    """
    from ingest.sync import sync as run_sync
    from ingest.targets import targets_of
    from retrieval.index import HybridIndex

    report = SyncReport(dry_run=dry_run)
    with HybridIndex.open(index, config=config) as opened, ExitStack() as stack:
        if chosen.pool is None and chosen.ray is None and not dry_run:
            from ingest.parser_pool import ParserPool

            chosen = chosen._replace(pool=stack.enter_context(ParserPool(workers=opened.config.parse_workers)))
        before = opened.documents() if verbose else ()
        for target in targets_of(paths, opened.folders(), chosen.name):
            given = chosen._replace(folder=target.folder, name=target.name)._asdict()
            try:
                with showing_progress(is_stopping=chosen.stop.is_set) as on_progress, _without_ray_printing(chosen):
                    on_progress = chosen.stop.hearing(on_progress)
                    done = run_sync(index=opened, files=target.files, dry_run=dry_run, on_progress=on_progress, **given)
                report = summed(report, done)
            except DeletionsRefusedError as error:
                refusals.append(str(error))
            if report.interrupted or chosen.stop.is_set():
                break
        return report.in_order(), changed_lines(before, opened.documents()) if verbose else []


@contextmanager
def _without_ray_printing(chosen: _Choice) -> Iterator[None]:
    """Ray prints the last log lines of a node that died, to standard output; what matters of it is logged."""
    if chosen.ray is None:
        yield
        return
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        yield


def _changes_once_possible(chosen: _Choice, index: Path) -> Iterator[set[Path]]:
    """What `changes` yields, as soon as the folder can be watched; nothing if a stop is asked for before."""
    from ingest.watch import changes

    while not chosen.stop.wait(_RETRY_SECONDS):
        with suppress(ConfigError):
            return changes(chosen.folder, index=index, stop=chosen.stop)
    return iter(())


def _rebuild(chosen: _Choice, index: Path, config: Path | None) -> SyncReport:
    from ingest.rebuild import rebuild

    with showing_progress(is_stopping=chosen.stop.is_set) as on_progress, _without_ray_printing(chosen):
        given = {name: value for name, value in chosen._asdict().items() if name != "wait_for_vectors"}
        return rebuild(index, config=config, on_progress=chosen.stop.hearing(on_progress), **given)
