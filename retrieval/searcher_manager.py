"""SearcherManager: gives searches the newest generation of an open index, and lets one process write the next."""

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
from retrieval.encoders import Embedder
from retrieval.errors import IndexDamagedError, IndexLockedError
from retrieval.fingerprint import Fingerprint
from retrieval.newest_generation import NewestGeneration
from retrieval.rerankers import Rerankers
from retrieval.searcher import Searcher
from retrieval.segments.reader import IndexReader
from retrieval.server_watch import ServerWatch
from retrieval.writer.writer import Writer

log = logging.getLogger(__name__)


class SearcherManager:
    """Gives the generation that searches read, and the Writer that changes it. Threads may share it.

    lender   a generation of another index whose vectors would be the same, if there is one

    `current` never waits for a writer, for a merge or for a server. A reader opens Chroma only where no generation can
    be read. The first change takes the writer's lock, which is held until `close`, because an embedded Chroma must not
    be open in two processes: even a process that only reads from it writes.
    """

    def __init__(self, directory: IndexDirectory, config: Config, embedder: Callable[[], Embedder]) -> None:
        self.lender: IndexReader | None = None
        self._directory = directory
        self._config = config
        self._embedder = embedder
        self._newest = NewestGeneration(directory, config)
        self._store: Store | None = None
        self._is_patient = False
        self._begin_process()

    def _begin_process(self) -> None:
        """Make locks and threads of this process. After fork() those of the parent stay as they are, locked for ever
        if they were."""
        self._pid = os.getpid()
        self._refreshing = threading.RLock()
        self._one_writer = threading.Lock()
        self._server = (
            ServerWatch(
                lambda: Store.open(self._directory.chroma, self._config),
                generation=lambda: self._newest.reader.generation,
                recover=lambda: self.recover(patient=False),
            )
            if self._config.chroma_host
            else None
        )

    @property
    def made_with(self) -> Fingerprint | None:
        """The settings and model that made the index; None before they are known."""
        return self._newest.made_with

    def current(self) -> IndexReader:
        """The newest generation; an empty one before the first.

        Where the index has been rebuilt with other settings since, it is the last one made with these. Raises
        IndexLockedError where the first is still being made, IndexDamagedError where it cannot be made, and
        IndexMismatchError where the index was made with other settings and no generation made with these is open.
        """
        if self._pid != os.getpid():
            self._begin_process()
        if not self._newest.is_current:
            with self._refreshing:
                self._newest.refresh(self._recover_unread)
        if self._server is not None:
            self._server.ask()
        return self._newest.reader

    def searcher(self, *, embedder: Callable[[], Embedder], rerankers: Rerankers) -> Searcher:
        """Searches the newest generation. Raises as `current`."""
        self.current()
        return Searcher(self._newest.shown, self._config, embedder=embedder, rerankers=rerankers)

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """A Writer, with the lock held; threads wait for one another. What it wrote is committed when the block ends.

        So it is after an error or Ctrl-C, unless that came in the middle of a change: then the next writer recovers
        from Chroma. Raises IndexLockedError where another process writes, and IndexUnusableError where a disk is full
        or fails, or a server does not answer.
        """
        if self._pid != os.getpid():
            self._begin_process()
        with self._one_writer, explaining_failures(self._directory.path):
            writer = self._start_writing(patient=True)
            try:
                if self._config.chroma_host and not writer.store.state().is_settled:
                    writer.begin()  # so that the commit settles what a writer elsewhere left unsettled
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
        """Read the newest generation; where a server keeps the chunks, make one of what the server holds now, if that
        has changed. Raises as `current`, and IndexUnusableError where the server does not answer and there is no
        generation."""
        self.current()
        if self._server is not None:
            self._server.check()

    def close(self) -> None:
        """Release Chroma and the lock."""
        if self._server is not None:
            self._server.close()
        self._release()

    def recover(self, *, patient: bool) -> None:
        """Make a generation of what Chroma holds, unless a thread of this process is writing one.

        The lock is released afterwards, unless it was held before.

        patient   whether to ask a Chroma server that does not answer again, for up to a minute

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

    # Writing

    def _start_writing(self, *, patient: bool) -> Writer:
        newest, pointer = self._newest, self._load_locked()
        if self._store is not None and (self._store.is_broken or self._is_patient != patient):
            self._close_store()
        self._is_patient = patient
        writer = Writer(
            self._directory,
            self._config,
            reader=newest.reader,
            store=self._open_store,
            embedder=self._embedder,
            lender=self.lender,
        )
        is_shown = newest.is_readable and pointer is not None and pointer.generation == newest.reader.generation
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
        """Raises IndexDamagedError where both the search files and Chroma are lost: to recover would commit an empty
        index, as if it had never held anything."""
        if not self._newest.is_readable and pointer is not None and pointer.generation and not store.state().generation:
            raise IndexDamagedError(
                f"Chroma holds nothing of what {self._directory.path} has indexed, and its search files are damaged; "
                f"{RESTORED}"
            )

    def _load_locked(self) -> Pointer | None:
        """Take the lock and read the pointer, which no other process changes from here on. Raises IndexDamagedError
        where there is no Chroma."""
        if self._directory.writer_lock.is_held:
            with self._refreshing:
                return self._newest.load()
        self._directory.lock()
        try:
            with self._refreshing:
                pointer = self._newest.load()
            self._directory.check_chroma(pointer)
            return pointer
        except BaseException:  # a writer that cannot start must not keep others from writing
            self._release()
            raise

    def _commit(self, writer: Writer) -> None:
        writer.commit()
        with self._refreshing:
            self._newest.committed(writer.reader)

    def _is_behind_server(self) -> bool:
        """Whether any machine has changed the server's chunks since the generation was made."""
        state = self._open_store().state()
        return not state.is_settled or state.generation != self._newest.reader.generation

    def _recover_unread(self) -> None:
        """Recover where no generation can be read. Raises IndexLockedError where the first is still being made."""
        try:
            self.recover(patient=True)
        except IndexLockedError as error:
            if self._newest.reader.generation:
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
