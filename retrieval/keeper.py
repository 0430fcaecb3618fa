"""Keeps an open index on its current snapshot: takes up what is published, mends what a dead writer left."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from retrieval.config import Config
from retrieval.directory import IndexDirectory, Pointer
from retrieval.embedder import Embedder
from retrieval.errors import IndexDamagedError, IndexLockedError
from retrieval.snapshot import Snapshot
from retrieval.store import Store
from retrieval.writer import Writer

log = logging.getLogger(__name__)


class SnapshotKeeper:
    """The snapshot that searches read, and the way to change it. Threads may share it.

    The lock is taken at the first change and held until `close`, because an embedded Chroma must not be open in two
    processes: even its readers write.
    """

    def __init__(self, directory: IndexDirectory, config: Config, embedder: Callable[[], Embedder]) -> None:
        self._directory = directory
        self._config = config
        self._embedder = embedder
        self._snapshot: Snapshot | None = None
        self._stamp: tuple[int, int] | None = None
        self._store: Store | None = None
        self._locked = False
        self._guard = threading.RLock()

    def current(self) -> Snapshot | None:
        """The last published snapshot, or None before the first.

        Raises IndexLockedError where the first is still being made, IndexDamagedError where it cannot be made.
        """
        with self._guard:
            stamp = self._directory.pointer_stamp()
            if stamp != self._stamp:
                pointer = self._load()
                self._stamp = stamp
                if _is_behind(pointer, self._snapshot):
                    self._heal()
            if self._config.chroma_host and not self._locked and self._is_behind_server():
                self._heal()
            return self._snapshot

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """A Writer, under the lock. What it wrote is published when the block ends, also by Ctrl-C; another error
        leaves that to the next to open the index. Raises IndexLockedError where another process writes."""
        with self._guard:
            writer = self._start_writing()
        try:
            yield writer
        except KeyboardInterrupt:
            self._show(writer)
            raise
        self._show(writer)

    def close(self) -> None:
        """Release Chroma and the lock."""
        with self._guard:
            if self._store is not None:
                self._store.close()
                self._store = None
            if self._locked:
                self._directory.unlock()
                self._locked = False

    def _start_writing(self) -> Writer:
        if not self._locked:
            self._directory.lock()
            self._locked = True
        pointer = self._load()
        writer = Writer(
            self._directory, self._config, snapshot=self._snapshot, store=self._open_store, embedder=self._embedder
        )
        if _is_behind(pointer, self._snapshot) or (self._config.chroma_host and self._is_behind_server()):
            writer.recover()
        return writer

    def _show(self, writer: Writer) -> None:
        writer.publish()
        with self._guard:
            self._snapshot = writer.snapshot
            self._stamp = self._directory.pointer_stamp()

    def _load(self) -> Pointer | None:
        """Read the pointer, and the snapshot that it names unless that is the one at hand."""
        pointer = self._directory.read_pointer()
        while pointer is not None and pointer.generation:
            if self._snapshot is not None and self._snapshot.state.generation == pointer.generation:
                return pointer
            try:
                self._snapshot = Snapshot.open(self._directory.snapshots / pointer.generation, self._config)
                return pointer
            except IndexDamagedError as error:
                last, pointer = pointer, self._directory.read_pointer()
                if pointer == last:  # and not just removed by a writer that has published another
                    log.info("%s", error)
                    break
        self._snapshot = None
        return pointer

    def _is_behind_server(self) -> bool:
        """Whether the server's chunks have changed, by whichever machine, since the snapshot was made."""
        generation = self._open_store().state().generation
        return generation != (self._snapshot.state.generation if self._snapshot is not None else "")

    def _heal(self) -> None:
        """Build the snapshot again, unless a living writer is about to; then the last one serves, if there is one."""
        if self._locked:
            return
        try:
            with self.writing():
                log.warning("%s is built again from what Chroma holds.", self._directory.snapshots)
        except IndexLockedError:
            if self._snapshot is None:
                raise
        else:
            self.close()

    def _open_store(self) -> Store:
        if self._store is None:
            self._store = Store.open(self._directory.chroma, self._config)
        return self._store


def _is_behind(pointer: Pointer | None, snapshot: Snapshot | None) -> bool:
    """Whether what is stored may be more than what is shown: a write was not finished, or the snapshot is lost."""
    return pointer is not None and (pointer.writing or snapshot is None)
