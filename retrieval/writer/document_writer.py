"""The steps by which a document comes, changes and goes in Chroma.

A document changes in five steps. Each is one call, and can be repeated:

    1  its record says "indexing" and still names the chunks of the last version; a new document has no record yet
    2  the rows of new chunks are written; no record names them yet
    3  its record names the new chunks: from here on the new version is the committed one
    4  rows whose chunks moved get their new position, and rows that no record names are deleted
    5  its record says "ready"; that of a new document says so since step 3

A process that is killed between two steps leaves a record that says "indexing" and names all chunks of one version. Of
a new document it may leave rows without a record; recovery then makes the record. The next sync starts over, finds the
rows that are there already, and embeds only what is missing. Until then, a chunk that both versions have may be cited
with the position in the other version, because a chunk has only one row.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from retrieval.fingerprint import Fingerprint
from retrieval.segments.reader import IndexReader
from retrieval.storage import RowStore
from retrieval.types import DocumentRecord, Metadata, Vectors
from retrieval.writer.changes import Change, Step, Written
from retrieval.writer.commit import Changes
from retrieval.writer.ledger import Ledger
from retrieval.writer.orphans import orphans
from retrieval.writer.vector_pool import Filled, VectorPool

_AMENDED = 1000
"""Documents whose rows are amended before their records are."""


class DocumentWriter:
    """Writes documents to Chroma: their chunks, and their records in the ledger.

    records   the ledger by source, as of now
    touched   ids of the chunks whose rows were written since the last generation, or are to be analysed again
    orphans   records that recovery made for documents which have rows in Chroma and no record there yet
    is_whole  whether `records` agrees with what Chroma holds; False after a failure in the middle of a change

    `dimension` is that of the vectors, and `made_with` says which settings and model make them.
    """

    def __init__(self, store: Callable[[], RowStore], pool: VectorPool, reader: IndexReader) -> None:
        self.records = Ledger(reader)
        self.touched: set[str] = set()
        self.orphans: list[DocumentRecord] = []
        self.is_whole = True
        self._store = store
        self._pool = pool
        self._pool.start_from(reader)

    @property
    def store(self) -> RowStore:
        """Chroma, opened at the first use."""
        return self._store()

    @property
    def changes(self) -> Changes:
        """What the last generation does not have yet."""
        return Changes(self.records.changed, self.touched)

    def recover(self, reader: IndexReader, folders: Collection[str]) -> None:
        """Read the ledger from Chroma, and make records for the orphans.

        reader    an empty generation, which no document is in yet
        folders   the names of the synced folders
        """
        recorded = self.store.records()
        self.orphans = orphans(self.store, recorded, folders)
        self.records = Ledger.recovered(reader, {record.source: record for record in (*recorded, *self.orphans)})
        self._pool.start_from(None)

    def record_orphans(self, *, dimension: int) -> None:
        """Write the records of the orphans to Chroma."""
        self.store.add_records(self.orphans, dimension)
        self.orphans = []

    def committed(self, reader: IndexReader) -> None:
        """Go on from this generation, which has all changes."""
        self.records.committed(reader)
        self.touched.clear()
        self._pool.start_from(reader)

    def close(self) -> None:
        """Cancel what was prefetched and not put."""
        self._pool.close()

    def prefetch(self, changes: Sequence[Change]) -> None:
        """Start to embed the chunks of these changes, while something else is being written."""
        rows = {id_ for change in changes if (old := self.records.get(change.record.source)) for id_ in old.chunk_ids}
        self._pool.prefetch([chunk for change in changes for chunk in change.chunks if chunk.id not in rows])

    def put(self, changes: Sequence[Change], *, made_with: Fingerprint, on_filled: Callable[[Filled], None]) -> Written:
        """Make each document what its change says, in one batch, but for those that the model does not take whole.
        `on_filled` gets the chunks as they are written."""
        begun = [Step(change, self._rows_of(change.record)) for change in changes]
        previous = {id_: row for step in begun for id_, row in step.previous.items()}
        with self._changing():
            with self._marked([step.change.record for step in begun], made_with.dimension):
                embedded, tokens, sums = self._write_fresh(begun, previous, made_with.dimension, on_filled)
                refused = self._pool.refusals(chunk for step in begun for chunk in step.fresh)
                steps = [step for step in begun if step.change.record.source not in refused]
                taken_back = self._take_back([step for step in begun if step.change.record.source in refused])
                means = self._means(steps, sums)
            ready = [step.change.recorded("ready", made_with=made_with) for step in steps]
            untidy = [record for step, record in zip(steps, ready, strict=True) if step.moved or step.stale]
            unfinished = [replace(record, status="indexing") if record in untidy else record for record in ready]
            self.store.put_records(unfinished, means, _contents([step.change for step in steps]))
            self.store.update_chunks([chunk for step in steps for chunk in step.moved], previous)
            self.store.delete_chunks([id_ for step in steps for id_ in step.stale])
            self.store.update_records(untidy)
            self.touched.update(chunk.id for step in steps for chunk in step.moved)
            self.touched.update(
                chunk.id for step in steps if self._changes_language(step) for chunk in step.change.chunks
            )
            self.records.update((record.source, record) for record in ready)
        return Written(
            chunks_added=sum(chunk.id not in previous for step in steps for chunk in step.fresh),
            chunks_deleted=sum(len(step.stale) for step in steps),
            chunks_reused=sum(len(step.change.chunks) for step in steps) + taken_back - embedded,
            tokens_embedded=tokens,
            refused=refused,
        )

    def write_records(self, records: Sequence[DocumentRecord], *, dimension: int) -> None:
        """Write records without changing the vectors that they have. A new record gets a vector of zeros until its
        chunks are written."""
        known = [record for record in records if record.source in self.records]
        new = [record for record in records if record.source not in self.records]
        with self._changing():
            self.store.update_records(known)
            self.store.add_records(new, dimension)
            self.records.update((record.source, record) for record in records)

    def amend(self, amendments: Sequence[tuple[DocumentRecord, Metadata]], *, dimension: int) -> None:
        """Write records, and values into the metadata of their chunks. The text, vectors and terms stay.

        The chunks come first: if the process is killed before the record is written, the next sync does it again.
        """
        for start in range(0, len(amendments), _AMENDED):
            block = amendments[start : start + _AMENDED]
            values = {id_: metadata for record, metadata in block for id_ in record.chunk_ids}
            self.store.amend_chunks(values)
            self.touched.update(values)
            self.write_records([record for record, _ in block], dimension=dimension)

    def remove(self, records: Sequence[DocumentRecord]) -> Written:
        """Delete documents and all their rows."""
        ids = [id_ for record in records for id_ in self._rows_of(record)]
        with self._changing():
            self.store.update_records([replace(record, status="indexing", chunk_ids=()) for record in records])
            self.store.delete_chunks(ids)
            self.store.delete_records([record.id for record in records])
            for record in records:
                del self.records[record.source]
        return Written(chunks_deleted=len(ids))

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Within this block, `records` and Chroma differ; after an error in it, only Chroma knows what is true."""
        was_whole, self.is_whole = self.is_whole, False
        yield
        self.is_whole = was_whole

    @contextmanager
    def _marked(self, records: Sequence[DocumentRecord], dimension: int) -> Iterator[None]:
        """Step 1, around step 2. Known documents are marked before it.

        New ones are marked only after an error: to write a second record of each would cost as much as all other work
        on the ledger.
        """
        old = [self.records[record.source] for record in records if record.source in self.records]
        self.write_records([replace(record, status="indexing") for record in old], dimension=dimension)
        try:
            yield
        except BaseException:
            new = [record for record in records if record.source not in self.records]
            begun = [DocumentRecord.begun(record.source, folder=record.folder) for record in new]
            self.write_records(begun, dimension=dimension)
            self.is_whole = True  # for step 3 was not begun
            raise

    def _write_fresh(
        self,
        steps: Sequence[Step],
        previous: Mapping[str, Metadata],
        dimension: int,
        on_filled: Callable[[Filled], None],
    ) -> tuple[int, int, dict[str, NDArray[np.float64]]]:
        """Step 2, slice by slice. Returns how many strings were embedded, their tokens, and the sum of the vectors that
        were written of each document, by its id."""
        embedded = tokens = 0
        sums = {step.change.record.id: np.zeros(dimension) for step in steps}
        for filled in self._pool.vectors_for([chunk for step in steps for chunk in step.fresh]):
            embedded, tokens = embedded + filled.embedded, tokens + filled.tokens
            self.touched.update(chunk.id for chunk in filled.chunks)
            self.store.put_chunks(filled.chunks, filled.vectors, previous)
            self._pool.written(filled.chunks)
            for chunk, vector in zip(filled.chunks, filled.vectors, strict=True):
                sums[chunk.document_id] += vector
            on_filled(filled)
        return embedded, tokens, sums

    def _take_back(self, steps: Sequence[Step]) -> int:
        """Delete the rows that step 2 has written of these documents and that they did not have before. Returns of how
        many chunks it may have written some."""
        fresh = [chunk for step in steps for chunk in step.fresh]
        new = {chunk.id for step in steps for chunk in step.fresh if chunk.id not in step.previous}
        if new:
            self.store.delete_chunks(sorted(new))
        self.touched.difference_update(new)
        self._pool.forget(fresh)
        return len(fresh)

    def _means(self, steps: Sequence[Step], sums: Mapping[str, NDArray[np.float64]]) -> Vectors:
        """The normalised mean vector of each document, float32 [len(steps), dimension]; `sums` lack what is kept."""
        means: list[NDArray[np.float64]] = []
        for step in steps:
            total = sums[step.change.record.id]
            for _, vectors in self.store.read_chunks(step.kept):
                total = total + vectors.sum(axis=0)
            means.append(total / max(float(np.linalg.norm(total)), 1e-12))
        return np.asarray(means, dtype=np.float32)

    def _rows_of(self, record: DocumentRecord) -> dict[str, Metadata]:
        """The rows that a document has, and those that an interrupted write left behind."""
        old = self.records.get(record.source)
        if old is None:
            return {}
        left = self.store.chunk_ids(old.id) if old.status != "ready" else ()
        return self.store.chunk_metadata(list(dict.fromkeys((*old.chunk_ids, *left))))

    def _changes_language(self, step: Step) -> bool:
        """Whether its chunks are analysed in another language than before: then even rows that stay are read again."""
        old = self.records.get(step.change.record.source)
        return old is not None and old.language != step.change.record.language


def _contents(changes: Sequence[Change]) -> list[str] | None:
    """What each document was made of; None where all come from files, which can be read again."""
    return [change.content for change in changes] if any(change.content for change in changes) else None
