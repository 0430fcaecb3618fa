"""Holds ledger, chunks, search files and folders against each other, and mends what it can."""

from collections.abc import Iterator
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
from retrieval.writer import Writer


class Finding(NamedTuple):
    """What is wrong, in words, and whether it has been mended."""

    what: str
    mended: bool


def examine(path: Path | str, *, config: Config | Path | str | None = None, repair: bool = False) -> list[Finding]:
    """Everything found wrong with an index; with `repair`, mended where that loses nothing.

    A document whose chunks are incomplete is marked for the next sync. Raises IndexNotFoundError, IndexLockedError
    where a process writes, IndexMismatchError.
    """
    findings = list(_examine_pointer(IndexDirectory(path), config, repair=repair))
    if findings and not repair:
        return findings
    if IndexDirectory(path).read_pointer() is None:
        raise IndexNotFoundError(f"There is no index at {path}; `ingest sync FOLDER --index {path}` makes one.")
    with HybridIndex.open(path, config=config) as index, index.writing() as writer:
        store = writer.store
        findings += _examine_ledger(writer, store, repair=repair)
        findings += _examine_rows(writer, store, repair=repair)
        findings += _examine_snapshot(writer, writer.snapshot)
        findings += _examine_folders(writer)
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
    directory.lock()
    try:
        store = Store.open(directory.chroma, settings)
        fingerprint = store.state().fingerprint
        store.close()
        directory.write_pointer(Pointer(writing=True, fingerprint=fingerprint, chroma=settings.server_settings()))
    finally:
        directory.unlock()


def _examine_ledger(writer: Writer, store: Store, *, repair: bool) -> Iterator[Finding]:
    """Every chunk that a record names is there, and every document is ready or says why not."""
    held = set(store.chunk_ids())
    incomplete: list[DocumentRecord] = []
    for record in writer.records.values():
        present = tuple(id_ for id_ in record.chunk_ids if id_ in held)
        if len(present) < len(record.chunk_ids):
            missing = len(record.chunk_ids) - len(present)
            yield Finding(f"{record.source}: {missing} of {len(record.chunk_ids)} chunks are missing", repair)
            incomplete.append(replace(record, status="indexing", content_hash="", chunk_ids=present))
        elif record.status == "indexing":
            yield Finding(f"{record.source}: indexing was interrupted; sync its folder or add it again", False)
        elif record.status == "failed":
            yield Finding(f"{record.source}: {record.reason}", False)
    if repair:
        writer.note(incomplete)


def _examine_rows(writer: Writer, store: Store, *, repair: bool) -> Iterator[Finding]:
    """No row is there that no record names. (A search never returns one; it only takes space.)"""
    named = {id_ for record in writer.records.values() for id_ in record.chunk_ids}
    orphans = [id_ for id_ in store.chunk_ids() if id_ not in named]
    if orphans:
        yield Finding(f"{len(orphans)} chunks belong to no document", repair)
        if repair:
            store.delete_chunks(orphans)


def _examine_snapshot(writer: Writer, snapshot: Snapshot | None) -> Iterator[Finding]:
    """What is searched is what is committed, on both sides. (Found stale or damaged on opening, it was built again.)"""
    if snapshot is None:
        return
    committed = {id_ for record in writer.records.values() for id_ in record.chunk_ids}
    shown = {id_.decode() for id_ in snapshot.ids.tolist()}
    if shown != committed:
        yield Finding(f"the search files differ from the ledger in {len(shown ^ committed)} chunks", True)
    sizes = {len(snapshot.ids), len(snapshot.vectors), len(snapshot.lexical)}
    if len(sizes) > 1:
        yield Finding("BM25 index and vectors differ in length; remove the directory `snapshots` of the index", False)


def _examine_folders(writer: Writer) -> Iterator[Finding]:
    """Every folder is still where it was synced from."""
    for name, path in writer.folders.items():
        if not Path(path).is_dir():
            yield Finding(f"the folder {name} is no longer at {path}; sync it from where it is, or delete it", False)
