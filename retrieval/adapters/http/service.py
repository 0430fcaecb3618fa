"""What the routes work with: one index to read, one queue of changes, and the rules about folders."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from ingest.parser_pool import ParserPool, Parsers
from retrieval.adapters.http.jobs import Jobs
from retrieval.adapters.http.metrics import Metrics
from retrieval.adapters.http.opened import OpenedIndex
from retrieval.adapters.http.problems import Refusal
from retrieval.adapters.http.settings import ServeSettings
from retrieval.adapters.http.work_queue import WorkQueue
from retrieval.adapters.http.writes import Writes
from retrieval.errors import IndexLockedError, RetrievalError
from retrieval.index import HybridIndex
from retrieval.searcher import Searcher
from retrieval.timing import hearing
from retrieval.types import SyncedFolder

log = logging.getLogger(__name__)

T = TypeVar("T")

_UPLOADS = 8
"""At the same time."""

_LEAST_GRACE = 0.5
"""Seconds to close the index, where requests have used up the grace."""


class Service:
    """The parts of a running service. Made at the start, closed at the end.

    pool   parses uploads and folders for as long as the service runs; its processes start with the first file
    """

    def __init__(self, settings: ServeSettings, *, pool: Parsers | None = None) -> None:
        """`pool`: one that the caller closes. Raises as HybridIndex.open."""
        self.settings = settings
        self.is_ready = False
        self.is_given_up = False
        self._stopped_at: float | None = None
        self._warming: Future[None] | None = None
        self.metrics = Metrics()
        self._index = OpenedIndex(settings.index, settings.config)
        self._own_pool = ParserPool(workers=self._index.now().config.parse_workers)
        self.pool: Parsers = pool or self._own_pool
        self.work_queue = WorkQueue(
            threads=settings.threads,
            waiting=settings.waiting,
            seconds=settings.seconds,
            on_wait=lambda seconds: self.metrics.stage("queue", seconds),
        )
        self.writes = Writes(settings.index, settings.config)
        self._uploads = threading.BoundedSemaphore(_UPLOADS)
        self._upkeep = ThreadPoolExecutor(1, "upkeep")
        self.jobs = Jobs(self.writes, pool=self.pool, on_report=self.metrics.written)

    def current(self) -> HybridIndex:
        """The index as it is now. Raises as OpenedIndex.now."""
        return self._index.now()

    async def read(self, work: Callable[[Searcher], T]) -> T:
        """What `work` makes of the newest generation, on a thread. Raises as WorkQueue.run, and what `work` raises."""

        def heard() -> T:
            with hearing(self.metrics.stage):
                return work(self._index.now().searcher())

        try:
            return await self.work_queue.run(heard)
        except IndexLockedError:  # only before the first commit
            detail = "The index is being made; ask again when its first documents are in it."
            raise Refusal("index-unusable", detail, headers={"Retry-After": "2"}) from None

    async def write(self, change: Callable[[HybridIndex], T]) -> T:
        """As Writes.run."""
        return await self.writes.run(change, seconds=self.settings.seconds)

    @contextmanager
    def uploading(self) -> Iterator[None]:
        """Holds one of the few places for uploads, whose files lie on this machine until they are indexed. Raises
        Refusal where none is free."""
        if not self._uploads.acquire(blocking=False):
            detail = f"{_UPLOADS} uploads are on their way; try again when one is done."
            raise Refusal("busy", detail, headers={"Retry-After": "5"})
        try:
            yield
        finally:
            self._uploads.release()

    def searcher(self) -> Searcher | None:
        """What searches read now; None while the first generation is being made."""
        try:
            return self._index.now().searcher()
        except IndexLockedError:
            return None

    def warm_up(self) -> None:
        """Loads the model, so that the first question does not wait for it; until then, the service is not ready. Says
        before that how a new index is filled.

        What fails is logged, and can be tried again.
        """
        try:
            searcher = self.searcher()
            if searcher is None or not searcher.generation:
                log.warning(
                    "There is no index at %s yet, and nothing is found. `ingest sync FOLDER --index %s` makes it, "
                    "and so do POST /documents and POST /sync.",
                    self.settings.index,
                    self.settings.index,
                )
            self._index.now().embedder.embed_queries(["ready"])
            self.is_ready = self._stopped_at is None
        except RetrievalError as error:
            log.error("%s", error)
        except Exception:  # whatever it is, the service goes on, and says that it is not ready
            log.exception("the model could not be loaded")

    def folders(self, searcher: Searcher) -> dict[str, SyncedFolder]:
        """The folders that may be synced: those that the index is, as they were last, and those that were named."""
        synced = dict(searcher.folders())
        for name, path in self.settings.folders.items():
            if name not in synced or synced[name].path != str(path):
                synced[name] = SyncedFolder(str(path), searcher.config.include, searcher.config.exclude)
        return synced

    def begin(self) -> None:
        """Warms up on a thread; again where that failed."""
        if self._stopped_at is None and (self._warming is None or self._warming.done()):
            self._warming = self._upkeep.submit(self.warm_up)

    def stop(self) -> None:
        """Begins to end: running syncs finish what is in hand, changes in line are given up. Returns at once."""
        self.is_ready = False
        self._stopped_at = self._stopped_at or time.monotonic()
        self.jobs.stop()
        self.writes.stop()

    async def end(self) -> None:
        """Waits for what runs, then closes the index; what takes longer than the grace is given up."""
        self.stop()
        assert self._stopped_at is not None
        closing = asyncio.wrap_future(self._upkeep.submit(self._close))
        self._upkeep.shutdown(wait=False)
        left = self._stopped_at + self.settings.grace - time.monotonic()
        await asyncio.wait([closing, asyncio.ensure_future(self.jobs.close())], timeout=max(left, _LEAST_GRACE))
        if closing.done():
            closing.result()
            return
        self.is_given_up = True
        log.warning(
            "Given up after %g s: what was being loaded, searched or written. The next sync recovers it.",
            self.settings.grace,
        )

    def _close(self) -> None:
        self.writes.close()
        self._own_pool.close()
        self.work_queue.close()
        self._index.close()
