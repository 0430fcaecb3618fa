"""What may be wrong with an index, part by part: each part is held against the one that it was made from.

The ledger against the chunks, the chunks against their ids, which are hashes of them, the search files against both,
and the ledger against the folders. Nothing is written here. Chunks are read page by page.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ingest.diff import survey
from ingest.documents import hash_bytes
from ingest.scan import scan
from retrieval.analysis import Analyzer
from retrieval.chroma.store import Store
from retrieval.context import embedded_digest, terms_of
from retrieval.errors import ConfigError
from retrieval.lexical.postings import Postings, build
from retrieval.segments.reader import IndexReader
from retrieval.segments.segment import Segment
from retrieval.types import Chunk, DocumentRecord, SyncedFolder, Vectors, digest

Remedy = Literal["index", "finish", "delete", "publish", "sync", "none"]

_PAGE = 1000
_ROUNDING = 1e-5

_T = TypeVar("_T")


class Trouble(NamedTuple):
    """Something wrong.

    what     in words.
    kind     the same of many, as it goes on after their number; "" where there is one at most.
    remedy   "index" the document anew; "finish" to do so, as any sync would; "delete" chunks; "publish" the search
             files again; "sync" the folder; "none".
    name     of the document or the folder.
    record   the document's, as it is to be noted before it is indexed anew: with the chunks that are good.
    ids      of the chunks to be deleted.
    """

    what: str
    remedy: Remedy
    kind: str = ""
    name: str = ""
    record: DocumentRecord | None = None
    ids: tuple[str, ...] = ()


def examine_chunks(store: Store, shown: IndexReader) -> Iterator[Trouble]:
    """Ledger, chunks and what is shown of them, in one pass over Chroma.

    Memory grows by 64 bytes a chunk: the ids that the ledger names, and where the snapshot has them.
    """
    known = {record.source: record for record in shown.records}
    rows = _Rows(shown)
    committed: list[NDArray[np.bytes_]] = []
    unshown = 0
    for records in store.pages_of_records():
        committed.append(np.array([id_ for record in records for id_ in record.chunk_ids], dtype="S32"))
        unshown += sum(known.pop(record.source, None) != record for record in records)
        trouble = {record.source: _Document(record) for record in records}
        for page in _batched(((record, at) for record in records for at in range(len(record.chunk_ids))), _PAGE):
            found = _read(store, [record.chunk_ids[at] for record, at in page])
            for record, at in page:
                row = found.get(record.chunk_ids[at])
                trouble[record.source].see(at, row[0] if row else None)
            rows.see(found)
        for document in trouble.values():
            yield from document.troubles()
    yield from _strays(store, np.sort(np.concatenate(committed)))
    if unshown or known:
        yield Trouble(
            f"the search files differ from the ledger in {_many(unshown + len(known), 'document')}", "publish"
        )
    if different := rows.different():
        yield Trouble(f"the search files differ from Chroma in {_many(different, 'chunk')}", "publish")


def examine_segments(shown: IndexReader) -> Iterator[Trouble]:
    """The search files against their checksums, and the BM25 postings against the texts, which are analysed again."""
    for part in shown.live:
        segment = part.segment
        if altered := segment.altered():
            yield Trouble(f"the search file {segment.name} is altered: {', '.join(altered)}", "publish")
        elif not _same_postings(segment.postings, _postings_of(segment, header=shown.context_header)):
            yield Trouble("the BM25 index is not that of the texts", "publish")


def _postings_of(segment: Segment, *, header: bool) -> Postings:
    analyzers = [Analyzer(language) for language in segment.languages]
    return build(
        [
            terms_of(segment.chunk(row), analyzers[number], context_header=header)
            for row, number in enumerate(segment.language_of_row.tolist())
        ]
    )


def examine_folder(
    name: str, folder: SyncedFolder, ledger: Mapping[str, DocumentRecord], *, max_bytes: int
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
    todo, _ = survey(scanned, ledger, retry_failed=False)
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
                same = hash_bytes(Path(file.path).read_bytes()) == record.content_hash
            except OSError:
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
            yield Trouble(f"{record.source}: {bad}", "index", kind, record.source, left, tuple(self._wrong))
        elif record.status == "indexing":
            kind = "documents were being written when a sync ended"
            yield Trouble(f"{record.source}: indexing was interrupted", "finish", kind, record.source, record)


class _Rows:
    """The rows of a generation, held against Chroma's."""

    def __init__(self, shown: IndexReader) -> None:
        self._shown = shown
        self._unseen = shown.size
        self._different = 0

    def see(self, chunks: Mapping[str, tuple[Chunk, Vectors]]) -> None:
        """Chroma's chunks with their vectors, by id."""
        shown = self._shown
        rows = shown.rows_of_ids(list(chunks)).tolist()
        for row, (chunk, vector) in zip(rows, chunks.values(), strict=True):
            if row < 0:
                self._different += 1
                continue
            self._unseen -= 1
            self._different += not (
                shown.chunk(row) == chunk
                and shown.documents[row] == chunk.document_id.encode()
                and shown.digests[row] == embedded_digest(chunk, context_header=shown.context_header).encode()
                and np.allclose(shown.vectors[row], vector, rtol=0, atol=_ROUNDING)
            )

    def different(self) -> int:
        return self._different + self._unseen


def _read(store: Store, ids: Sequence[str]) -> dict[str, tuple[Chunk, Vectors]]:
    return {
        chunk.id: (chunk, vector)
        for chunks, vectors in store.read_chunks(ids)
        for chunk, vector in zip(chunks, vectors, strict=True)
    }


def _strays(store: Store, committed: NDArray[np.bytes_]) -> Iterator[Trouble]:
    """Chunks that no record names. No search returns them; they only take space."""
    strays: list[str] = []
    for page in store.pages_of_chunk_ids():
        ids = np.array(page, dtype="S32")
        at = np.searchsorted(committed, ids)
        known = np.zeros(len(ids), dtype=np.bool_)
        inside = at < len(committed)
        known[inside] = committed[at[inside]] == ids[inside]
        strays += [page[i] for i in np.flatnonzero(~known)]
    if strays:
        verb = "1 chunk belongs" if len(strays) == 1 else f"{len(strays):,} chunks belong"
        yield Trouble(f"{verb} to no document", "delete", ids=tuple(strays))


def _same_postings(one: Postings, other: Postings) -> bool:
    names = ("terms", "term_bounds", "posting_bounds", "documents", "frequencies", "lengths")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _batched(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
