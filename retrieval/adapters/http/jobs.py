"""Syncs and rebuilds that run in the background, and the events that report their progress."""

import asyncio
import logging
import secrets
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict

from ingest import SyncReport
from ingest.parser_pool import Parsers
from ingest.rebuild import rebuild
from ingest.report import OnProgress, Progress
from ingest.sync import resync
from retrieval.adapters.http.problems import problem, problem_of
from retrieval.adapters.http.writes import Writes
from retrieval.adapters.redaction import redacted_report
from retrieval.errors import RetrievalError
from retrieval.types import SyncedFolder

log = logging.getLogger(__name__)

JobKind = Literal["sync", "rebuild"]
JobStatus = Literal["queued", "running", "done", "interrupted", "failed"]

_KEPT = 100
"""Jobs that are remembered, the latest."""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class _How(TypedDict):
    """The arguments that ingest's sync and rebuild share."""

    allow_deletions: bool
    pool: Parsers
    stop: threading.Event


class Event(NamedTuple):
    """What a watcher of a job is told: "progress", and in the end "done", "interrupted" or "failed"."""

    name: str
    data: dict[str, Any]


@dataclass(slots=True)
class Job:
    """A sync of one folder, or a rebuild of the index, of no folder. It changes on the event loop alone."""

    id: str
    kind: JobKind
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
    def what(self) -> str:
        """In words, for the log."""
        return f"sync of {self.folder!r}" if self.kind == "sync" else "rebuild"

    @property
    def is_over(self) -> bool:
        return self.finished is not None

    def as_dict(self) -> dict[str, Any]:
        names = ("id", "kind", "folder", "status", "created", "started", "finished", "progress", "report", "problem")
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
    """Runs them through the queue of writes. Belongs to the event loop."""

    def __init__(self, writes: Writes, *, pool: Parsers, on_report: Callable[[SyncReport], None]) -> None:
        self._writes = writes
        self._pool = pool
        self._on_report = on_report
        self._jobs: dict[str, Job] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._stop = threading.Event()

    def sync(self, name: str, folder: SyncedFolder, *, allow_deletions: bool) -> Job:
        """Begins the sync of a folder, with `allow_deletions` as in ingest.sync. Raises as Writes.submit."""
        job = Job(secrets.token_hex(16), "sync", name)
        begin = self._beginning(job)
        how: _How = {"allow_deletions": allow_deletions, "pool": self._pool, "stop": self._stop}
        change = self._writes.submit(lambda index: resync(name, folder, index, on_progress=begin(), **how))
        return self._begun(job, change)

    def rebuild(self, path: Path, config: Path | None, *, allow_deletions: bool) -> Job:
        """Begins to rebuild the index, with the settings of the configuration file as it is now. Raises as
        Writes.submit."""
        job = Job(secrets.token_hex(16), "rebuild", "")
        begin = self._beginning(job)
        how: _How = {"allow_deletions": allow_deletions, "pool": self._pool, "stop": self._stop}
        change = self._writes.submit_alone(lambda: rebuild(path, config=config, on_progress=begin(), **how))
        return self._begun(job, change)

    def _beginning(self, job: Job) -> Callable[[], OnProgress]:
        """To be called on the thread that does the job; gives what is to be told its progress."""
        loop = asyncio.get_running_loop()

        def tell(**changes: Any) -> None:
            loop.call_soon_threadsafe(lambda: job.tell(**changes))

        def begin() -> OnProgress:
            log.info("job %s, a %s, begins", job.id, job.what)
            tell(status="running", started=_now())
            return lambda progress: tell(progress=_progress(progress))

        return begin

    def _begun(self, job: Job, change: "Future[SyncReport]") -> Job:
        task = asyncio.create_task(self._finish(job, asyncio.wrap_future(change)))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        self._jobs = dict([*self._jobs.items(), (job.id, job)][-_KEPT:])
        return job

    def find(self, job: str) -> Job | None:
        return self._jobs.get(job)

    def unfinished(self, name: str) -> Job | None:
        """The sync of a folder that waits or runs; of "", the rebuild."""
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
                log.warning("job %s, a %s, failed: %s", job.id, job.what, error)
                failed = problem_of(error)
            else:
                log.exception("job %s, a %s, failed", job.id, job.what)
                failed = problem("internal", f"An error that nobody foresaw; the log has it under the job {job.id}.")
            job.tell(status="failed", finished=_now(), problem=failed)
        else:
            self._on_report(report)
            status = "interrupted" if report.interrupted else "done"
            log.info("job %s, a %s, is %s: %s", job.id, job.what, status, _counts(report))
            job.tell(status=status, finished=_now(), report=redacted_report(report).as_dict())


def _counts(report: SyncReport) -> str:
    counts = (
        f"{report.added} added", f"{report.updated} updated", f"{report.deleted} deleted",
        f"{report.unchanged} unchanged", f"{len(report.failed)} failed", f"{len(report.skipped)} skipped",
    )  # fmt: skip
    return ", ".join(counts)


def _progress(progress: Progress) -> dict[str, int]:
    values = progress._asdict()
    del values["in_hand"], values["nodes"]
    return values
