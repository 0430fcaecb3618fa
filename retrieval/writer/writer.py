"""The one process that changes an index: it writes to Chroma, and commits what was written as a new generation.

How a document is written is in retrieval.writer.document_writer. Around it, a writer says in Chroma and in the pointer
that a write is under way, and once all is written, which generation is the newest.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from retrieval.chroma.store import UNDER_WAY, State, Store
from retrieval.config import Config
from retrieval.directory.index_directory import RESTORED, IndexDirectory
from retrieval.directory.pointer import Pointer
from retrieval.encoders import Embedder
from retrieval.errors import IndexDamagedError, IndexLockedError
from retrieval.fingerprint import Fingerprint
from retrieval.segments.merger import Merger
from retrieval.segments.pending_reader import with_pending
from retrieval.segments.reader import IndexReader
from retrieval.types import CosineScale, DocumentRecord, Metadata, SyncedFolder
from retrieval.writer.backlog import Backlog
from retrieval.writer.changes import Change, Written
from retrieval.writer.commit import commit, merge
from retrieval.writer.document_writer import DocumentWriter
from retrieval.writer.ledger import Ledger
from retrieval.writer.vector_pool import Filled, VectorPool

_FIRST_COMMIT = 1000
"""Chunks after which a long first sync is committed; from there on each doubling of the index is."""

_SECONDS = 5.0
"""After so many it is committed as well, and"""

_TIMES = 20
"""so many times what the last commit took: a long sync spends a twentieth of its time on commits at most."""


class Writer:
    """Changes an index; made by HybridIndex.writing(), which holds the lock. Chroma is opened at the first change.

    reader    the last generation
    backlog   documents that were parsed, and await their vectors
    folders   name -> the synced folder that owns the sources below that name

    All that writes raises IndexLockedError where another process has written since the last generation was made.
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
        self.backlog = Backlog(directory.segments, reader.pending_parts)
        self.folders = dict(reader.state.folders)
        self._directory = directory
        self._config = config
        self._store = store
        self._embedder = embedder
        self._fingerprint = reader.fingerprint.moved_to(config.encoder_url) if reader.fingerprint else None
        self._cosine_scale = reader.state.cosine_scale
        self._merger = Merger(directory.segments)
        self._lender = lender
        self._recovered = False
        pool = VectorPool(store, embedder, context_header=config.context_header, lender=lender)
        self._documents = DocumentWriter(store, pool, reader)
        self._token = ""
        self._pointed = reader.generation
        self._is_held = False
        self._committed_at = time.monotonic()
        self._commit_took = 0.0

    @property
    def store(self) -> Store:
        """Chroma, opened at the first use."""
        return self._store()

    @property
    def records(self) -> Ledger:
        """The ledger by source, as of now."""
        return self._documents.records

    @property
    def documents(self) -> dict[str, DocumentRecord]:
        """All records by source: as the ledger has them, or as they await their vectors."""
        return self.records.all() | self.backlog.records

    def find(self, source: str) -> DocumentRecord | None:
        """One of `documents`."""
        return self.backlog.records.get(source) or self.records.get(source)

    @property
    def shown(self) -> IndexReader:
        """The last generation as searches read it."""
        return with_pending(self.reader, self._config)

    @property
    def is_whole(self) -> bool:
        """Whether `records` agrees with what Chroma holds; False after a failure in the middle of a change."""
        return self._documents.is_whole

    def recover(self) -> None:
        """Read the ledger and the state from Chroma, and ignore the last generation; `commit` then writes everything
        that Chroma holds.

        Raises IndexMismatchError where Chroma's chunks were made with other settings, and IndexDamagedError where
        Chroma is empty and the last generation is not: to commit an empty one would lose what is left.
        """
        state = self.store.state()
        self._refuse_an_emptied_chroma(state)
        self.reader = IndexReader.empty(self._config)
        self.folders = dict(state.folders)
        self._cosine_scale = state.cosine_scale
        self._documents.recover(self.reader, state.folders)
        if state.fingerprint:
            made_with = Fingerprint.from_json(state.fingerprint)
            made_with.check_config(self._config, index=str(self._directory.path))
            made_with = made_with.moved_to(self._config.encoder_url)
            self._fingerprint = replace(made_with, analyzer=made_with.current_analyzer)
        waiting = list(self.backlog.records.values())
        self.backlog.drop(record.source for record in waiting if _is_in(self.records.get(record.source), record))
        self._recovered = True

    def begin(self) -> None:
        """Record that a write is under way, in the pointer and in Chroma. From here on Chroma may hold more than the
        last generation; if this process is killed, the next writer recovers first."""
        if self._token:
            return
        shown = self.reader.generation
        if self._directory.read_pointer() is None:
            self._point(shown, writing=True)  # before there is a Chroma, which without a pointer would be damage
        stored = self.store.state()
        self._refuse_an_emptied_chroma(stored)
        if not self._recovered and stored.generation != shown:
            self._point(shown, writing=True)  # so that the next writer recovers
            raise IndexLockedError(
                f"Another process has changed what {self._directory.path} keeps in Chroma; try again."
            )
        token = f"{UNDER_WAY}{uuid.uuid4().hex}"
        self._announce(token)
        self._token = token
        self._record_orphans()

    @property
    def can_hold(self) -> bool:
        """Whether searches can find documents before their vectors are there. What a server keeps is for other machines
        too, which have no files of this one."""
        return not self._config.chroma_host

    def hold(self, changes: Sequence[Change]) -> None:
        """Have searches find these documents by their words, from the next commit on, until `put` brings them into
        Chroma with their vectors. A document that is there already keeps its rows in Chroma till then."""
        made_with = self._made_with()
        self.begin()
        self._directory.make()
        self.backlog.add(changes, made_with=made_with, reader=self.reader)
        self._is_held = True

    def prefetch(self, changes: Sequence[Change]) -> None:
        """Start to embed what will be put next, while something else is being written."""
        self._documents.prefetch(changes)

    def put(self, changes: Sequence[Change], *, on_filled: Callable[[Filled], None] = lambda _: None) -> Written:
        """Make each document what its change says, in one batch. `on_filled` gets the chunks as they are written."""
        made_with = self._made_with()
        if self._cosine_scale is None and any(change.chunks for change in changes):
            self._cosine_scale = self._lent_scale(made_with) or self._embedder().cosine_scale(writing=True)
        self.begin()
        written = self._documents.put(changes, made_with=made_with, on_filled=on_filled)
        self.backlog.drop(change.record.source for change in changes)
        return written

    def update_records(self, records: Sequence[DocumentRecord]) -> None:
        """Write records of documents whose chunks stay as they are: of a failure, or of a new modification time. A
        version that awaits its vectors is forgotten."""
        if records:
            dimension = self._made_with().dimension
            self.begin()
            self.backlog.drop(record.source for record in records)
            self._documents.write_records(records, dimension=dimension)

    def amend(self, amendments: Sequence[tuple[DocumentRecord, Metadata]]) -> None:
        """Write records, and values into the metadata of their chunks, whose text, vectors and terms stay."""
        if amendments:
            dimension = self._made_with().dimension
            self.begin()
            self._documents.amend(amendments, dimension=dimension)

    def remove(self, records: Iterable[DocumentRecord]) -> Written:
        """Delete documents and all their rows."""
        records = list(records)
        if not records:
            return Written()
        self.begin()
        self.backlog.drop(record.source for record in records)
        return self._documents.remove([stored for each in records if (stored := self.records.get(each.source))])

    def claim(self, name: str, folder: SyncedFolder) -> None:
        """Record where the folder of that name lies, and which of its files were chosen."""
        if self.folders.get(name) != folder:
            self.begin()
            self.folders[name] = folder
            self._announce(self._token)  # recovery tells by a folder's name which documents are the folder's

    def commit_when_due(self) -> None:
        """Commit what a long run has written so far, once that is as much as the last generation has, or some seconds
        have passed."""
        written = len(self._documents.touched)
        seconds = time.monotonic() - self._committed_at
        if seconds > max(_SECONDS, _TIMES * self._commit_took) or written >= max(_FIRST_COMMIT, self.reader.size):
            self.commit_now()

    def commit_now(self) -> None:
        """Commit what was written or held so far, if anything was; the write goes on."""
        if self._is_held or self._documents.touched:
            self._commit(uuid.uuid4().hex, last=False)

    def commit(self) -> None:
        """Make a generation of what was written or recovered, which searches then read. Does nothing where neither was.

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

    def close(self) -> None:
        """Cancel what was prefetched and not put, and the merges that are not yet done."""
        self._documents.close()
        self._merger.close()

    def _mirror(self) -> None:
        """Commit what was recovered.

        Nothing is written to a Chroma server, because other processes read it and one may be writing. So the generation
        takes the name that is stored there.
        """
        if self._config.chroma_host:
            state = self.store.state()
            self._commit(state.generation if state.is_settled else uuid.uuid4().hex, last=True)
        else:
            self._record_orphans()
            self._commit(uuid.uuid4().hex, last=True, is_settling=True)

    def _commit(self, generation: str, *, last: bool, is_settling: bool = False) -> None:
        """Write a generation of what was changed, and have the pointer name it.

        last          whether the write ends here: then merges are waited for, after searches can read the generation
        is_settling   whether to store the generation's name in Chroma, which says that no write is under way
        """
        started = time.monotonic()
        state = self._state(generation)
        self._directory.make()
        reader = commit(
            self._directory,
            state,
            self._documents.changes,
            base=self.reader,
            store=self.store,
            config=self._config,
            merger=self._merger,
            backlog=self.backlog,
        )
        if is_settling or (self._token and last):
            self.store.set_state(reader.state)
        self._point(generation, writing=not last)
        if last:
            self.store.seal()
            merged = merge(self._directory, reader, config=self._config, merger=self._merger, backlog=self.backlog)
            if merged is not reader:
                reader = merged
                self._point(generation, writing=False)  # readers read the manifest again when the pointer is written
            self._directory.remove_leftovers(keep=reader.files)
            self._token = ""
        else:
            self._directory.remove_replaced(self.reader.files - reader.files, generation=self.reader.generation)
            self._merger.start(reader.live)
        self.folders = dict(reader.state.folders)
        self.reader, self._pointed = reader, generation
        self._documents.committed(reader)
        self._recovered = self._is_held = False
        self._committed_at = time.monotonic()
        self._commit_took = self._committed_at - started

    def _refuse_an_emptied_chroma(self, state: State) -> None:
        shown = sum(self.reader.documents_of_folder.values())
        if shown and not state.generation:
            raise IndexDamagedError(
                f"Chroma holds nothing of the {shown} documents that {self._directory.path} shows; {RESTORED}"
            )

    def _record_orphans(self) -> None:
        if self._documents.orphans:
            self._documents.record_orphans(dimension=self._made_with().dimension)

    def _announce(self, token: str) -> None:
        """Record in the pointer and in Chroma that a write is under way, which the token identifies. Searches go on
        with the last generation, also where this writer has recovered from Chroma."""
        self._point(self._pointed, writing=True)
        self.store.set_state(self._state(token))

    def _point(self, generation: str, *, writing: bool) -> None:
        self._directory.write_pointer(
            Pointer(
                generation=generation,
                writing=writing,
                fingerprint=self._fingerprint_json(),
                chroma=self._config.server_settings(),
            )
        )

    def _lent_scale(self, made_with: Fingerprint) -> CosineScale | None:
        """That of the index that lends its vectors, which has the same model, if it has the same query prefix too."""
        if self._lender is None or self._lender.fingerprint is None:
            return None
        prefixes = [each.settings["query_prefix"] for each in (self._lender.fingerprint, made_with)]
        return self._lender.state.cosine_scale if prefixes[0] == prefixes[1] else None

    def _state(self, generation: str) -> State:
        return State(generation, self.folders, self._fingerprint_json(), self._cosine_scale)

    def _fingerprint_json(self) -> str:
        return self._fingerprint.to_json() if self._fingerprint else ""

    def _made_with(self) -> Fingerprint:
        """The settings and the model that make this index; for a new one the model is loaded."""
        if self._fingerprint is None:
            self._fingerprint = Fingerprint.of(self._config, self._embedder())
            if self._token:
                self._announce(self._token)
        return self._fingerprint


def _is_in(stored: DocumentRecord | None, record: DocumentRecord) -> bool:
    """Whether Chroma has this version of a document that awaited its vectors."""
    return stored is not None and stored.status == "ready" and replace(stored, status=record.status) == record
