"""Keeps an open index on its current snapshot: takes up what is published, mends what a dead writer left."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from retrieval.chroma.health import open_checked
from retrieval.chroma.store import Store
from retrieval.config import Config
from retrieval.directory.disk import explaining_failures
from retrieval.directory.index_directory import IndexDirectory
from retrieval.directory.pointer import Pointer
from retrieval.embedding import Embedder
from retrieval.errors import IndexDamagedError, IndexLockedError, IndexMismatchError, IndexUnusableError
from retrieval.fingerprint import Fingerprint
from retrieval.segments.snapshot import Snapshot
from retrieval.writer.writer import Writer

log = logging.getLogger(__name__)

_SILENCE = 30.0
"""Seconds for which searches leave a server alone that did not answer one of them."""


class SearcherManager:
    """The snapshot that searches read, and the way to change it. Threads may share it.

    made_with   what made the index, as far as is known; of the snapshot, once there is one
    lender      a snapshot of another index whose vectors would be the same, if there is one

    The lock is taken at the first change and held until `close`, because an embedded Chroma must not be open in two
    processes: even its readers write.
    """

    def __init__(self, directory: IndexDirectory, config: Config, embedder: Callable[[], Embedder]) -> None:
        self.made_with: Fingerprint | None = None
        self.lender: Snapshot | None = None
        self._directory = directory
        self._lock = directory.writer_lock
        self._config = config
        self._embedder = embedder
        self._snapshot: Snapshot | None = None
        self._stamp: tuple[int, int] | None = None
        self._store: Store | None = None
        self._is_patient = False
        self._asking_again = 0.0
        self._reported = ""
        self._is_superseded = False
        self._guard = threading.RLock()
        self._one_writer = threading.Lock()

    def current(self) -> Snapshot | None:
        """The last published snapshot, or None before the first.

        Where the index has been rebuilt with other settings since, that is the last one made with these. Raises
        IndexLockedError where the first is still being made, IndexDamagedError where it cannot be made, and
        IndexMismatchError where it was made, perhaps since the index was opened, with other settings.
        """
        with self._guard:
            stamp = self._directory.pointer_stamp()
            if stamp != self._stamp:
                self._take_up()
                self._stamp = self._directory.pointer_stamp() if self._snapshot is not None else stamp
            if self._config.chroma_host and not self._lock.is_held and self._is_behind_server():
                self._heal()
            return self._snapshot

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """A Writer, under the lock; threads wait for one another. What it wrote is published when the block ends.

        That is so after an error too, Ctrl-C among them, unless it came in the middle of a change: then the next to
        open the index or to write finds out from Chroma what is true. Raises IndexLockedError where another process
        writes, IndexUnusableError where a disk is full or fails, or a server goes on not answering.
        """
        with self._one_writer, explaining_failures(self._directory.path):
            with self._guard:
                writer = self._start_writing(patient=True)
                if self._config.chroma_host and not writer.store.state().is_settled:
                    writer.begin()  # what a writer elsewhere left unsettled, this one settles
            try:
                yield writer
            except BaseException:
                if writer.is_whole:
                    self._show(writer)
                raise
            finally:
                writer.close()
            self._show(writer)

    def close(self) -> None:
        """Release Chroma and the lock."""
        with self._guard:
            self._close_store()
            if self._lock.is_held:
                self._directory.unlock()

    def _take_up(self) -> None:
        """Go on to what the pointer says, unless that was made with other settings: the last snapshot serves then."""
        try:
            pointer = self._load()
        except IndexMismatchError:
            if self._snapshot is None:
                raise
            if not self._is_superseded:
                log.warning(
                    "%s was rebuilt with other settings; open it again to search the new one.", self._directory.path
                )
            self._is_superseded = True
            return
        self._is_superseded = False
        if _is_behind(pointer, self._snapshot):
            self._heal()

    def _start_writing(self, *, patient: bool) -> Writer:
        pointer = self._load_locked()
        if self._store is not None and (self._store.is_broken or self._is_patient != patient):
            self._close_store()
        self._is_patient = patient
        writer = Writer(
            self._directory,
            self._config,
            snapshot=self._snapshot,
            store=self._open_store,
            embedder=self._embedder,
            lender=self.lender,
        )
        if _is_behind(pointer, self._snapshot) or (self._config.chroma_host and self._is_behind_server()):
            self._refuse_an_emptied_chroma(pointer, writer.store)
            writer.recover()
        return writer

    def _refuse_an_emptied_chroma(self, pointer: Pointer | None, store: Store) -> None:
        """Without search files, an index of nothing would take the place of what is lost."""
        if self._snapshot is None and pointer is not None and pointer.generation and not store.state().generation:
            raise IndexDamagedError(
                f"Chroma holds nothing of what {self._directory.path} has indexed, and the search files are lost too; "
                "restore them from a backup, or remove the index and sync again."
            )

    def _load_locked(self) -> Pointer | None:
        """The pointer, which nobody else changes from here on. Raises IndexDamagedError where there is no Chroma."""
        if self._lock.is_held:
            return self._load()
        self._directory.lock()
        try:
            pointer = self._load()
            self._directory.check_chroma(pointer)
            return pointer
        except BaseException:  # whoever cannot write must not keep others from it
            self.close()
            raise

    def _show(self, writer: Writer) -> None:
        writer.publish()
        with self._guard:
            self._snapshot = writer.snapshot
            self._stamp = self._directory.pointer_stamp()

    def _load(self) -> Pointer | None:
        """Read the pointer, and the snapshot that it names unless that is the one at hand.

        Raises IndexMismatchError, changing nothing, for what was made with other settings.
        """
        pointer = self._directory.read_pointer()
        while True:
            if pointer is not None and pointer.fingerprint:
                self._check(pointer.fingerprint)
            if pointer is None or not pointer.generation:
                break
            if self._snapshot is not None and self._snapshot.state.generation == pointer.generation:
                return pointer
            try:
                self._snapshot = Snapshot.open(self._directory.snapshots / pointer.generation, self._config)
                return pointer
            except IndexDamagedError as error:
                last, pointer = pointer, self._directory.read_pointer()
                if pointer == last:  # and not just removed by a writer that has published another
                    if self._reported != pointer.generation:
                        log.warning("%s It is built again from Chroma.", error)
                    self._reported = last.generation
                    break
        self._snapshot = None
        return pointer

    def _check(self, fingerprint: str) -> None:
        known = self.made_with
        if known is not None and fingerprint == known.to_json():
            return
        made_with = Fingerprint.from_json(fingerprint)
        made_with.check_config(self._config, index=str(self._directory.path))
        if known is not None and not known.embeds_like(made_with):
            raise IndexMismatchError(
                f"The index {self._directory.path} was made anew with other weights of {self._config.model} since it "
                "was opened; open it again."
            )
        self.made_with = made_with

    def _is_behind_server(self) -> bool:
        """Whether the server's chunks have changed, by whichever machine, since the snapshot was made.

        A server that does not answer stops no search that a snapshot can answer, and is not asked again at once.
        """
        if time.monotonic() < self._asking_again and not self._lock.is_held:
            return False
        try:
            state = self._open_store().state()
        except IndexUnusableError as error:
            if self._snapshot is None or self._lock.is_held:
                raise
            log.warning("%s The last snapshot answers.", error)
            self._asking_again = time.monotonic() + _SILENCE
            return False
        if state.is_settled:
            return state.generation != (self._snapshot.state.generation if self._snapshot is not None else "")
        return self._lock.is_held or (
            self._snapshot is None and bool(state.fingerprint)
        )  # a writer takes over what was left

    def _heal(self) -> None:
        """Build the snapshot again, unless a living writer is about to; then the last one serves, if there is one."""
        if self._lock.is_held or not self._one_writer.acquire(blocking=False):
            return
        try:
            log.info("Building the snapshot of %s again.", self._directory.path)
            with explaining_failures(self._directory.path):
                self._show(self._start_writing(patient=self._snapshot is None))
        except (IndexUnusableError, OSError) as error:  # OSError: of the lock, on a read-only medium
            if self._snapshot is None:
                if isinstance(error, IndexLockedError):
                    said = "Nothing of it can be searched before its first part is published."
                    raise IndexLockedError(f"{error} {said}") from None
                raise
            if not isinstance(error, IndexLockedError):
                log.warning("%s The last snapshot answers.", error)
        finally:
            self._is_patient = False
            self._one_writer.release()
            self.close()

    def _open_store(self) -> Store:
        if self._store is None or self._store.is_inherited:
            pointer = self._directory.read_pointer()
            is_settled = pointer is None or not pointer.writing
            self._store = open_checked(
                self._directory.chroma, self._config, patient=self._is_patient, is_settled=is_settled
            )
        return self._store

    def _close_store(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None


def _is_behind(pointer: Pointer | None, snapshot: Snapshot | None) -> bool:
    """Whether what is stored may be more than what is shown: a write was not finished, or the snapshot is lost."""
    return pointer is not None and (pointer.writing or snapshot is None)
