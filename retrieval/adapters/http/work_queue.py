"""A bounded queue of blocking work in front of a thread pool; a full queue refuses at once."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from retrieval.adapters.http.problems import Refusal
from retrieval.time_limit import time_limit

T = TypeVar("T")


class WorkQueue:
    """Threads for searches, with a bounded queue in front of them.

    threads, waiting   how many searches run, and how many may wait
    seconds            the time limit of a search, its wait included. One that takes longer ends soon after, and keeps
                       its place until then, so that the load stays bounded.
    on_wait            called with the seconds that each search waited
    """

    def __init__(self, *, threads: int, waiting: int, seconds: float, on_wait: Callable[[float], None]) -> None:
        self._threads = ThreadPoolExecutor(threads, "search")
        self._places = threading.BoundedSemaphore(threads + waiting)
        self._seconds = seconds
        self._on_wait = on_wait

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns. Raises as `work`, and Refusal if the queue is full or the time is over."""
        return await self._in_time(self._submit(work))

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Occupy the place of one `work` during a block that runs on a thread of its own. Raises as `run`, before the
        block."""
        begun: Future[None] = Future()
        is_over = threading.Event()

        def held() -> None:
            if begun.set_running_or_notify_cancel():
                begun.set_result(None)
                is_over.wait()

        occupied = self._submit(held)
        try:
            await self._in_time(begun)
            yield
        finally:
            is_over.set()
            if begun.done() and not begun.cancelled():
                # Whoever asks again after the answer finds the place free.
                await asyncio.wrap_future(occupied)

    def _submit(self, work: Callable[[], T]) -> "Future[T]":
        if not self._places.acquire(blocking=False):
            raise Refusal("busy", "All places are taken; try again in a second.", headers={"Retry-After": "1"})
        asked = time.monotonic()

        def timed() -> T:
            waited = time.monotonic() - asked
            self._on_wait(waited)
            with time_limit(self._seconds - waited):
                return work()

        future = self._threads.submit(timed)
        future.add_done_callback(lambda _: self._places.release())
        return future

    async def _in_time(self, future: "Future[T]") -> T:
        try:
            async with asyncio.timeout(self._seconds) as limit:
                return await asyncio.wrap_future(future)
        except TimeoutError:
            if not limit.expired():
                raise
            raise Refusal(
                "timeout",
                f"No answer within {self._seconds:g} s; try again later, or ask for less.",
                headers={"Retry-After": "5"},
            ) from None

    def close(self) -> None:
        """Wait for the running work; drop what still waits."""
        self._threads.shutdown(cancel_futures=True)
