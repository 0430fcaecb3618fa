"""The writer of a shared index: what it writes is seen by no search until one note names the next generation."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from retrieval.config import AUTO, Config
from retrieval.directory.files import make_private_directory
from retrieval.directory.index_directory import IndexDirectory
from retrieval.directory.pointer import Pointer
from retrieval.encoders import Embedder
from retrieval.segments.reader import IndexReader
from retrieval.shared_store.engine import Engine
from retrieval.shared_store.expressions import every
from retrieval.shared_store.lease import Lease
from retrieval.shared_store.notes import Notes
from retrieval.shared_store.pending import PendingStore, dead_note
from retrieval.shared_store.reader import SharedReader, dead_name
from retrieval.shared_store.rows import bm25_parameters, counts_of
from retrieval.shared_store.state import SharedState, old_states, read_state, write_state
from retrieval.shared_store.statistics import (
    Counts,
    base_name,
    base_notes,
    buckets_for,
    delta_name,
    delta_of,
    is_due,
    read_words,
    with_changes,
    words_name,
)
from retrieval.types import DocumentRecord, SyncedFolder
from retrieval.writer.backlog import Backlog
from retrieval.writer.changes import Change, Written
from retrieval.writer.document_writer import DocumentWriter
from retrieval.writer.vector_pool import Filled, VectorPool
from retrieval.writer.writer import Writer

_COMMIT = 5000
"""Rows written since the last generation, after which a long sync commits; and rows that die together."""

DRIFT = 1.25
"""How far the average length may be from what rows were weighed with, before they are weighed again."""


class SharedWriter(Writer):
    """As Writer. A generation is made in this order, so that a process may be killed anywhere:

        1  rows of passages are written, born in the generation that is to come
        2  so are the ledger's rows, and notes of what died and how counts of terms have changed
        3  what killed writers have left is deleted: their rows, and dead ones that they did not come to delete
        4  one note, the state, makes the generation the newest
        5  what died a generation ago is deleted: whoever searches the one before sees by the state that it is too late

    After a kill before 4 nothing has changed for anyone; the next writer takes the vectors that are there.
    """

    def __init__(
        self,
        directory: IndexDirectory,
        config: Config,
        *,
        engine: Engine,
        lease: Lease,
        embedder: Callable[[], Embedder],
        lender: IndexReader | None = None,
    ) -> None:
        self._engine = engine
        self._notes = Notes(engine)
        self._lease = lease
        self._directory = directory
        self._config = config
        self._embedder = embedder
        self._lender = lender
        self.backlog = Backlog(directory.segments, ())
        self._token = ""
        self._leftovers: list[int] = []
        self._settle(read_state(self._notes))
        pool = VectorPool(lambda: self._pending, embedder, context_header=config.context_header, lender=lender)
        self._documents = DocumentWriter(lambda: self._pending, pool, self.reader)

    @property
    def store(self) -> Any:
        """Passages and ledger, as they are to be."""
        return self._pending

    @property
    def can_hold(self) -> bool:
        """Rows of Milvus have vectors."""
        return False

    def recover(self) -> None:
        """There is nothing that could be behind."""

    def begin(self) -> None:
        """Make the collections, before the first row."""
        if not self._token:
            self._engine.create(self._made_with().dimension)
            self._token = "begun"

    def prefetch(self, changes: Sequence[Change]) -> None:
        self._expect(changes)
        refused = self._refused(changes)
        super().prefetch([change for change in changes if change.record.source not in refused])

    def put(self, changes: Sequence[Change], *, on_filled: Callable[[Filled], None] = lambda _: None) -> Written:
        """As Writer.put; documents with a passage that Milvus does not hold are refused too."""
        self._expect(changes)
        refused = self._refused(changes)
        taken = [change for change in changes if change.record.source not in refused]
        written = super().put(taken, on_filled=on_filled) if taken else Written()
        return written + Written(refused=refused)

    def claim(self, name: str, folder: SyncedFolder) -> None:
        if self.folders.get(name) != folder:
            self.begin()
            self.folders[name] = folder
            self._claimed = True

    def commit_when_due(self) -> None:
        if len(self._pending.fresh) + len(self._pending.gone) >= _COMMIT:
            self.commit()

    def commit(self) -> None:
        """Make a generation of what was written. Does nothing where nothing was. Raises IndexLockedError where another
        writer has taken over."""
        pending = self._pending
        if not (pending.entries or pending.fresh or pending.gone or self._claimed or self._documents.touched):
            return
        self.begin()
        again = self._documents.touched - pending.fresh.keys() - pending.gone
        for record in self.records.changed.values():
            if record is not None:
                pending.languages[record.id] = self._language_of(record)
        if again:
            pending.analyse_again(again)
        state = self._write_generation()
        self._lease.confirm()
        write_state(self._notes, state)
        before = self._base
        self._settle(state)
        self._forget(before)
        self._documents.committed(self.reader)
        self._weigh_again()
        self._note_place()

    def close(self) -> None:
        self._documents.close()

    # Making a generation

    def _settle(self, state: SharedState) -> None:
        """Go on from a generation."""
        self._base = state
        reader = SharedReader(self._engine, state, self._config)
        self.reader = cast(IndexReader, reader)
        self._shared = reader
        self.folders = dict(state.folders)
        self._claimed = False
        self._fingerprint = reader.fingerprint.moved_to(self._config.encoder_url) if reader.fingerprint else None
        self._cosine_scale = state.cosine_scale
        self._leftovers = self._numbers_after(state.generation)
        born = max([state.generation, time.time_ns() // 1_000_000, *self._leftovers]) + 1
        self._pending = PendingStore(self._engine, reader, self._config, born=born, check=self._lease.check)

    def _numbers_after(self, generation: int) -> list[int]:
        """Of generations that killed writers began."""
        found: set[int] = set()
        for collection in (self._engine.chunks, self._engine.documents, self._engine.notes):
            if collection == self._engine.notes or self._engine.has_rows():
                rows = self._engine.where(collection, f"born > {generation}", ("key", "born"))
                found.update(row["born"] for row in rows)
        return sorted(found)

    def _write_generation(self) -> SharedState:
        """Steps 2 and 3; returns the state that makes the generation the newest."""
        pending, state, born = self._pending, self._base, self._pending.born
        dying = list(pending.dying())
        removed: dict[str, Counter[str]] = {}
        for row in dying:
            for term in counts_of(row):
                removed.setdefault(term, Counter())[row["language"]] += 1
        changes = delta_of(pending.counts(), removed)
        rows, dead_documents = pending.ledger_rows()
        self._engine.upsert(self._engine.documents, rows)
        contents = pending.contents_written()
        replaced = [f"content:{id_}" for id_, entry in pending.entries.items() if entry is None] + [
            name for name, _ in contents
        ]
        dead_notes = self._notes.keys(replaced) if replaced and state.generation else []
        statistics, notes, outdated = self._statistics(changes)
        dead_notes += self._notes.keys(outdated)
        notes += [
            *contents,
            (dead_name(born), dead_note((row["key"] for row in dying), dead_documents, dead_notes)),
        ]
        self._notes.put_all(notes, born)
        self._clean_up()
        fresh = pending.fresh.values()
        languages = Counter(state.languages)
        languages.update(row.language for row in fresh)
        languages.subtract(row["language"] for row in dying)
        averages = [*pending.averages, *(filter(None, state.weighed))]
        folders = self._documents_of_folder()
        return SharedState(
            generation=born,
            folders={name: folder for name, folder in self.folders.items() if name in folders},
            fingerprint=self._fingerprint_json(),
            cosine_scale=self._cosine_scale,
            documents=folders,
            size=state.size + len(pending.fresh) - len(dying),
            length=state.length + sum(row.length for row in fresh) - sum(row["length"] for row in dying),
            tokens=state.tokens + sum(row.tokens for row in fresh) - sum(row["metadata"]["tokens"] for row in dying),
            languages={name: count for name, count in languages.items() if count > 0},
            dead=tuple(number for number in (state.generation, born) if number),
            bm25=bm25_parameters(self._config),
            weighed=(min(averages), max(averages)) if averages else (0.0, 0.0),
            **statistics,
        )

    def _statistics(self, changes: Counts) -> tuple[dict[str, Any], list[tuple[str, str]], list[str]]:
        """What the next state says of statistics, the notes (name, text) that have them, and the names of those that
        are outdated by it: the changes alone, or now and then all counts and words again."""
        state, born = self._base, self._pending.born
        name = words_name(born)
        if not is_due(state, len(changes)):
            about: dict[str, Any] = {
                "base": state.base,
                "buckets": state.buckets,
                "deltas": (*state.deltas, born),
                "changes": state.changes + len(changes),
                "terms": state.terms,
                "words": (*state.words, name),
            }
            new_words = json.dumps(sorted(self._pending.words))
            return about, [(delta_name(born), json.dumps(changes)), (name, new_words)], []
        counts = with_changes(self._shared.counts.all(), changes)
        words = read_words(self._notes, state) | self._pending.words
        about = {"base": born, "buckets": buckets_for(counts), "terms": len(counts), "words": (name,)}
        outdated = [delta_name(number) for number in state.deltas]
        outdated += [base_name(state.base, bucket) for bucket in range(state.buckets)]
        notes = [*base_notes(counts, born), (name, json.dumps(sorted(words)))]
        return about, notes, [*outdated, *state.words]

    def _clean_up(self) -> None:
        """Delete what killed writers have left: rows that would become visible with this generation, and rows of which
        this generation does not say any more that they are dead."""
        for number in self._leftovers:
            for collection in (self._engine.chunks, self._engine.documents, self._engine.notes):
                rows = self._engine.where(collection, every([f"born == {number}"]), ("key",))
                self._engine.delete(collection, [row["key"] for row in rows])
        self._leftovers = []
        self._bury([number for number in self._base.dead if number != self._base.generation])

    def _forget(self, before: SharedState) -> None:
        """Delete what no search needs any more, now that the generation of `before` is not the newest."""
        self._bury([before.generation] if before.generation else [])
        self._notes.delete(old_states(self._notes, before=before.generation))

    def _bury(self, generations: Sequence[int]) -> None:
        """Delete the rows that died in these generations, and after them the notes that name them."""
        names = [dead_name(number) for number in generations]
        for by_born in self._notes.read(names).values() if names else ():
            for text in by_born.values():
                dead = json.loads(text)
                self._engine.delete(self._engine.chunks, dead["chunks"])
                self._engine.delete(self._engine.documents, dead["documents"])
                self._engine.delete(self._engine.notes, dead["notes"])
        self._notes.delete(self._notes.keys(names) if names else [])

    def _weigh_again(self) -> None:
        """Write rows again whose weights are of an average length that is far from that of now: searches would have to
        fetch many more candidates."""
        average = self._base.average_length
        low, high = self._base.weighed
        if not average or (low * DRIFT >= average and high <= average * DRIFT):
            return
        near = f"weighed < {average / DRIFT} or weighed > {average * DRIFT}"
        ids = [row["id"] for row in self._shared.keys_where(near, ("id", "document_id"))]
        for start in range(0, len(ids), _COMMIT):
            self._pending.analyse_again(ids[start : start + _COMMIT])
            state = self._write_generation()
            if start + _COMMIT >= len(ids):
                state = SharedState(**{**vars(state), "weighed": (average / DRIFT, average * DRIFT)})
            self._lease.confirm()
            write_state(self._notes, state)
            before = self._base
            self._settle(state)
            self._forget(before)
        if not ids:
            return
        self._documents.committed(self.reader)

    def _documents_of_folder(self) -> dict[str, int]:
        """Folder -> how many documents it has."""
        counts = Counter(self._base.documents)
        self._shared.remember(list(self._pending.entries))
        for id_, entry in self._pending.entries.items():
            if (old := self._shared.record(id_)) is not None:
                counts[old.folder] -= 1
            if entry is not None:
                counts[entry.record.folder] += 1
        return {folder: count for folder, count in counts.items() if count > 0}

    def _refused(self, changes: Sequence[Change]) -> dict[str, str]:
        """The sources of those that Milvus does not hold, and why."""
        self._pending.languages.update((change.record.id, self._language_of(change.record)) for change in changes)
        reasons = {change.record.source: self._pending.why_refused(change.chunks) for change in changes}
        return {source: reason for source, reason in reasons.items() if reason}

    def _language_of(self, record: DocumentRecord) -> str:
        return record.language or ("none" if self._config.language == AUTO else self._config.language)

    def _expect(self, changes: Iterable[Change]) -> None:
        """Read at once the records that will be looked up."""
        self._shared.remember([change.record.id for change in changes])

    def _note_place(self) -> None:
        """Note in the directory where the index is, so that it can be opened without naming the server again."""
        pointer = Pointer(fingerprint=self._base.fingerprint, chroma=self._config.server_settings())
        if self._directory.read_pointer() != pointer:
            make_private_directory(self._directory.path)
            self._directory.write_pointer(pointer)
