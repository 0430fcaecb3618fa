"""The one process that changes an index: the steps by which a document comes, changes and goes.

A document changes in five steps, each of them one call that may be repeated:

    1  its record says "indexing" and still names the chunks of the last version
    2  the rows of new chunks are written; no record names them yet
    3  its record names the new chunks: from here on the new version is the committed one
    4  rows that moved get their new position, rows that no record names are deleted
    5  its record says "ready"

Killed between any two, the record is left at "indexing" and names a whole version; the next sync starts over, finds
the rows that are there already, and embeds only what is missing.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from retrieval.changes import Change, Step, Written
from retrieval.config import Config
from retrieval.directory import IndexDirectory, Pointer
from retrieval.embedder import Embedder
from retrieval.fingerprint import Fingerprint
from retrieval.publish import publish
from retrieval.snapshot import Snapshot
from retrieval.store import State, Store
from retrieval.types import DocumentRecord, Metadata, Vectors
from retrieval.vector_pool import VectorPool

_FIRST_PUBLICATION = 1000
"""Chunks after which a long first sync becomes searchable; from there on each doubling of the index is published."""


class Writer:
    """Changes an index; made by HybridIndex.writing(), which holds the lock. Chroma is opened at the first change.

    snapshot  what was last published
    records   the ledger by source, as of now
    folders   name -> absolute path of the synced folder that owns the sources below that name
    """

    def __init__(
        self,
        directory: IndexDirectory,
        config: Config,
        *,
        snapshot: Snapshot | None,
        store: Callable[[], Store],
        embedder: Callable[[], Embedder],
    ) -> None:
        self.snapshot = snapshot
        self.folders = dict(snapshot.state.folders) if snapshot is not None else {}
        self.records = {record.source: record for record in (snapshot.records if snapshot is not None else ())}
        self._directory = directory
        self._config = config
        self._store = store
        self._embedder = embedder
        self._fingerprint = snapshot.fingerprint if snapshot is not None else None
        self._pool = VectorPool(store, embedder, context_header=config.context_header)
        self._pool.start_from(snapshot)
        self._touched: set[str] = set()
        self._begun = False

    @property
    def store(self) -> Store:
        """Chroma, opened at the first use."""
        return self._store()

    def recover(self) -> None:
        """Take ledger and state from Chroma, trusting nothing that lies beside it; `publish` then reads all of it."""
        state = self.store.state()
        self.snapshot = None
        self.folders = dict(state.folders)
        self.records = {record.source: record for record in self.store.records()}
        if state.fingerprint:
            made_with = Fingerprint.from_json(state.fingerprint)
            self._fingerprint = replace(made_with, analyzer=made_with.current_analyzer)
        self._pool.start_from(None)
        self._begin()

    def put(self, changes: Sequence[Change]) -> Written:
        """Make each document what its change says, all in one batch; memory grows with the batch."""
        self._begin()
        store = self.store
        steps = [Step(change, self._rows_of(change.record)) for change in changes]
        fresh = [chunk for step in steps for chunk in step.fresh]
        filled = self._pool.vectors_for(fresh)
        means = self._mean_vectors(steps, filled.vectors)
        previous = {id_: row for step in steps for id_, row in step.previous.items()}

        store.put_records([self._marked(step.change.record) for step in steps], means)
        store.put_chunks(fresh, filled.vectors, previous)
        self._pool.written(fresh)
        ready = [self._ready(step.change) for step in steps]
        untidy = [record for step, record in zip(steps, ready, strict=True) if step.moved or step.stale]
        unfinished = [replace(record, status="indexing") if record in untidy else record for record in ready]
        store.put_records(unfinished, means)
        store.update_chunks([chunk for step in steps for chunk in step.moved], previous)
        store.delete_chunks([id_ for step in steps for id_ in step.stale])
        store.update_records(untidy)

        self._touched.update(chunk.id for step in steps for chunk in (*step.fresh, *step.moved))
        self.records.update((record.source, record) for record in ready)
        return Written(
            chunks_added=sum(chunk.id not in previous for chunk in fresh),
            chunks_deleted=sum(len(step.stale) for step in steps),
            chunks_reused=sum(len(step.change.chunks) for step in steps) - filled.embedded,
            tokens_embedded=filled.tokens,
        )

    def note(self, records: Sequence[DocumentRecord]) -> None:
        """Record what is true of documents whose chunks stay as they are: a failure, or a new modification time."""
        if not records:
            return
        self._begin()
        known = [record for record in records if record.source in self.records]
        new = [record for record in records if record.source not in self.records]
        self.store.update_records(known)
        if new:
            self.store.put_records(new, np.zeros((len(new), self._made_with().dimension), np.float32))
        self.records.update((record.source, record) for record in records)

    def remove(self, records: Iterable[DocumentRecord]) -> Written:
        """Delete documents and all their rows."""
        records = list(records)
        if not records:
            return Written()
        self._begin()
        store = self.store
        ids = [id_ for record in records for id_ in self._rows_of(record)]
        store.update_records([replace(record, status="indexing", chunk_ids=()) for record in records])
        store.delete_chunks(ids)
        store.delete_records([record.id for record in records])
        for record in records:
            del self.records[record.source]
        return Written(chunks_deleted=len(ids))

    def publish_when_due(self) -> None:
        """Publish what a long run has written so far, so seldom that all publications together cost linear time."""
        published = self.snapshot.size if self.snapshot is not None else 0
        if len(self._touched) >= max(_FIRST_PUBLICATION, published):
            self._publish(last=False)

    def publish(self) -> None:
        """Show searches what was written. Does nothing where nothing was."""
        if self._begun:
            self._publish(last=True)

    def _publish(self, *, last: bool) -> None:
        state = State(uuid.uuid4().hex, self.folders, self._fingerprint_json())
        target = self._directory.snapshots / state.generation
        records = sorted(self.records.values(), key=lambda record: record.source)
        publish(target, state, store=self.store, records=records, base=self.snapshot, touched=self._touched)
        self.store.set_state(state if last else replace(state, generation=""))
        self._point(state.generation, writing=not last)
        self._directory.remove_old_snapshots(keep=state.generation)
        self.snapshot = Snapshot.open(target, self._config, verify=False)
        self._pool.start_from(self.snapshot)
        self._touched.clear()
        self._begun = not last

    def _begin(self) -> None:
        """From here on more may be stored than is published; whoever finds this said, and no writer alive, recovers."""
        if not self._begun:
            self._announce()
            self._begun = True

    def _announce(self) -> None:
        self._point(self.snapshot.state.generation if self.snapshot is not None else "", writing=True)
        self.store.set_state(State("", self.folders, self._fingerprint_json()))

    def _point(self, generation: str, *, writing: bool) -> None:
        self._directory.write_pointer(
            Pointer(
                generation=generation,
                writing=writing,
                fingerprint=self._fingerprint_json(),
                chroma=self._config.server_settings(),
            )
        )

    def _fingerprint_json(self) -> str:
        return self._fingerprint.to_json() if self._fingerprint else ""

    def _made_with(self) -> Fingerprint:
        if self._fingerprint is None:
            self._fingerprint = Fingerprint.of(self._config, self._embedder())
            self._announce()
        return self._fingerprint

    def _rows_of(self, record: DocumentRecord) -> dict[str, Metadata]:
        """The rows that a document has, with those that an interrupted write left behind."""
        old = self.records.get(record.source)
        if old is None:
            return {}
        left = self.store.chunk_ids(old.id) if old.status == "indexing" else ()
        return self.store.chunk_metadata(list(dict.fromkeys((*old.chunk_ids, *left))))

    def _marked(self, record: DocumentRecord) -> DocumentRecord:
        old = self.records.get(record.source)
        return replace(old or replace(record, content_hash="", chunk_ids=()), status="indexing")

    def _ready(self, change: Change) -> DocumentRecord:
        return replace(
            change.record,
            status="ready",
            reason="",
            fingerprint=self._made_with().id,
            chunk_ids=tuple(chunk.id for chunk in change.chunks),
        )

    def _mean_vectors(self, steps: Sequence[Step], fresh_vectors: Vectors) -> Vectors:
        """float32 [len(steps), dimension]: each document's normalised mean of chunk vectors; zero without chunks."""
        means = np.zeros((len(steps), self._made_with().dimension), dtype=np.float32)
        at = 0
        for mean, step in zip(means, steps, strict=True):
            total = np.zeros(means.shape[1])
            for vector in fresh_vectors[at : at + len(step.fresh)]:
                total += vector
            at += len(step.fresh)
            for _, vectors in self.store.read_chunks(step.kept):
                total += vectors.sum(axis=0)
            mean[:] = total / max(float(np.linalg.norm(total)), 1e-12)
        return means
