"""One index of a service: read on the service's threads, changed one change after the other."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ingest import SyncReport
from ingest.parser_pool import Parsers
from retrieval.adapters.http.feedback import Feedback
from retrieval.adapters.http.jobs import Job, Jobs
from retrieval.adapters.http.kept_by_filter import KeptByFilter
from retrieval.adapters.http.metrics import Metrics
from retrieval.adapters.http.opened import OpenedIndex
from retrieval.adapters.http.problems import Refusal
from retrieval.adapters.http.settings import ServeSettings
from retrieval.adapters.http.work_queue import WorkQueue
from retrieval.adapters.http.writes import Writes
from retrieval.errors import IndexLockedError
from retrieval.index import HybridIndex
from retrieval.inspection.facets import Facets, facets
from retrieval.searcher import Searcher
from retrieval.timing import hearing
from retrieval.types import SyncedFolder

T = TypeVar("T")


class ServedIndex:
    """Opened at the first request. Threads may share it.

    name       what clients call it
    jobs       its syncs and rebuilds
    feedback   what people say of its hits; None where that is not kept
    """

    def __init__(
        self,
        name: str,
        path: Path,
        settings: ServeSettings,
        *,
        folders: Mapping[str, Path],
        metrics: Metrics,
        work_queue: WorkQueue,
        pool: Parsers,
    ) -> None:
        """folders: those that may be synced, beside those that the index is, by the name of their sources."""
        self.name = name
        self.path = path
        self._settings = settings
        self._folders = folders
        self._metrics = metrics
        self._work_queue = work_queue
        self._opened = OpenedIndex(path, settings.config)
        self._writes = Writes(path, settings.config)
        self.feedback = Feedback(settings.feedback / name) if settings.feedback is not None else None
        self._granted: KeptByFilter[Searcher] = KeptByFilter()
        self._facets: KeptByFilter[Facets] = KeptByFilter()
        self._guard = threading.Lock()
        self._reading = 0
        self._used = 0.0
        self.jobs = Jobs(self._writes, pool=pool, on_report=self.written)

    # Searching

    def current(self) -> HybridIndex:
        """The index as it is now. Raises as OpenedIndex.now."""
        self._used = time.monotonic()
        return self._opened.now()

    def granted(self, where: Mapping[str, Any] | None) -> Searcher:
        """The newest generation; with `where`, less the documents that do not pass. Raises as `current`, and
        ConfigError for an index in Milvus, which cannot be had less some documents."""
        searcher = self.current().searcher()
        if where is None:
            return searcher
        return self._granted.get(where, searcher.generation, lambda: searcher.restricted(where))

    def facets(self, searcher: Searcher, where: Mapping[str, Any] | None) -> Facets:
        """Of a searcher that `granted` gave for this filter; kept until the next generation."""
        return self._facets.get(where, searcher.generation, lambda: facets(searcher.reader))

    async def read(self, work: Callable[[Searcher], T], where: Mapping[str, Any] | None) -> T:
        """What `work` makes of `granted`, on a thread. Raises as WorkQueue.run, and what `work` raises."""

        def heard() -> T:
            with self._guard:
                self._reading += 1
            try:
                with hearing(self._metrics.stage):
                    return work(self.granted(where))
            finally:
                with self._guard:
                    self._reading -= 1

        try:
            return await self._work_queue.run(heard)
        except IndexLockedError:  # only before the first commit
            detail = "The index is being made; ask again when its first documents are in it."
            raise Refusal("index-unusable", detail, headers={"Retry-After": "2"}) from None

    def searcher(self) -> Searcher | None:
        """What searches read now; None while the first generation is being made."""
        try:
            return self._opened.now().searcher()
        except IndexLockedError:
            return None

    # Changing

    async def write(self, change: Callable[[HybridIndex], T]) -> T:
        """As Writes.run."""
        return await self._writes.run(change, seconds=self._settings.seconds)

    def rebuild(self, *, allow_deletions: bool) -> Job:
        """As Jobs.rebuild."""
        return self.jobs.rebuild(self.path, self._settings.config, allow_deletions=allow_deletions)

    def written(self, report: SyncReport) -> None:
        """Count what a change did."""
        self._metrics.written(report)

    def folders(self, searcher: Searcher) -> dict[str, SyncedFolder]:
        """The folders that may be synced: those that the index is, as they were last, and those that were named."""
        synced = dict(searcher.folders())
        for name, path in self._folders.items():
            if name not in synced or synced[name].path != str(path):
                synced[name] = SyncedFolder(str(path), searcher.config.include, searcher.config.exclude)
        return synced

    def folders_with_files(self) -> dict[str, Path]:
        """The folders whose files may be opened: those that were named for it, and that it was last synced with."""
        synced = self.current().searcher().folders()
        return {name: path for name, path in self._folders.items() if name in synced and synced[name].path == str(path)}

    # Its end

    @property
    def is_open(self) -> bool:
        """Whether it takes memory."""
        return self._opened.is_open

    @property
    def used(self) -> float:
        """When it was last asked, by time.monotonic()."""
        return self._used

    def close_if_idle(self) -> bool:
        """Give back its memory, unless it is being asked or changed; the next request opens it again."""
        with self._guard:
            if self._reading or self._writes.is_busy:
                return False
            self._granted, self._facets = KeptByFilter(), KeptByFilter()
            self._opened.drop()
            return True

    def stop(self) -> None:
        """Begins to end: syncs finish what is in hand, changes in line are given up. Returns at once."""
        self.jobs.stop()
        self._writes.stop()

    def close(self) -> None:
        """Waits for what is being written."""
        self._writes.close()
        self._opened.close()
