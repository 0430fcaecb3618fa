"""Changes to the index, one after the other."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from retrieval.adapters.http.opened import OpenedIndex
from retrieval.adapters.http.problems import Refusal
from retrieval.index import HybridIndex

T = TypeVar("T")

_WAITING = 100
"""Changes that may be in line."""


class Writes:
    """A thread that writes, and a queue of what it is to write.

    After each change the index is closed: between two, other processes may write. Searches have an index of their
    own, and never wait for this one.
    """

    def __init__(self, path: Path, config: Path | None) -> None:
        self._index = OpenedIndex(path, config)
        self._thread = ThreadPoolExecutor(1, "write")
        self._guard = threading.Lock()
        self._places = threading.BoundedSemaphore(_WAITING)
        self._is_closing = False
        self._in_line = 0

    @property
    def is_busy(self) -> bool:
        """Whether anything is being written, or in line."""
        return self._in_line > 0

    def submit(self, change: Callable[[HybridIndex], T]) -> "Future[T]":
        """Raises Refusal where the queue is full, or nothing more is to be written. The future raises what `change`
        and opening do."""

        def written() -> T:
            try:
                return change(self._index.now())
            finally:
                self._index.close()

        return self.submit_alone(written)

    def submit_alone(self, change: Callable[[], T]) -> "Future[T]":
        """As `submit`, of what opens the index itself."""
        if self._is_closing:
            raise Refusal("busy", "The service is stopping; nothing more is written.", headers={"Retry-After": "10"})
        if not self._places.acquire(blocking=False):
            raise Refusal("busy", f"{_WAITING} changes are waiting; try again later.", headers={"Retry-After": "30"})

        def over(_: "Future[T]") -> None:
            self._places.release()
            with self._guard:
                self._in_line -= 1

        with self._guard:
            self._in_line += 1
        future = self._thread.submit(change)
        future.add_done_callback(over)
        return future

    async def run(self, change: Callable[[HybridIndex], T], *, seconds: float) -> T:
        """What the change returns, once it is written. Raises Refusal where its turn does not come in time; once begun
        it is waited for."""
        future = self.submit(change)
        done = asyncio.wrap_future(future)
        finished, _ = await asyncio.wait([done], timeout=seconds)
        if not finished and future.cancel():
            detail = "Another change, perhaps a sync, is being written; nothing was changed. Try again when GET /jobs "
            raise Refusal("busy", f"{detail}shows none running.", headers={"Retry-After": "30"})
        try:
            return await done
        except (CancelledError, asyncio.CancelledError):
            if not future.cancelled():
                raise  # it is the request that was cancelled
            raise Refusal("busy", "The service is stopping; nothing was changed.") from None

    def stop(self) -> None:
        """Takes no more, and forgets what waits. Returns at once."""
        self._is_closing = True
        self._thread.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Waits for what is being written."""
        self.stop()
        self._thread.shutdown()
