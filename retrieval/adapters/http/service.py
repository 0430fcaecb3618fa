"""What the routes work with: the indexes, the threads that search them, and the rules about uploads."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from ingest.parser_pool import ParserPool, Parsers
from retrieval.adapters.http.indexes import Indexes
from retrieval.adapters.http.metrics import Metrics
from retrieval.adapters.http.problems import Refusal
from retrieval.adapters.http.served_index import ServedIndex
from retrieval.adapters.http.settings import ServeSettings
from retrieval.adapters.http.work_queue import WorkQueue
from retrieval.errors import RetrievalError
from retrieval.index import settings_for

log = logging.getLogger(__name__)

_UPLOADS = 8
"""At the same time."""

_LEAST_GRACE = 0.5
"""Seconds to close the indexes, where requests have used up the grace."""

_IDLE_CHECK = 30.0
"""Seconds between two looks for idle indexes."""


class Service:
    """The parts of a running service. Made at the start, closed at the end.

    indexes   what is searched
    pool      parses uploads and folders for as long as the service runs; its processes start with the first file
    """

    def __init__(self, settings: ServeSettings, *, pool: Parsers | None = None) -> None:
        """`pool`: one that the caller closes. Raises as HybridIndex.open for the only index."""
        self.settings = settings
        self.is_ready = False
        self.is_given_up = False
        self._stopped_at: float | None = None
        self._warming: Future[None] | None = None
        self._tidying: asyncio.Task[None] | None = None
        self.metrics = Metrics()
        self.work_queue = WorkQueue(
            threads=settings.threads,
            waiting=settings.waiting,
            seconds=settings.seconds,
            on_wait=lambda seconds: self.metrics.stage("queue", seconds),
        )
        self._uploads = threading.BoundedSemaphore(_UPLOADS)
        self._upkeep = ThreadPoolExecutor(1, "upkeep")
        self._own_pool = ParserPool(workers=settings_for(settings.config, {}, None).parse_workers)
        self.pool: Parsers = pool or self._own_pool
        self.indexes = Indexes(settings, self._serve)
        if self.indexes.only() is not None:
            self.indexes.get().current()

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

    def warm_up(self) -> None:
        """Loads the model, so that the first question does not wait for it; until then, the service is not ready. Says
        before that how a new index is filled.

        What fails is logged, and can be tried again.
        """
        names = self.indexes.names()
        try:
            if names:
                served = self.indexes.get(names[0])
                searcher = served.searcher()
                if self.indexes.only() is not None and (searcher is None or not searcher.generation):
                    log.warning(
                        "There is no index at %s yet, and nothing is found. `ingest sync FOLDER --index %s` makes it, "
                        "and so do POST /documents and POST /sync.",
                        served.path,
                        served.path,
                    )
                served.current().embedder.embed_queries(["ready"])
            self.is_ready = self._stopped_at is None
        except RetrievalError as error:
            log.error("%s", error)
        except Exception:  # whatever it is, the service goes on, and says that it is not ready
            log.exception("the model could not be loaded")

    def begin(self) -> None:
        """Warms up on a thread; again where that failed. Closes idle indexes from now on."""
        if self._stopped_at is None and (self._warming is None or self._warming.done()):
            self._warming = self._upkeep.submit(self.warm_up)
        if self._tidying is None and self.indexes.only() is None:
            self._tidying = asyncio.create_task(self._tidy())

    def stop(self) -> None:
        """Begins to end: running syncs finish what is in hand, changes in line are given up. Returns at once."""
        self.is_ready = False
        self._stopped_at = self._stopped_at or time.monotonic()
        for served in self.indexes.all():
            served.stop()

    async def end(self) -> None:
        """Waits for what runs, then closes the indexes; what takes longer than the grace is given up."""
        self.stop()
        assert self._stopped_at is not None
        if self._tidying is not None:
            self._tidying.cancel()
        closing = asyncio.wrap_future(self._upkeep.submit(self._close))
        self._upkeep.shutdown(wait=False)
        left = self._stopped_at + self.settings.grace - time.monotonic()
        jobs = [asyncio.ensure_future(served.jobs.close()) for served in self.indexes.all()]
        await asyncio.wait([closing, *jobs], timeout=max(left, _LEAST_GRACE))
        if closing.done():
            closing.result()
            return
        self.is_given_up = True
        log.warning(
            "Given up after %g s: what was being loaded, searched or written. The next sync recovers it.",
            self.settings.grace,
        )

    def _serve(self, name: str, path: Path) -> ServedIndex:
        return ServedIndex(
            name,
            path,
            self.settings,
            folders=self.settings.folders.get(name, {}),
            metrics=self.metrics,
            work_queue=self.work_queue,
            pool=self.pool,
        )

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(min(_IDLE_CHECK, self.settings.idle))
            await asyncio.to_thread(self.indexes.close_idle, time.monotonic())

    def _close(self) -> None:
        served = self.indexes.all()
        for each in served:
            each.stop()
        for each in served:
            each.close()
        self._own_pool.close()
        self.work_queue.close()
