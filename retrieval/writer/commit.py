"""What a writer has changed -> a new generation: segments of what is new, and a note of what they replace."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from retrieval.chroma.store import State, Store
from retrieval.config import Config
from retrieval.directory.files import sync_to_disk
from retrieval.directory.index_directory import IndexDirectory
from retrieval.fingerprint import Fingerprint
from retrieval.segments.live_segment import LiveSegment
from retrieval.segments.manifest import Entry, Manifest
from retrieval.segments.merger import Merger
from retrieval.segments.reader import IndexReader
from retrieval.segments.segment import Segment
from retrieval.segments.sorted_keys import keys_of
from retrieval.segments.write_segment import Records, Rows, write_segment
from retrieval.types import Chunk, DocumentRecord, Vectors, document_id
from retrieval.writer.backlog import Backlog

log = logging.getLogger(__name__)

CHUNKS_MISSING = "%d chunks that the ledger names are missing from Chroma; run `ingest doctor --repair`."
"""What is logged of them. A repair, which finds them by itself, keeps this silent."""

_ROWS = 1 << 13
"""Of a new segment, at most: about 30 MB. What is larger is made by merging."""

_RECORDS = 100
"""Whose contents are read at once; one document may be as long as a book."""


class Changes(NamedTuple):
    """What the last generation does not have.

    records   source -> the document's record now, None where it was deleted
    touched   ids of chunks whose rows were written again: they have other metadata, another vector or other terms
    """

    records: Mapping[str, DocumentRecord | None]
    touched: AbstractSet[str]


def commit(
    directory: IndexDirectory,
    state: State,
    changes: Changes,
    *,
    base: IndexReader,
    store: Store,
    config: Config,
    merger: Merger,
    backlog: Backlog,
) -> IndexReader:
    """Write the generation of `state`: what `base` has, with the changes, and apart from these what awaits vectors. No
    pointer names it yet. Synced folders that have no documents any more are left out of its state.

    Rows of new and touched chunks are read from Chroma; all others stay where they are, or where a merge that has come
    to its end has put them. Chunks that the ledger names and Chroma does not hold are left out; a warning is logged.
    """
    new = list(_new_segments(directory.segments, state, changes, base, store))
    merger.committed(new)
    live = merger.finish([*_without_replaced(changes, base), *map(LiveSegment, new)], wait=False)
    documents = _documents_of_folder(changes, base)
    used = documents.keys() | {record.folder for record in backlog.records.values()}
    folders = {name: folder for name, folder in state.folders.items() if name in used}
    return _written(directory, replace(state, folders=folders), documents, live, config, backlog)


def merge(
    directory: IndexDirectory, reader: IndexReader, *, config: Config, merger: Merger, backlog: Backlog
) -> IndexReader:
    """The same generation with the segments merged that are to be merged; the reader where none are.

    What can be found does not change, so that it keeps its name: the manifest is written again. Killed before that, the
    generation is as it was.
    """
    live = merger.finish(reader.live, wait=True)
    merger.start(live)
    live = merger.finish(live, wait=True)
    if [part.segment for part in live] == list(reader.segments):
        return reader
    return _written(directory, reader.state, reader.documents_of_folder, live, config, backlog)


def _written(
    directory: IndexDirectory,
    state: State,
    documents: Mapping[str, int],
    live: Sequence[LiveSegment],
    config: Config,
    backlog: Backlog,
) -> IndexReader:
    """Write the manifest, after all that it names is on disk."""
    live = [part.saved(directory.segments) for part in live if part.size or part.records_size]
    live.sort(key=lambda part: -part.segment.size)  # the small ones, which are read as one, lie side by side
    backlog.save()
    manifest = Manifest(state, _entries(live), documents, _entries(backlog.parts))
    sync_to_disk(directory.segments)
    manifest.write(directory.generations)
    return IndexReader(manifest, live, config, pending=backlog.parts)


def _entries(parts: Sequence[LiveSegment]) -> tuple[Entry, ...]:
    return tuple(Entry(part.segment.name, part.deletions) for part in parts)


def _without_replaced(changes: Changes, base: IndexReader) -> list[LiveSegment]:
    """The base's segments without the rows and records that the changes replace or delete."""
    stale: list[str] = []
    for source, record in changes.records.items():
        old = base.record_of(source)
        if old is not None:
            kept = set(record.chunk_ids) if record is not None else set()
            stale += [id_ for id_ in old.chunk_ids if id_ not in kept or id_ in changes.touched]
    rows = base.rows_of_ids(stale)
    return base.without_documents(keys_of([document_id(source) for source in changes.records]), rows=rows[rows >= 0])


