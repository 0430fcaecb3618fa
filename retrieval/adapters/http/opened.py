"""An index that is open for as long as the service runs, whatever other processes do to it."""

import logging
import threading
from pathlib import Path

from retrieval.directory.index_directory import IndexDirectory
from retrieval.directory.pointer import Pointer
from retrieval.errors import IndexMismatchError, IndexUnusableError
from retrieval.index import HybridIndex

log = logging.getLogger(__name__)


class OpenedIndex:
    """Opens an index at the first request and keeps it open. A commit by any process is seen at once.

    An index that was rebuilt with other settings is opened again, while running searches finish on the old one. Where
    that fails, the old one goes on answering. Threads may share it.
    """

    def __init__(self, path: Path, config: Path | None) -> None:
        self._path = path
        self._config = config
        self._directory = IndexDirectory(path)
        self._guard = threading.Lock()
        self._index: HybridIndex | None = None
        self._stamp: tuple[int, int] | None = None
        self._made_with = ""

    def now(self) -> HybridIndex:
        """The index as it is now; one that does not exist yet is empty. Raises as HybridIndex.open, but not for what
        can still be answered."""
        with self._guard:
            stamp = self._directory.pointer_stamp()
            if self._index is None:
                self._open()
            elif stamp != self._stamp:
                self._refresh()
            self._stamp = stamp
            assert self._index is not None
            return self._index

    @property
    def is_open(self) -> bool:
        return self._index is not None

    def close(self) -> None:
        """Release the lock and Chroma; the model stays loaded."""
        if self._index is not None:
            self._index.close()

    def drop(self) -> None:
        """Give back the memory too. `now` opens it again."""
        with self._guard:
            self.close()
            self._index, self._stamp, self._made_with = None, None, ""

    def _open(self) -> None:
        made_with = _fingerprint(self._directory.read_pointer())
        self._index = HybridIndex.open(self._path, config=self._config)
        self._made_with = made_with

    def _refresh(self) -> None:
        made_with = _fingerprint(self._directory.read_pointer())
        if made_with == self._made_with:
            return
        if not self._made_with and self._can_go_on():
            self._made_with = made_with
            return
        try:
            self._open()
        except IndexUnusableError as error:
            if not self._made_with:
                raise
            log.warning("%s The index as it was goes on answering.", error)

    def _can_go_on(self) -> bool:
        """Whether the index that was made meanwhile is one with the settings that were expected."""
        try:
            return self._index is not None and bool(self._index.searcher().generation)
        except IndexMismatchError:
            return False


def _fingerprint(pointer: Pointer | None) -> str:
    return pointer.fingerprint if pointer is not None else ""
