"""An index in step with a folder."""

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ingest.deletions import check_deletions, searchable, why_refused
from ingest.diff import diff
from ingest.given_metadata import MetadataOf
from ingest.noted_progress import noting_progress
from ingest.overlaps import shared_files
from ingest.plan import Plan, seen
from ingest.report import OnProgress, SyncReport
from ingest.root import check_claim
from ingest.scan import Scan, ScannedFile, modified_seconds, scan
from ingest.selection import pattern_of, patterns_of
from ingest.targets import target_of, with_files
from retrieval.errors import ConfigError
from retrieval.index import HybridIndex
from retrieval.types import DocumentRecord, SyncedFolder
from retrieval.words import counted
from retrieval.writer.writer import Writer

if TYPE_CHECKING:
    from ingest.parser_pool import Parsers

log = logging.getLogger(__name__)


def sync(
    folder: Path | str,
    index: HybridIndex,
    *,
    name: str | None = None,
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    metadata: MetadataOf | None = None,
    files: Sequence[str] | None = None,
    retry_failed: bool = True,
    allow_deletions: bool = False,
    wait_for_vectors: bool = False,
    dry_run: bool = False,
    pool: "Parsers | None" = None,
    ray: str | None = None,
    stop: threading.Event | None = None,
    on_progress: OnProgress | None = None,
) -> SyncReport:
    """Bring the index in step with a folder: add new files, replace changed ones, delete those that are gone.

    folder    or one file, which then is the only one of `files`, in the nearest synced folder above it, else in the
              folder that it lies in.
    name      the first part of the files' sources; None takes the folder's own name.
    include, exclude   gitignore patterns that choose files, relative to the folder; None takes the configuration's.
              A file that is no longer chosen is deleted from the index.
    metadata  metadata(source, path) is a mapping with more metadata of a file, over what the file and its sidecar say,
              or None; it is asked for every file. Without it, files keep what it gave them the last time.
    files     paths in the folder, with "/", that alone are looked at; its other documents stay as they are. The
              patterns are those of the last sync; of a folder that is new, only these files are kept in step.
    retry_failed   whether files that failed, and have not changed since, are tried again.
    allow_deletions   whether all documents of the folder may be deleted, or more than half of at least 20. Without, as
              when a share is not mounted, nothing is done.
    wait_for_vectors   whether a document is searchable only once it is embedded. Without, where there is more to embed
              than takes a few seconds, all files are parsed first, and searches find them by their words at once; their
              vectors follow, those of the files modified last first. With `ray`, and where a server keeps the chunks,
              it is always so.
    dry_run   report what would be done, and do nothing; where a sync would raise DeletionsRefusedError, the report's
              `refused` says why.
    pool      parses the files, such as a ParserPool that serves many syncs; the caller closes it. None starts processes
              for this sync alone.
    ray       the address of a Ray cluster (HOST:PORT, ray://HOST:PORT, "auto" or "local") whose nodes parse the files
              and embed the passages; without, this machine does. Needs the extra `ray`.
    stop      once set, what is in hand is finished and committed, and the report says `interrupted`.

    Documents of other folders and added ones are left alone; a warning is logged where a new folder shares files with
    another. A file that cannot be read is reported and the others are indexed.

    Raises ConfigError where there is no such folder, its name belongs to another one or a named file is left out of
    it, DeletionsRefusedError as said and DocumentError for metadata that cannot be stored, before anything is written,
    IndexLockedError where another process writes, and what embedding and storing raise; with `ray`,
    ClusterUnavailableError where the cluster does not answer, and ConfigError where a node has another version of this
    package or another model.
    """
    if ray is not None and (dry_run or pool is not None):
        raise ConfigError("`ray` goes with neither `pool` nor `dry_run`; leave one out.")
    started = time.monotonic()
    config = index.config
    target = target_of(Path(folder), index.folders(), name)
    files = target.files if files is None else tuple(files)
    if files is not None and not (include is None and exclude is None):
        raise ConfigError("include and exclude choose files of a folder; leave them out where files are named.")
    chosen = SyncedFolder("", patterns_of(include, config.include), patterns_of(exclude, config.exclude))
    if files is not None:
        known = index.folders().get(target.name or target.folder.resolve().name)
        chosen = SyncedFolder("", tuple(map(pattern_of, files)), known.exclude if known else chosen.exclude)
    scanned = scan(
        target.folder,
        name=target.name,
        include=chosen.include,
        exclude=chosen.exclude,
        max_bytes=config.max_file_bytes,
    )
    sources = _sources(scanned, files)
    if dry_run:
        check_claim(index.folders(), scanned.name, str(scanned.root))
        ledger = _only(sources, {record.source: record for record in index.documents()})
        _warn_of_overlap(scanned, ledger.values(), index.folders())
        todo, report = diff(scanned, ledger, metadata=metadata, retry_failed=False, converters=config.converters)
        refused = ""
        if not allow_deletions:
            documents = searchable(ledger.values(), scanned.name)
            refused = why_refused(todo.delete, documents, _unread(scanned, todo, report), root=scanned.root)
        return replace(report.in_order(), dry_run=True, refused=refused, seconds=time.monotonic() - started)
    from ingest.indexer import Indexer
    from ingest.pipeline import index_files, parsing  # they load what reads files, which a dry run does not need

    with ExitStack() as stack:
        if ray is not None:
            from ingest.ray_pool import RayPool

            on_ray = stack.enter_context(RayPool(ray, index))
            pool, on_progress = on_ray, on_ray.telling(on_progress)
        writer = stack.enter_context(index.writing())
        on_progress = stack.enter_context(noting_progress(index.path, scanned.name, on_progress))
        check_claim(writer.folders, scanned.name, str(scanned.root))
        read_ns = time.time_ns()  # before any file is
        ledger = _only(sources, writer.documents)
        folder_now = chosen._replace(path=str(scanned.root))
        if files is not None:
            folder_now = with_files(writer.folders.get(scanned.name), scanned.root, files, chosen.exclude)
        _warn_of_overlap(scanned, ledger.values(), writer.folders)
        todo, planned = diff(
            scanned, ledger, metadata=metadata, retry_failed=retry_failed, converters=config.converters
        )
        if not allow_deletions:
            documents = searchable(ledger.values(), scanned.name)
            check_deletions(todo.delete, documents, _unread(scanned, todo, planned), root=scanned.root)
        changed = sorted((*todo.add, *todo.update), key=lambda file: (-file.mtime_ns, file.source))
        held = _held(writer, scanned, todo)
        report = replace(planned, added=0, updated=0, deleted=0, unchanged=planned.unchanged - len(held), planned=())
        indexer = Indexer(
            writer,
            report,
            documents=len(changed) + len(held),
            size=sum(file.size for file in changed) + sum(record.size for record in held),
            on_progress=on_progress,
            machines=lambda: index.embedder.machines,
            holds=not (wait_for_vectors or ray is not None),
        )
        indexer.embed_held(record.source for record in held)
        with parsing(changed, index, folder=scanned.name, pool=pool, stop=stop) as outcomes:
            if not todo.is_empty or scanned.name in writer.folders:  # Chroma opens while the parsers start
                writer.claim(scanned.name, folder_now)
            stopped = bool(changed or held) and index_files(outcomes, indexer, folder=scanned.name, stop=stop)
        if not stopped:
            _touch(writer, todo, read_ns)
            indexer.remove(todo.delete)
    return replace(indexer.report.in_order(), interrupted=stopped, seconds=time.monotonic() - started)