def _new_segments(
    directory: Path, state: State, changes: Changes, base: IndexReader, store: Store
) -> Iterator[Segment]:
    """Segments of the changed records and of their chunks that have no row in the base, or another now."""
    fingerprint = Fingerprint.from_json(state.fingerprint) if state.fingerprint else None
    header = bool(fingerprint and fingerprint.settings["context_header"])
    default_language = fingerprint.settings["language"] if fingerprint else ""
    dimension = fingerprint.dimension if fingerprint else 0
    records = [record for record in changes.records.values() if record is not None]
    missing = 0
    for block in _blocks(records, changes, base):
        languages = {record.id: record.language or default_language for record, _ in block}  # records of old have none
        wanted = [id_ for _, ids in block for id_ in ids]
        chunks: list[Chunk] = []
        vectors: list[Vectors] = [np.empty((0, dimension), np.float32)]
        for page, page_vectors in store.read_chunks(wanted):
            chunks += page
            vectors.append(page_vectors)
        missing += len(wanted) - len(chunks)
        rows = Rows(chunks, np.concatenate(vectors), [languages[chunk.document_id] for chunk in chunks])
        ledger = Records([record for record, _ in block], list(_contents([record for record, _ in block], base, store)))
        yield write_segment(directory, rows, ledger, context_header=header)
    if missing:
        log.warning(CHUNKS_MISSING, missing)


def _blocks(
    records: Sequence[DocumentRecord], changes: Changes, base: IndexReader
) -> Iterator[list[tuple[DocumentRecord, list[str]]]]:
    """The records, each with the ids of its chunks that need a row, for one segment after the other."""
    block: list[tuple[DocumentRecord, list[str]]] = []
    size = 0
    for record in records:
        known = base.rows_of_ids(record.chunk_ids).tolist()
        ids = [id_ for id_, row in zip(record.chunk_ids, known, strict=True) if row < 0 or id_ in changes.touched]
        if block and (size + len(ids) > _ROWS or len(block) >= _ROWS):
            yield block
            block, size = [], 0
        block.append((record, ids))
        size += len(ids)
    if block:
        yield block


def _contents(records: Sequence[DocumentRecord], base: IndexReader, store: Store) -> Iterator[str]:
    """What each document was made of; nothing where its file tells that. Of a document that was ready, the content's
    hash vouches for the base's."""
    for start in range(0, len(records), _RECORDS):
        block = records[start : start + _RECORDS]
        known = {
            record.id
            for record in block
            if (old := base.record(record.id)) is not None
            and old.status == "ready"
            and not old.folder
            and old.content_hash == record.content_hash
        }
        unknown = [record.id for record in block if not record.folder and record.id not in known]
        stored = store.contents(unknown) if unknown else {}
        for record in block:
            yield base.content(record.id) if record.id in known else stored.get(record.id, "")


def _documents_of_folder(changes: Changes, base: IndexReader) -> dict[str, int]:
    """Folder -> how many documents it has; those that have none are left out."""
    counts = dict(base.documents_of_folder)
    for source, record in changes.records.items():
        old = base.record_of(source)
        for changed, by in ((old, -1), (record, 1)):
            if changed is not None:
                counts[changed.folder] = counts.get(changed.folder, 0) + by
    return {folder: count for folder, count in counts.items() if count}
