"""Hands out the newest generation of an open index, and lets one process write the next."""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from retrieval.chroma.health import open_checked
from retrieval.chroma.store import Store
from retrieval.config import Config
from retrieval.directory.disk import explaining_failures
from retrieval.directory.index_directory import RESTORED, IndexDirectory
from retrieval.directory.pointer import Pointer
from retrieval.embedding import Embedder
from retrieval.errors import IndexDamagedError, IndexLockedError, IndexMismatchError
from retrieval.fingerprint import Fingerprint
from retrieval.segments.manifest import Manifest
from retrieval.segments.reader import IndexReader
from retrieval.server_watch import ServerWatch
from retrieval.writer.writer import Writer

log = logging.getLogger(__name__)

_REPAIRED = "The last generation answers; `ingest doctor --repair` makes the search files again."


class SearcherManager:
    """The generation that searches read, and the way to change it. Threads may share it.

    made_with   what made the index, as far as is known; of the generation, once there is one
    lender      a generation of another index whose vectors would be the same, if there is one

    `current` never waits for a writer, for a merge or for a server. A reader opens Chroma only where it has no
    generation that it could serve. The lock is taken at the first change and held until `close`, because an embedded
    Chroma must not be open in two processes: even its readers write.
    """

    def __init__(self, directory: IndexDirectory, config: Config, embedder: Callable[[], Embedder]) -> None:
        self.made_with: Fingerprint | None = None
        self.lender: IndexReader | None = None
        self._directory = directory
        self._config = config
        self._embedder = embedder
        self._reader = IndexReader.empty(config)
        self._stamp: tuple[int, int] | None = None
        self._store: Store | None = None
        self._is_patient = False
        self._reported = ""
        self._is_superseded = False
        self._begin_process()

    def _begin_process(self) -> None:
        """What a child of fork() must have of its own: threads of its parent may hold the parent's locks for ever."""
        self._pid = os.getpid()
        self._refreshing = threading.RLock()
        self._one_writer = threading.Lock()
        self._server = (
            ServerWatch(
                lambda: Store.open(self._directory.chroma, self._config),
                generation=lambda: self._reader.generation,
                recover=lambda: self.recover(patient=False),
            )
            if self._config.chroma_host
            else None
        )

    def current(self) -> IndexReader:
        """The newest generation; an empty one before the first.

        Where the index has been rebuilt with other settings since, that is the last one made with these. Raises
        IndexLockedError where the first is still being made, IndexDamagedError where it cannot be made, and
        IndexMismatchError where it was made, perhaps since the index was opened, with other settings.
        """
        if self._pid != os.getpid():
            self._begin_process()
        if self._directory.pointer_stamp() != self._stamp or self._reader.is_cut_off:
            with self._refreshing:
                self._refresh()
        if self._server is not None:
            self._server.ask()
        return self._reader

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """A Writer, under the lock; threads wait for one another. What it wrote is committed when the block ends.

        That is so after an error too, Ctrl-C among them, unless it came in the middle of a change: then the next to
        write finds out from Chroma what is true. Raises IndexLockedError where another process writes,
        IndexUnusableError where a disk is full or fails, or a server goes on not answering.
        """
        if self._pid != os.getpid():
            self._begin_process()
        with self._one_writer, explaining_failures(self._directory.path):
            writer = self._start_writing(patient=True)
            try:
                if self._config.chroma_host and not writer.store.state().is_settled:
                    writer.begin()  # what a writer elsewhere left unsettled, this one settles
                try:
                    yield writer
                except BaseException:
                    if writer.is_whole:
                        self._commit(writer)
                    raise
                self._commit(writer)
            finally:
                writer.close()

    def open(self) -> None:
        """Read the newest generation; where a server keeps the chunks, that of what it holds now. Raises as `current`,
        IndexUnusableError where the server does not answer and no generation does instead."""
        self.current()
        if self._server is not None:
            self._server.check()

    def close(self) -> None:
        """Release Chroma and the lock."""
        if self._server is not None:
            self._server.close()
        self._release()

    def recover(self, *, patient: bool) -> None:
        """Make a generation of what Chroma holds, unless a thread of this process is writing one. The lock is released
        afterwards, if it was not held before.

        Raises IndexLockedError where another process writes, and what Writer.recover raises.
        """
        if not self._one_writer.acquire(blocking=False):
            return
        was_held = self._directory.writer_lock.is_held
        try:
            log.info("Building the search files of %s again.", self._directory.path)
            with explaining_failures(self._directory.path):
                writer = self._start_writing(patient=patient)
                try:
                    self._commit(writer)
                finally:
                    writer.close()
        finally:
            if not was_held:
                self._release()
            self._one_writer.release()

    # Refreshing

    def _refresh(self) -> None:
        """Go on to what the pointer says. Where that was made with other settings, or cannot be read, the last
        generation serves; where there is none, one is made of what Chroma holds."""
        stamp = self._directory.pointer_stamp()
        if stamp == self._stamp and not self._reader.is_cut_off:
            return
        try:
            pointer = self._load()
        except (IndexMismatchError, IndexDamagedError) as error:
            if not self._has_generation:
                raise
            if not self._is_superseded:
                is_rebuilt = isinstance(error, IndexMismatchError)
                said = "It was rebuilt with other settings; open it again to search the new one." if is_rebuilt else ""
                log.warning("%s %s The last generation answers.", error, said)
            self._is_superseded = True
        else:
            self._is_superseded = False
            if pointer is not None and not self._has_generation:
                self._recover_unread()
                stamp = self._directory.pointer_stamp() if self._has_generation else None
        self._stamp = stamp
        if self._reader.is_cut_off:
            raise IndexDamagedError(
                f"A search file of {self._directory.path} has lost its end; `ingest doctor --repair` makes it again."
            )

    @property
    def _has_generation(self) -> bool:
        """Whether there is one that can be read."""
        return bool(self._reader.generation) and not self._reader.is_cut_off

    def _load(self) -> Pointer | None:
        """Read the pointer, and the generation that it names. One that cannot be read is reported, and the one at hand
        stays. Raises IndexMismatchError, changing nothing, for what was made with other settings."""
        stamp, pointer = self._directory.pointer_stamp(), self._directory.read_pointer()
        while pointer is not None:
            if pointer.fingerprint:
                self._check(pointer.fingerprint)
            if not pointer.generation:
                break
            known = self._reader if self._has_generation else IndexReader.empty(self._config)
            try:
                manifest = Manifest.read(self._directory.generations, pointer.generation)
                if (manifest.state.generation, manifest.files) != (
                    known.generation,
                    known.files,
                ):  # merges keep the name
                    reader = IndexReader.open(self._directory.segments, manifest, self._config, known=known)
                    self._check_analysis(reader)
                    self._reader = reader
                break
            except IndexDamagedError as error:
                before = stamp, pointer
                stamp, pointer = self._directory.pointer_stamp(), self._directory.read_pointer()
                if (stamp, pointer) == before:  # and no writer has committed since, and removed what that does not need
                    if self._reported != before[1].generation:
                        is_served = self._has_generation
                        log.warning("%s %s", error, _REPAIRED if is_served else "It is made again from Chroma.")
                        self._reported = before[1].generation
                    break
        return pointer

    def _check_analysis(self, reader: IndexReader) -> None:
        """Raises IndexDamagedError where another version of the text analysis made the postings: queries would miss
        their terms."""
        made_with = reader.fingerprint
        if made_with is not None and made_with.analyzer != made_with.current_analyzer:
            raise IndexDamagedError(f"The search files of {self._directory.path} were analysed by another version.")

    def _check(self, fingerprint: str) -> None:
        known = self.made_with
        if known is not None and fingerprint == known.to_json():
            return
        made_with = Fingerprint.from_json(fingerprint)
        made_with.check_config(self._config, index=str(self._directory.path))
        if known is not None and not known.embeds_like(made_with):
            raise IndexMismatchError(
                f"The index {self._directory.path} was made again with other weights of {self._config.model} since it "
                "was opened; open it again."
            )
        self.made_with = made_with

    # Writing

    def _start_writing(self, *, patient: bool) -> Writer:
        pointer = self._load_locked()
        if self._store is not None and (self._store.is_broken or self._is_patient != patient):
            self._close_store()
        self._is_patient = patient
        writer = Writer(
            self._directory,
            self._config,
            reader=self._reader,
            store=self._open_store,
            embedder=self._embedder,
            lender=self.lender,
        )
        is_shown = self._has_generation and pointer is not None and pointer.generation == self._reader.generation
        is_behind = pointer is not None and (pointer.writing or not is_shown)
        try:
            if is_behind or (self._config.chroma_host and self._is_behind_server()):
                self._refuse_an_emptied_chroma(pointer, writer.store)
                writer.recover()
        except BaseException:
            writer.close()
            raise
        return writer

    def _refuse_an_emptied_chroma(self, pointer: Pointer | None, store: Store) -> None:
        """Without search files, an index of nothing would take the place of what is lost."""
        if not self._has_generation and pointer is not None and pointer.generation and not store.state().generation:
            raise IndexDamagedError(
                f"Chroma holds nothing of what {self._directory.path} has indexed, and its search files are damaged; "
                f"{RESTORED}"
            )

    def _load_locked(self) -> Pointer | None:
        """The pointer, which nobody else changes from here on. Raises IndexDamagedError where there is no Chroma."""
        if self._directory.writer_lock.is_held:
            with self._refreshing:
                return self._load()
        self._directory.lock()
        try:
            with self._refreshing:
                pointer = self._load()
            self._directory.check_chroma(pointer)
            return pointer
        except BaseException:  # a writer that cannot start must not keep others from writing
            self._release()
            raise

    def _commit(self, writer: Writer) -> None:
        writer.commit()
        with self._refreshing:
            self._reader = writer.reader
            self._stamp = self._directory.pointer_stamp()

    def _is_behind_server(self) -> bool:
        """Whether the server's chunks have changed, by whichever machine, since the generation was made."""
        state = self._open_store().state()
        return not state.is_settled or state.generation != self._reader.generation

    def _recover_unread(self) -> None:
        """Recover where no generation can be read. Raises IndexLockedError where the first is still being made."""
        try:
            self.recover(patient=True)
        except IndexLockedError as error:
            if self._reader.generation:
                raise
            said = "Nothing of it can be searched before its first part is committed."
            raise IndexLockedError(f"{error} {said}") from None

    def _release(self) -> None:
        self._close_store()
        self._is_patient = False
        self._directory.unlock()

    def _open_store(self) -> Store:
        if self._store is not None and self._store.is_inherited:
            self._store = None
        if self._store is None:
            pointer = self._directory.read_pointer()
            self._store = open_checked(
                self._directory.chroma,
                self._config,
                patient=self._is_patient,
                is_settled=pointer is None or not pointer.writing,
            )
        return self._store

    def _close_store(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