def _sources(scanned: Scan, files: Sequence[str] | None) -> frozenset[str] | None:
    """Of the files that alone are looked at; None for all. Raises ConfigError for one that the scan has left out."""
    if files is None:
        return None
    found = {file.source for file in scanned.files}.union(source for source, _ in (*scanned.failed, *scanned.skipped))
    sources = [f"{scanned.name}/{file}" for file in files]
    for source, file in zip(sources, files, strict=True):
        above = [f"{parent}/" for parent in PurePosixPath(source).parents]
        if source not in found and found.isdisjoint(above):
            raise ConfigError(
                f"{scanned.root / file} is left out of the folder {scanned.name!r}: it is hidden, describes another "
                "file, or an ignore file or --exclude names it. Take that back, or copy the file elsewhere."
            )
    return frozenset(sources)


def _only(sources: frozenset[str] | None, ledger: Mapping[str, DocumentRecord]) -> Mapping[str, DocumentRecord]:
    """The ledger as far as it is looked at: what is not cannot be deleted."""
    if sources is None:
        return ledger
    return {source: ledger[source] for source in sources if source in ledger}


def _warn_of_overlap(scanned: Scan, ledger: Iterable[DocumentRecord], folders: Mapping[str, SyncedFolder]) -> None:
    """Log, of a folder that is new to the index, that it shares files with another. Both may be meant."""
    if scanned.name in folders:
        return
    for name, files in shared_files(scanned, ledger, folders).items():
        log.warning(
            "%s of the folder %r (%s) %s in the synced folder %r (%s) too, and so indexed twice; leave them out of one "
            "of the two with --exclude, or delete one from the index: `ingest delete NAME/`.",
            counted(files, "file"), scanned.name, scanned.root, "is" if files == 1 else "are", name, folders[name].path,
        )  # fmt: skip


def _unread(scanned: Scan, todo: Plan, planned: SyncReport) -> tuple[ScannedFile, ...]:
    """The files that hold what the index does not have: those to be indexed, and those that failed before."""
    failed = {failure.source for failure in planned.failed}.difference(file.source for file in todo.taken)
    return (*todo.add, *todo.update, *(file for file in scanned.files if file.source in failed))


def _held(writer: Writer, scanned: Scan, todo: Plan) -> list[DocumentRecord]:
    """The documents that an earlier sync has parsed, of those whose files are still as they were."""
    changed = {file.source for file in (*todo.add, *todo.update)}
    held = (writer.backlog.records.get(file.source) for file in scanned.files if file.source not in changed)
    return [record for record in held if record is not None and record.folder == scanned.name]


def _touch(writer: Writer, todo: Plan, read_ns: int) -> None:
    """Note what files of equal content are like now."""
    now = ((file, writer.records.get(file.source) if old.status == "pending" else old) for file, old in todo.touch)
    known = [(file, old) for file, old in now if old is not None]
    touched = [(replace(seen(file, old), indexed_ns=read_ns), modified_seconds(old)) for file, old in known]
    writer.update_records([record for record, then in touched if modified_seconds(record) == then])
    modified = [record for record, then in touched if modified_seconds(record) != then]
    writer.amend([(record, {"modified": modified_seconds(record)}) for record in modified])


def resync(
    name: str,
    folder: SyncedFolder,
    index: HybridIndex,
    *,
    allow_deletions: bool = False,
    dry_run: bool = False,
    pool: "Parsers | None" = None,
    stop: threading.Event | None = None,
    on_progress: OnProgress | None = None,
) -> SyncReport:
    """`sync` of a folder as the index knows it: by its name there, with the patterns that choose its files."""
    return sync(
        folder.path,
        index,
        name=name,
        include=folder.include,
        exclude=folder.exclude,
        allow_deletions=allow_deletions,
        dry_run=dry_run,
        pool=pool,
        stop=stop,
        on_progress=on_progress,
    )
