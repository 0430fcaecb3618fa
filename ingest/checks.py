"""What may be wrong with an index, part by part: each part is held against the one that it was made from.

The search files against their checksums and their texts, the documents against the ids of their chunks, which are
hashes of them, Chroma against the search files, and the ledger against the folders. Nothing is written here. Chunks are
read page by page.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sized
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np

from ingest.diff import diff
from ingest.opening import hash_file
from ingest.scan import scan
from retrieval.analysis import Analyzer
from retrieval.backup.restore_chroma import pages_of_rows
from retrieval.chroma.store import Store
from retrieval.context import terms_of
from retrieval.errors import ConfigError, LoadError
from retrieval.lexical.composite import CompositePostings
from retrieval.lexical.postings import ARRAYS, Postings
from retrieval.segments.reader import IndexReader
from retrieval.segments.segment import Segment
from retrieval.types import Chunk, DocumentRecord, SyncedFolder, digest
from retrieval.words import counted

Remedy = Literal["index", "finish", "rebuild", "restore", "remove", "sync", "none"]

_ROUNDING = 1e-5


class Trouble(NamedTuple):
    """Something wrong.

    what     in words.
    kind     the same of many, as it goes on after their number; "" where there is one at most.
    remedy   "index" the document again; "finish" to do so, as any sync would; "rebuild" the search files from Chroma;
             "restore" in Chroma what the search files have; "remove" from Chroma what these do not have; "sync" the
             folder; "none".
    name     of the document or the folder.
    record   the document's, as it is to be recorded before it is indexed again: with the chunks that are good.
    """

    what: str
    remedy: Remedy
    kind: str = ""
    name: str = ""
    record: DocumentRecord | None = None


class Finding(NamedTuple):
    """What is wrong, in words; whether it has been mended; what mended it, or what would, or why nothing could; and
    its kind, as in Trouble."""

    what: str
    mended: bool
    action: str
    kind: str = ""


class Differences(NamedTuple):
    """What Chroma holds otherwise than the search files.

    chunks, records   chunks by id, with their documents' ids, and records that Chroma lacks, or has otherwise
    stray_chunks      chunks by id, with their documents' ids, that Chroma alone has; no search returns them
    stray_records     ids of records that Chroma alone has
    """

    chunks: dict[str, str]
    records: list[DocumentRecord]
    stray_chunks: dict[str, str]
    stray_records: list[str]

    def without(self, documents: Collection[str]) -> "Differences":
        """Those of all but these documents, by id."""
        return self._replace(
            chunks={id_: document for id_, document in self.chunks.items() if document not in documents},
            records=[record for record in self.records if record.id not in documents],
            stray_chunks={id_: document for id_, document in self.stray_chunks.items() if document not in documents},
        )

    def troubles(self) -> Iterator[Trouble]:
        told: tuple[tuple[Sized, str, str, Remedy], ...] = (
            (self.chunks, "chunk", "Chroma lacks, or has otherwise, {} of the search files", "restore"),
            (self.records, "document", "Chroma's ledger lacks, or has otherwise, {} of the search files", "restore"),
            (self.stray_chunks, "chunk", "Chroma keeps {} that no document has, and no search finds", "remove"),
            (self.stray_records, "document", "Chroma's ledger has {} that the search files do not have", "remove"),
        )
        for found, noun, what, remedy in told:
            if found:
                yield Trouble(what.format(counted(len(found), noun)), remedy)


def compare_chroma(store: Store, reader: IndexReader) -> Differences:
    """Chroma against a settled generation, whose checksums vouch for it."""
    chunks: dict[str, str] = {}
    for page, vectors in pages_of_rows(reader):
        found = {
            chunk.id: (chunk, vector)
            for some, their_vectors in store.read_chunks([chunk.id for chunk in page])
            for chunk, vector in zip(some, their_vectors, strict=True)
        }
        for chunk, vector in zip(page, vectors, strict=True):
            stored = found.get(chunk.id)
            if stored is None or stored[0] != chunk or not np.allclose(stored[1], vector, rtol=0, atol=_ROUNDING):
                chunks[chunk.id] = chunk.document_id
    strays: list[str] = []
    for ids in store.pages_of_chunk_ids():
        rows = reader.rows_of_ids(ids).tolist()
        strays += [id_ for id_, row in zip(ids, rows, strict=True) if row < 0]
    unseen = {record.id: record for record in reader.records}
    different: list[DocumentRecord] = []
    stray_records: list[str] = []
    for records in store.pages_of_records():
        contents = store.contents([record.id for record in records if not record.folder])
        for record in records:
            ours = unseen.pop(record.id, None)
            if ours is None:
                stray_records.append(record.id)
            elif ours != record or contents.get(record.id, "") != reader.content(record.id):
                different.append(ours)
    of_document = {id_: str((row or {}).get("document_id", "")) for id_, row in store.chunk_metadata(strays).items()}
    return Differences(chunks, [*different, *unseen.values()], of_document, stray_records)


def examine_segments(reader: IndexReader) -> Iterator[Trouble]:
    """The search files against their checksums, and the BM25 postings against the texts, which are analysed again."""
    for segment in reader.segments:
        if altered := segment.altered():
            yield Trouble(f"the search file {segment.name} is altered: {', '.join(altered)}", "rebuild")
        elif not _same_postings(segment.postings, _postings_of(segment, header=reader.context_header)):
            yield Trouble(f"the BM25 postings of {segment.name} are not those of its texts", "rebuild")


def examine_documents(reader: IndexReader) -> Iterator[Trouble]:
    """The ledger against the rows: each document has its chunks, and each chunk is the one that its id names."""
    for record in reader.records:
        document = _Document(record)
        for ordinal, row in enumerate(reader.rows_of_ids(record.chunk_ids).tolist()):
            document.see(ordinal, reader.chunk(row) if row >= 0 else None)
        yield from document.troubles()


def examine_folder(
    name: str,
    folder: SyncedFolder,
    ledger: Mapping[str, DocumentRecord],
    *,
    max_bytes: int,
    converters: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Trouble]:
    """A synced folder's files against the ledger. All are read: size and time do not tell everything.

    A file that is known to have failed, and is as it was then, is no trouble.
    """
    try:
        scanned = scan(
            Path(folder.path), name=name, include=folder.include, exclude=folder.exclude, max_bytes=max_bytes
        )
    except ConfigError as error:
        yield Trouble(f"the folder {name}: {str(error).rstrip('.')}", "none", name=name)
        return
    todo, _ = diff(scanned, ledger, retry_failed=False, converters=converters)
    for file in todo.add:
        yield Trouble(f"{file.source}: its file is not indexed", "sync", "files are not indexed", file.source)
    for file in todo.update:
        what = f"{file.source}: its file has changed since it was indexed"
        yield Trouble(what, "sync", "files have changed since they were indexed", file.source)
    for gone in todo.delete:
        yield Trouble(f"{gone.source}: its file is gone", "sync", "documents have lost their files", gone.source)
    read = {file.source for file in (*todo.add, *todo.update)}
    for file in scanned.files:
        record = ledger.get(file.source)
        if record is not None and record.status == "ready" and record.folder == name and file.source not in read:
            try:
                same = hash_file(file) == record.content_hash
            except (OSError, LoadError):
                continue  # the next sync will say what is wrong
            if not same:
                what = f"{file.source}: its file has changed, though not its size and time"
                kind = "files have changed, though not their sizes and times"
                yield Trouble(what, "index", kind, file.source, replace(record, status="indexing"))


class _Document:
    """A document's chunks, seen in order. A chunk's id is a hash of its source and text, and so vouches for them; but
    where some of a version were lost, and no other could be made, nothing tells how many came before."""

    def __init__(self, record: DocumentRecord) -> None:
        self._record = record
        self._good: list[str] = []
        self._wrong: list[str] = []
        self._seen: Counter[str] = Counter()

    def see(self, ordinal: int, chunk: Chunk | None) -> None:
        if chunk is None:
            return
        record, text = self._record, digest(chunk.text)
        self._seen[text] += 1
        is_named_so = chunk.id == digest(record.source, chunk.text, str(self._seen[text]))
        is_placed_so = (chunk.source, chunk.document_id, chunk.ordinal) == (record.source, record.id, ordinal)
        is_right = (is_named_so and is_placed_so) or record.status != "ready"
        (self._good if is_right else self._wrong).append(chunk.id)

    def troubles(self) -> Iterator[Trouble]:
        record, count = self._record, len(self._record.chunk_ids)
        missing = count - len(self._good) - len(self._wrong)
        if missing or self._wrong:
            bad = f"{missing} of {count} chunks are missing"
            if self._wrong:
                bad = f"{len(self._wrong)} of {count} chunks are not what was written, {missing} are missing"
            left = replace(record, status="indexing", content_hash="", chunk_ids=tuple(self._good))
            kind = "documents have chunks that are missing, or not what was written"
            yield Trouble(f"{record.source}: {bad}", "index", kind, record.source, left)
        elif record.status == "indexing":
            kind = "documents were being written when a sync ended"
            yield Trouble(f"{record.source}: indexing was interrupted", "finish", kind, record.source, record)


def _postings_of(segment: Segment, *, header: bool) -> Postings:
    analyzers = [Analyzer(language) for language in segment.languages]
    terms = (
        terms_of(segment.chunk(row), analyzers[number], context_header=header)
        for row, number in enumerate(segment.language_of_row.tolist())
    )
    (postings,) = CompositePostings().with_added(terms).compacted.parts
    return postings


def _same_postings(one: Postings, other: Postings) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ARRAYS)
