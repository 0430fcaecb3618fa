"""The index as searches see it."""

import logging
import threading
from pathlib import Path

from retrieval.errors import IndexUnusableError
from retrieval.index import HybridIndex
from retrieval.storage.directory import IndexDirectory, Pointer

log = logging.getLogger(__name__)


class Reader:
    """An open index that is never written to here. What is published, by whichever process, is seen at once.

    So is an index that was rebuilt with other settings: it is opened again, while running searches finish on the old
    one. Where that fails, the old one goes on answering. Threads may share it.
    """

    def __init__(self, path: Path, config: Path | None) -> None:
        """Raises as HybridIndex.open; an index that does not exist yet is empty."""
        self._path = path
        self._config = config
        self._directory = IndexDirectory(path)
        self._guard = threading.Lock()
        self._stamp = self._directory.pointer_stamp()
        self._made_with = _fingerprint(self._directory.read_pointer())
        self._index = HybridIndex.open(path, config=config)

    def index(self) -> HybridIndex:
        """The index as it is now. Raises as HybridIndex.open, but never for what can still be answered."""
        with self._guard:
            stamp = self._directory.pointer_stamp()
            if stamp != self._stamp:
                self._take_up()
                self._stamp = stamp
            return self._index

    def close(self) -> None:
        self._index.close()

    def _take_up(self) -> None:
        made_with = _fingerprint(self._directory.read_pointer())
        if made_with == self._made_with:
            return
        try:
            self._index = HybridIndex.open(self._path, config=self._config)
        except IndexUnusableError as error:
            if not self._made_with:
                raise
            log.warning("%s The index as it was goes on answering.", error)
            return
        self._made_with = made_with


def _fingerprint(pointer: Pointer | None) -> str:
    return pointer.fingerprint if pointer is not None else ""
