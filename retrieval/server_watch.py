"""Asks a Chroma server whether its chunks have changed, so that no search has to wait for the answer."""

import logging
import math
import threading
import time
from collections.abc import Callable

from retrieval.chroma.store import Store
from retrieval.errors import IndexLockedError, IndexUnusableError

log = logging.getLogger(__name__)

_TIME_TO_LIVE = 1.0
"""Seconds that an answer holds."""

_SILENCE = 30.0
"""Seconds until a server that did not answer is asked again."""


class ServerWatch:
    """Threads may share it; one of them asks at a time.

    open_store   connects to the server
    generation   the one that searches read now
    recover      makes one of what the server holds
    """

    def __init__(
        self, open_store: Callable[[], Store], *, generation: Callable[[], str], recover: Callable[[], None]
    ) -> None:
        self._open_store = open_store
        self._generation = generation
        self._recover = recover
        self._store: Store | None = None
        self._ask_after = math.inf
        self._asking = threading.Lock()
        self._thread: threading.Thread | None = None

    def ask(self) -> None:
        """Ask in the background, unless an answer is fresh or awaited, or `check` was never called. Returns at once."""
        if time.monotonic() < self._ask_after or self._asking.locked():
            return
        self._ask_after = time.monotonic() + _TIME_TO_LIVE
        self._thread = threading.Thread(target=self._check_quietly, name="server-watch", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Ask, wait for the answer, and recover where the server has changed.

        A server that does not answer stops nothing where there is a generation: a warning is logged. Raises
        IndexUnusableError where there is none.
        """
        with self._asking:
            wait = _TIME_TO_LIVE
            try:
                if self._is_behind():
                    self._recover()
            except IndexLockedError:
                if not self._generation():
                    raise
            except (IndexUnusableError, OSError) as error:  # OSError: of the lock, on a read-only medium
                self._disconnect()
                if not self._generation():
                    raise
                log.warning("%s The last generation answers.", error)
                wait = _SILENCE
            self._ask_after = time.monotonic() + wait

    def close(self) -> None:
        """Wait for an answer that is awaited, and disconnect; `ask` and `check` connect again."""
        with self._asking:
            self._disconnect()

    def _check_quietly(self) -> None:
        try:
            self.check()
        except Exception:  # a reader without a generation is told when it opens one
            log.debug("asking the Chroma server failed", exc_info=True)

    def _is_behind(self) -> bool:
        if self._store is None:
            self._store = self._open_store()
        state = self._store.state()
        if state.is_settled:
            return state.generation != self._generation()
        return not self._generation() and bool(state.fingerprint)  # what a writer left is taken over by the next

    def _disconnect(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
