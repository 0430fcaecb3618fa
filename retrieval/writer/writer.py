"""The one process that changes an index: the steps by which a document comes, changes and goes.

A document changes in five steps, each of them one call that may be repeated:

    1  its record says "indexing" and still names the chunks of the last version; a new document has no record yet
    2  the rows of new chunks are written; no record names them yet
    3  its record names the new chunks: from here on the new version is the committed one
    4  rows that moved get their new position, rows that no record names are deleted
    5  its record says "ready", which that of a new document does from 3 on

Killed between any two, the record is left at "indexing" and names a whole version, or recovery finds rows of a document
without a record and makes it one. The next sync starts over, finds the rows that are there already, and embeds only
what is missing. (Until then, chunks of that one document that are in both versions may be cited with the other
version's position: a chunk has one row.)
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from retrieval.chroma.store import UNDER_WAY, State, Store
from retrieval.config import Config
from retrieval.directory.index_directory import RESTORED, IndexDirectory
from retrieval.directory.pointer import Pointer
from retrieval.embedding import Embedder
from retrieval.errors import IndexDamagedError, IndexLockedError
from retrieval.fingerprint import Fingerprint
from retrieval.segments.merger import Merger
from retrieval.segments.reader import IndexReader
from retrieval.types import DocumentRecord, Metadata, SyncedFolder, Vectors
from retrieval.writer.changes import Change, Step, Written
from retrieval.writer.commit import Changes, commit, merge
from retrieval.writer.ledger import Ledger
from retrieval.writer.orphans import orphans
from retrieval.writer.vector_pool import Filled, VectorPool

_AMENDED = 1000
"""Documents whose rows are amended before their records are."""

_FIRST_COMMIT = 1000
"""Chunks after which a long first sync becomes searchable; from there on each doubling of the index is committed."""


class Writer:
    """Changes an index; made by HybridIndex.writing(), which holds the lock. Chroma is opened at the first change.

    reader    the last generation
    records   the ledger by source, as of now
    folders   name -> the synced folder that owns the sources below that name
    is_whole  whether `records` is what Chroma holds
    """

    def __init__(
        self,
        directory: IndexDirectory,
        config: Config,
        *,
        reader: IndexReader,
        store: Callable[[], Store],
        embedder: Callable[[], Embedder],
        lender: IndexReader | None = None,
    ) -> None:
        self.reader = reader
        self.folders = dict(reader.state.folders)
        self.records = Ledger(reader)
        self._directory = directory
        self._config = config
        self._store = store
        self._embedder = embedder
        self._fingerprint = reader.fingerprint
        self._pool = VectorPool(store, embedder, context_header=config.context_header, lender=lender)
        self._pool.start_from(reader)
        self._merger = Merger(directory.segments)
        self._touched: set[str] = set()
        self._recovered = False
        self._orphans: list[DocumentRecord] = []
        self._token = ""
        self.is_whole = True

    @property
    def store(self) -> Store:
        """Chroma, opened at the first use."""
        return self._store()

    def recover(self) -> None:
        """Take ledger and state from Chroma, trusting nothing that lies beside it; `commit` then reads all of it.

        Raises IndexMismatchError where Chroma's chunks were made with other settings, and IndexDamagedError where
        Chroma is empty and the last generation is not: building that again would lose what is left.
        """
        state = self.store.state()
        self._refuse_an_emptied_chroma(state)
        self.reader = IndexReader.empty(self._config)
        self.folders = dict(state.folders)
        recorded = self.store.records()
        self._orphans = orphans(self.store, recorded, state.folders)
        records = {record.source: record for record in (*recorded, *self._orphans)}
        self.records = Ledger.recovered(self.reader, records)
        if state.fingerprint:
            made_with = Fingerprint.from_json(state.fingerprint)
            made_with.check_config(self._config, index=str(self._directory.path))
            self._fingerprint = replace(made_with, analyzer=made_with.current_analyzer)
        self._pool.start_from(None)
        self._recovered = True

    def begin(self) -> None:
        """Say that a write is under way: from here on more may be stored than is shown, and a writer that
        finds this said recovers first.

        Raises IndexLockedError where another process has written since the last generation was made.
        """
        if self._token:
            return
        shown = self.reader.generation
        stored = self.store.state()
        self._refuse_an_emptied_chroma(stored)
        if not self._recovered and stored.generation != shown:
            self._point(shown, writing=True)  # so that the next to open it takes up what is there
            raise IndexLockedError(
                f"Another process has changed what {self._directory.path} keeps in Chroma; try again."
            )
        token = f"{UNDER_WAY}{uuid.uuid4().hex}"
        self._announce(token)
        self._token = token
        self._record_begun()

    def prefetch(self, changes: Sequence[Change]) -> None:
        """Start to embed what will be put next, while something else is being written."""
        rows = {id_ for change in changes if (old := self.records.get(change.record.source)) for id_ in old.chunk_ids}
        self._pool.prefetch([chunk for change in changes for chunk in change.chunks if chunk.id not in rows])

    def close(self) -> None:
        """Give up what is prefetched and was not put."""
        self._pool.close()
        self._merger.close()

    def put(self, changes: Sequence[Change], *, on_filled: Callable[[Filled], None] = lambda _: None) -> Written:
        """Make each document what its change says, in one batch. `on_filled` hears of chunks as they are written."""
        self._made_with()
        self.begin()
        steps = [Step(change, self._rows_of(change.record)) for change in changes]
        previous = {id_: row for step in steps for id_, row in step.previous.items()}
        ready = [self._ready(step.change) for step in steps]
        untidy = [record for step, record in zip(steps, ready, strict=True) if step.moved or step.stale]
        with self._changing():
            with self._marked([step.change.record for step in steps]):
                embedded, tokens, means = self._write_fresh(steps, previous, on_filled)
            unfinished = [replace(record, status="indexing") if record in untidy else record for record in ready]
            self.store.put_records(unfinished, means, _contents(changes))
            self.store.update_chunks([chunk for step in steps for chunk in step.moved], previous)
            self.store.delete_chunks([id_ for step in steps for id_ in step.stale])
            self.store.update_records(untidy)
            self._touched.update(chunk.id for step in steps for chunk in step.moved)
            self._touched.update(
                chunk.id for step in steps if self._changes_language(step) for chunk in step.change.chunks
            )
            self.records.update((record.source, record) for record in ready)
        return Written(
            chunks_added=sum(chunk.id not in previous for step in steps for chunk in step.fresh),
            chunks_deleted=sum(len(step.stale) for step in steps),
            chunks_reused=sum(len(step.change.chunks) for step in steps) - embedded,
            tokens_embedded=tokens,
        )

    def update_records(self, records: Sequence[DocumentRecord]) -> None:
        """Record what is true of documents whose chunks stay as they are: a failure, or a new modification time."""
        if not records:
            return
        self._made_with()
        self.begin()
        self._write_records(records)

    def amend(self, amendments: Sequence[tuple[DocumentRecord, Metadata]]) -> None:
        """Write records, and values into the metadata of their chunks, whose text, vectors and terms stay.

        The rows come first: killed before the record is written, the next sync finds that this is still to do.
        """
        for start in range(0, len(amendments), _AMENDED):
            self._made_with()
            self.begin()
            block = amendments[start : start + _AMENDED]
            values = {id_: metadata for record, metadata in block for id_ in record.chunk_ids}
            self.store.amend_chunks(values)
            self._touched.update(values)
            self._write_records([record for record, _ in block])

    def remove(self, records: Iterable[DocumentRecord]) -> Written:
        """Delete documents and all their rows."""
        records = list(records)
        if not records:
            return Written()
        self.begin()
        ids = [id_ for record in records for id_ in self._rows_of(record)]
        with self._changing():
            self.store.update_records([replace(record, status="indexing", chunk_ids=()) for record in records])
            self.store.delete_chunks(ids)
            self.store.delete_records([record.id for record in records])
            for record in records:
                del self.records[record.source]
        return Written(chunks_deleted=len(ids))

    def claim(self, name: str, folder: SyncedFolder) -> None:
        """Record where the folder of that name lies, and which of its files were chosen."""
        if self.folders.get(name) != folder:
            self.begin()
            self.folders[name] = folder
            self._announce(self._token)  # a document that was begun is known to be a folder's by the folder's name

    def commit_when_due(self) -> None:
        """Commit what a long run has written so far, so seldom that each row is read from Chroma once."""
        if len(self._touched) >= max(_FIRST_COMMIT, self.reader.size):
            self._commit(uuid.uuid4().hex, last=False)

    def commit(self) -> None:
        """Show searches what was written, or what was recovered. Does nothing where neither was.

        Raises IndexLockedError where another process has written at the same time.
        """
        if self._token:
            if self.store.state().generation != self._token:
                raise IndexLockedError(
                    f"Another process has written to the Chroma of {self._directory.path} at the same time; sync again."
                )
            self._commit(uuid.uuid4().hex, last=True)
        elif self._recovered:
            self._mirror()

    def _mirror(self) -> None:
        """Show what Chroma holds. Nothing is written to a server's: other processes read it, and one may be writing; so
        the generation takes its name from what is stored there."""
        if self._config.chroma_host:
            state = self.store.state()
            self._commit(state.generation if state.is_settled else uuid.uuid4().hex, last=True)
        else:
            self._record_begun()
            self._commit(uuid.uuid4().hex, last=True, is_settling=True)

    def _commit(self, generation: str, *, last: bool, is_settling: bool = False) -> None:
        """Make what was changed a generation and let the pointer name it.

        last          nothing more is written; merges are waited for, once all can be found
        is_settling   Chroma is told the generation's name, which says that no write is under way
        """
        state = State(generation, self.folders, self._fingerprint_json())
        self._directory.make()
        reader = commit(
            self._directory,
            state,
            Changes(self.records.changed, self._touched),
            base=self.reader,
            store=self.store,
            config=self._config,
            merger=self._merger,
        )
        if is_settling or (self._token and last):
            self.store.set_state(reader.state)
        self._point(generation, writing=not last)
        if last:
            self.store.seal()
            if (merged := merge(self._directory, reader, config=self._config, merger=self._merger)) is not reader:
                reader = merged
                self._point(generation, writing=False)  # readers look again where the pointer was written
            self._directory.remove_leftovers(keep=reader.files)
            self._token = ""
        else:
            self._merger.start(reader.live)
        self.folders = dict(reader.state.folders)
        self.reader = reader
        self.records.committed(reader)
        self._pool.start_from(reader)
        self._touched.clear()
        self._recovered = False

    def _refuse_an_emptied_chroma(self, state: State) -> None:
        shown = sum(self.reader.documents_of_folder.values())
        if shown and not state.generation:
            raise IndexDamagedError(
                f"Chroma holds nothing of the {shown} documents that {self._directory.path} shows; {RESTORED}"
            )

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """What is stored and `records` differ in here: after a failure inside, only Chroma knows what is true."""
        was_whole, self.is_whole = self.is_whole, False
        yield
        self.is_whole = was_whole

    def _record_begun(self) -> None:
        if self._orphans:
            self._add_records(self._orphans)
            self._orphans = []

    @contextmanager
    def _marked(self, records: Sequence[DocumentRecord]) -> Iterator[None]:
        """Step 1, around step 2: known documents are marked before it. New ones are only where it breaks off: of each
        a second record would be written, which costs as much as all else that the ledger does."""
        old = [self.records[record.source] for record in records if record.source in self.records]
        self._write_records([replace(record, status="indexing") for record in old])
        try:
            yield
        except BaseException:
            new = [record for record in records if record.source not in self.records]
            self._write_records([DocumentRecord.begun(record.source, folder=record.folder) for record in new])
            self.is_whole = True  # for step 3 was not begun
            raise

    def _write_records(self, records: Sequence[DocumentRecord]) -> None:
        """Replace records but not their vectors; a new one's is zero until its chunks are written."""
        known = [record for record in records if record.source in self.records]
        new = [record for record in records if record.source not in self.records]
        with self._changing():
            self.store.update_records(known)
            self._add_records(new)
            self.records.update((record.source, record) for record in records)

    def _add_records(self, records: Sequence[DocumentRecord]) -> None:
        self.store.add_records(records, self._made_with().dimension)

    def _write_fresh(
        self,
        steps: Sequence[Step],
        previous: Mapping[str, Metadata],
        on_filled: Callable[[Filled], None],
    ) -> tuple[int, int, Vectors]:
        """Step 2, slice by slice: strings and tokens embedded, and each document's normalised mean, float32
        [len(steps), dim]."""
        embedded = tokens = 0
        sums = {step.change.record.id: np.zeros(self._made_with().dimension) for step in steps}
        for filled in self._pool.vectors_for([chunk for step in steps for chunk in step.fresh]):
            embedded, tokens = embedded + filled.embedded, tokens + filled.tokens
            self._touched.update(chunk.id for chunk in filled.chunks)
            self.store.put_chunks(filled.chunks, filled.vectors, previous)
            self._pool.written(filled.chunks)
            for chunk, vector in zip(filled.chunks, filled.vectors, strict=True):
                sums[chunk.document_id] += vector
            on_filled(filled)
        for step in steps:
            for _, vectors in self.store.read_chunks(step.kept):
                sums[step.change.record.id] += vectors.sum(axis=0)
        means = [total / max(float(np.linalg.norm(total)), 1e-12) for total in sums.values()]
        return embedded, tokens, np.asarray(means, dtype=np.float32)

    def _announce(self, token: str) -> None:
        self._point(self.reader.generation, writing=True)
        self.store.set_state(State(token, self.folders, self._fingerprint_json()))

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
            if self._token:
                self._announce(self._token)
        return self._fingerprint

    def _rows_of(self, record: DocumentRecord) -> dict[str, Metadata]:
        """The rows that a document has, with those that an interrupted write left behind."""
        old = self.records.get(record.source)
        if old is None:
            return {}
        left = self.store.chunk_ids(old.id) if old.status != "ready" else ()
        return self.store.chunk_metadata(list(dict.fromkeys((*old.chunk_ids, *left))))

    def _changes_language(self, step: Step) -> bool:
        """Whether its chunks are analysed in another language than before, those too whose rows stay."""
        old = self.records.get(step.change.record.source)
        return old is not None and old.language != step.change.record.language

    def _ready(self, change: Change) -> DocumentRecord:
        return replace(
            change.record,
            status="ready",
            fingerprint=self._made_with().id,
            chunk_ids=tuple(chunk.id for chunk in change.chunks),
        )


def _contents(changes: Sequence[Change]) -> list[str] | None:
    """None where files can tell them again."""
    return [change.content for change in changes] if any(change.content for change in changes) else None
