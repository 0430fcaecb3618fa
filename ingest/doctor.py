"""Holds Chroma's ledger and chunks, the search files and the folders against each other, and mends what it can."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from retrieval.config import Config
from retrieval.directory import IndexDirectory, Pointer
from retrieval.errors import IndexDamagedError, IndexNotFoundError
from retrieval.index import HybridIndex
from retrieval.snapshot import Snapshot
from retrieval.store import Store
from retrieval.types import DocumentRecord


class Finding(NamedTuple):
    """What is wrong, in words, and whether it has been mended."""

    what: str
    mended: bool


def examine(path: Path | str, *, config: Config | Path | str | None = None, repair: bool = False) -> list[Finding]:
    """Everything found wrong with an index; with `repair`, mended where that loses nothing.

    A document whose chunks are incomplete is marked for the next sync. Search files that are missing, stale or damaged
    are built again on opening, here as anywhere. Raises IndexNotFoundError, IndexLockedError where a process writes,
    IndexMismatchError.
    """
    findings = list(_examine_pointer(IndexDirectory(path), config, repair=repair))
    if findings and not repair:
        return findings
    if IndexDirectory(path).read_pointer() is None:
        raise IndexNotFoundError(f"There is no index at {path}; `ingest sync FOLDER --index {path}` makes one.")
    with HybridIndex.open(path, config=config) as index, index.writing() as writer:
        shown = writer.snapshot
        records, held = writer.store.records(), set(writer.store.chunk_ids())
        incomplete = [record for record in records if not held.issuperset(record.chunk_ids)]
        orphans = sorted(held.difference(*(record.chunk_ids for record in records)))
        findings += _examine_ledger(records, held, repair=repair)
        if orphans:  # no search returns them; they only take space
            findings.append(Finding(f"{len(orphans)} chunks belong to no document", repair))
        if shown is not None and not _shows(shown, records, held):
            findings.append(Finding("the search files do not show what the ledger says", repair))
        findings += [
            Finding(
                f"the folder {name} is no longer at {place}; sync it from where it is, or delete its documents", False
            )
            for name, place in writer.folders.items()
            if not Path(place).is_dir()
        ]
        if repair and any(finding.mended for finding in findings):
            writer.recover()
            writer.note([_for_the_next_sync(record, held) for record in incomplete])
            writer.store.delete_chunks(orphans)
    return findings


def _examine_pointer(
    directory: IndexDirectory, config: Config | Path | str | None, *, repair: bool
) -> Iterator[Finding]:
    """The one file that says where everything is; Chroma knows what it takes to write it anew."""
    try:
        directory.read_pointer()
        return
    except IndexDamagedError as error:
        yield Finding(str(error), repair)
    if not repair:
        return
    settings = config if isinstance(config, Config) else Config.load(config)
    if settings.chroma_host is None and not directory.chroma.is_dir():
        raise IndexDamagedError(
            f"{directory.path} has no chroma directory; name the server that keeps its chunks (--config)."
        )
    directory.lock()
    try:
        store = Store.open(directory.chroma, settings)
        fingerprint = store.state().fingerprint
        store.close()
        directory.write_pointer(Pointer(writing=True, fingerprint=fingerprint, chroma=settings.server_settings()))
    finally:
        directory.unlock()


def _examine_ledger(records: Sequence[DocumentRecord], held: set[str], *, repair: bool) -> Iterator[Finding]:
    """Every chunk that a record names is there, and every document is ready or says why not."""
    for record in records:
        missing = len(set(record.chunk_ids) - held)
        if missing:
            yield Finding(f"{record.source}: {missing} of {len(record.chunk_ids)} chunks are missing", repair)
        elif record.status == "indexing":
            yield Finding(f"{record.source}: indexing was interrupted; sync its folder or add it again", False)
        elif record.status == "failed":
            yield Finding(f"{record.source}: {record.reason}", False)


def _shows(shown: Snapshot, records: Sequence[DocumentRecord], held: set[str]) -> bool:
    committed = {id_ for record in records for id_ in record.chunk_ids if id_ in held}
    same_chunks = {id_.decode() for id_ in shown.ids.tolist()} == committed
    return (
        same_chunks and list(shown.records) == list(records) and len(shown.lexical) == len(shown.vectors) == shown.size
    )


def _for_the_next_sync(record: DocumentRecord, held: set[str]) -> DocumentRecord:
    present = tuple(id_ for id_ in record.chunk_ids if id_ in held)
    return replace(record, status="indexing", content_hash="", chunk_ids=present)
