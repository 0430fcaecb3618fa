"""Syncs that run in the background, and the events that report their progress."""

import asyncio
import logging
import secrets
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from ingest import SyncReport
from ingest.parser_pool import Parsers
from ingest.report import Progress
from ingest.sync import resync
from retrieval.adapters.http.problems import problem, problem_of
from retrieval.adapters.http.writes import Writes
from retrieval.adapters.redaction import redacted_report
from retrieval.errors import RetrievalError
from retrieval.index import HybridIndex
from retrieval.types import SyncedFolder

log = logging.getLogger(__name__)

JobStatus = Literal["queued", "running", "done", "interrupted", "failed"]

_KEPT = 100
"""Jobs that are remembered, the latest."""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Event(NamedTuple):
    """What a watcher of a job is told: "progress", and in the end "done", "interrupted" or "failed"."""

    name: str
    data: dict[str, Any]


@dataclass(slots=True)
class Job:
    """A sync of one folder. It changes on the event loop alone."""

    id: str
    folder: str
    status: JobStatus = "queued"
    created: str = field(default_factory=_now)
    started: str | None = None
    finished: str | None = None
    progress: dict[str, int] | None = None
    report: dict[str, Any] | None = None
    problem: dict[str, Any] | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_over(self) -> bool:
        return self.finished is not None

    def as_dict(self) -> dict[str, Any]:
        names = ("id", "folder", "status", "created", "started", "finished", "progress", "report", "problem")
        return {name: getattr(self, name) for name in names}

    async def events(self) -> AsyncIterator[Event]:
        """The latest progress whenever there is some, then the end."""
        told: dict[str, int] | None = None
        while True:
            changed = self.changed
            if self.progress is not None and self.progress != told:
                told = self.progress
                yield Event("progress", dict(told))
            if self.is_over:
                break
            if changed is self.changed:
                await changed.wait()
        if self.problem is not None:
            yield Event("failed", self.problem)
        elif self.report is not None:
            yield Event(self.status, self.report)

    def tell(self, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(self, name, value)
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


class Jobs:
    """Runs syncs through the queue of writes. Belongs to the event loop."""

    def __init__(self, writes: Writes, *, pool: Parsers, on_report: Callable[[SyncReport], None]) -> None:
        self._writes = writes
        self._pool = pool
        self._on_report = on_report
        self._jobs: dict[str, Job] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._stop = threading.Event()

    def start(self, name: str, folder: SyncedFolder, *, allow_deletions: bool) -> Job:
        """Begins the sync of a folder, with `allow_deletions` as in `sync`. Raises as Writes.submit."""
        job = Job(id=secrets.token_hex(16), folder=name)
        loop = asyncio.get_running_loop()

        def tell(**changes: Any) -> None:
            loop.call_soon_threadsafe(lambda: job.tell(**changes))

        def change(index: HybridIndex) -> SyncReport:
            log.info("job %s, a sync of %r, begins", job.id, name)
            tell(status="running", started=_now())
            return resync(
                name,
                folder,
                index,
                allow_deletions=allow_deletions,
                pool=self._pool,
                stop=self._stop,
                on_progress=lambda progress: tell(progress=_progress(progress)),
            )

        future = asyncio.wrap_future(self._writes.submit(change))
        task = asyncio.create_task(self._finish(job, future))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        self._jobs = dict([*self._jobs.items(), (job.id, job)][-_KEPT:])
        return job

    def find(self, job: str) -> Job | None:
        return self._jobs.get(job)

    def unfinished(self, name: str) -> Job | None:
        """The sync of a folder that waits or runs."""
        return next((job for job in self._jobs.values() if job.folder == name and not job.is_over), None)

    def latest(self) -> list[Job]:
        """The newest first."""
        return list(reversed(self._jobs.values()))

    def stop(self) -> None:
        """Running syncs finish what is in hand; it stays indexed."""
        self._stop.set()

    async def close(self) -> None:
        """Waits for the ends of all."""
        self.stop()
        if self._running:
            await asyncio.wait(self._running)

    async def _finish(self, job: Job, future: "asyncio.Future[SyncReport]") -> None:
        try:
            report = await future
        except (CancelledError, asyncio.CancelledError):
            stopping = problem("busy", "The service was stopped before this began; sync again.")
            job.tell(status="failed", finished=_now(), problem=stopping)
        except Exception as error:  # whatever it is, the job ends, and says so
            if isinstance(error, RetrievalError):
                log.warning("job %s, a sync of %r, failed: %s", job.id, job.folder, error)
                failed = problem_of(error)
            else:
                log.exception("job %s, a sync of %r, failed", job.id, job.folder)
                failed = problem("internal", f"An error that nobody foresaw; the log has it under the job {job.id}.")
            job.tell(status="failed", finished=_now(), problem=failed)
        else:
            self._on_report(report)
            status = "interrupted" if report.interrupted else "done"
            log.info("job %s, a sync of %r, is %s: %s", job.id, job.folder, status, _counts(report))
            job.tell(status=status, finished=_now(), report=redacted_report(report).as_dict())


def _counts(report: SyncReport) -> str:
    counts = (
        f"{report.added} added", f"{report.updated} updated", f"{report.deleted} deleted",
        f"{report.unchanged} unchanged", f"{len(report.failed)} failed", f"{len(report.skipped)} skipped",
    )  # fmt: skip
    return ", ".join(counts)


def _progress(progress: Progress) -> dict[str, int]:
    values = progress._asdict()
    del values["in_hand"]
    return values
