"""Parses files in worker processes, ahead of the caller that wants their chunks."""

import logging
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from ingest.child_process import kill_group, manner_of_death, start
from ingest.parser_worker import ParserSettings, memory_reason
from ingest.parsing import Parsed, Unparsed
from ingest.scan import ScannedFile
from retrieval.errors import RetrievalError

log = logging.getLogger(__name__)

_AHEAD = 4
"""Files in hand for each worker: enough that one slow file does not stop the others, few enough to bound memory."""

_ONE_THREAD = {"TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
"""The workers are the parallelism; on a machine of many cores, threads' reserves would pass for a file's memory."""

_STOP_SECONDS = 0.2
"""How often to look whether to stop."""

_PATIENCE = 3.0
"""Seconds that a caller has waited for files, all together, when another process starts; starting takes it a second."""


Outcomes = Iterator[tuple[ScannedFile, Parsed | Unparsed]]


class Parsers(Protocol):
    """What parses files for a sync; ParserPool does it in processes of its own."""

    def parse(
        self,
        files: Iterable[ScannedFile],
        settings: ParserSettings,
        *,
        keeps_content: bool = False,
        stop: threading.Event | None = None,
    ) -> AbstractContextManager[Outcomes]:
        """Each file with what became of it, in order; none once `stop` is set. Leaving the block gives up the rest.

        keeps_content   whether Parsed.content is wanted, of files that nobody can read again
        """


class _Given(NamedTuple):
    file: ScannedFile
    settings: ParserSettings
    keeps_content: bool
    outcome: Future[Parsed | Unparsed]


class ParserPool:
    """Up to so many worker processes: the first starts with the first file, each other when the caller has waited for
    files for a while. A context manager; leaving it ends them. Between two syncs they wait for the next, which then
    need not start any, but for no more than `idle_seconds`, since each holds well over a hundred megabytes.

    A file that takes too long, needs too much memory or crashes its parser costs its worker and itself alone. A worker
    whose settings are not those of the next file, or that has died since the last, is replaced. The first file raises
    ConfigError where the settings leave no room for text.
    """

    def __init__(self, *, workers: int, idle_seconds: float = 300.0) -> None:
        self._most = workers
        self._idle_seconds = idle_seconds
        self._given: SimpleQueue[_Given | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._workers: list[_Worker] = []
        self._waited = 0.0
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes, whatever they do."""
        self._closed = True
        for _ in self._threads:
            self._given.put(None)
        for worker in list(self._workers):  # their threads take those away that die
            worker.kill()
        for thread in self._threads:
            thread.join()
        for worker in self._workers:
            worker.end()

    @contextmanager
    def parse(
        self,
        files: Iterable[ScannedFile],
        settings: ParserSettings,
        *,
        keeps_content: bool = False,
        stop: threading.Event | None = None,
    ) -> Iterator[Outcomes]:
        """As in Parsers. The first files are given to the workers now, the others as these are taken, so that some are
        always parsed ahead. Raises RuntimeError where the pool is closed."""
        if self._closed:
            raise RuntimeError("This ParserPool is closed; make another.")
        self._waited = 0.0
        others = (_Given(file, settings, keeps_content, Future()) for file in files)
        waiting = deque(map(self._give, islice(others, _AHEAD * self._most)))
        try:
            yield self._outcomes(waiting, others, stop)
        finally:
            for given in waiting:
                given.outcome.cancel()

    def _outcomes(self, waiting: deque[_Given], others: Iterator[_Given], stop: threading.Event | None) -> Outcomes:
        while waiting and self._is_done(waiting[0].outcome, stop):
            given = waiting.popleft()
            waiting.extend(map(self._give, islice(others, 1)))
            yield given.file, given.outcome.result()

    def _give(self, given: _Given) -> _Given:
        self._given.put(given)
        if not self._threads:
            self._start_thread()
        return given

    def _is_done(self, outcome: Future[Parsed | Unparsed], stop: threading.Event | None) -> bool:
        """Waits for the outcome, or for `stop`; where that takes long, another worker helps."""
        while stop is None or not stop.is_set():
            started = time.monotonic()
            is_done = bool(wait([outcome], timeout=_STOP_SECONDS).done)
            self._waited += time.monotonic() - started
            if self._waited > _PATIENCE and len(self._threads) < self._most:
                self._start_thread()
            if is_done:
                return True
        return False

    def _start_thread(self) -> None:
        self._waited = 0.0
        self._threads.append(threading.Thread(target=self._work, name="parsing", daemon=True))
        self._threads[-1].start()

    def _work(self) -> None:
        """Give files to a worker of this thread's own, and to another when that is spent."""
        worker: _Worker | None = None
        while True:
            try:
                given = self._given.get(timeout=self._idle_seconds if worker is not None else None)
            except Empty:
                self._end_worker(worker)
                worker = None
                continue
            if given is None or self._closed:
                return
            if not given.outcome.set_running_or_notify_cancel():
                continue
            try:
                if worker is None or not worker.can_parse_with(given.settings):
                    self._end_worker(worker)
                    worker = self._start_worker(given.settings)
                parsed = worker.parse(given.file, keeps_content=given.keeps_content)
                if worker.is_spent:
                    self._workers.remove(worker)
                given.outcome.set_result(parsed)
            except BaseException as error:  # it is the caller's, who waits for the outcome
                given.outcome.set_exception(error)

    def _end_worker(self, worker: "_Worker | None") -> None:
        if worker in self._workers:
            self._workers.remove(worker)
            worker.end()

    def _start_worker(self, settings: ParserSettings) -> "_Worker":
        worker = _Worker(settings)
        self._workers.append(worker)
        if self._closed:  # since this file was taken up: nobody waits for it
            worker.kill()
        worker.begin()
        return worker


class _Worker:
    """A process with its end of a pipe. `is_spent` when it has died, or has grown too large to go on."""

    def __init__(self, settings: ParserSettings) -> None:
        self.is_spent = False
        self._settings = settings
        # For the files of commands that are ended before they can remove them.
        self._scratch = TemporaryDirectory(prefix="ingest-", ignore_cleanup_errors=True)
        self._process, self._connection = start(
            "ingest.parser_worker",
            environment={**_ONE_THREAD, "TMPDIR": self._scratch.name},
            shows_errors=log.isEnabledFor(logging.DEBUG),
        )

    def begin(self) -> None:
        """Wait until it can parse. Raises ConfigError where the settings leave no room for text, RetrievalError where
        nothing starts."""
        error: RetrievalError | None
        try:
            self._connection.send(self._settings)
            error = self._connection.recv()
        except (EOFError, OSError):
            command = f"{sys.executable} -c 'import ingest.parser_worker'"
            error = RetrievalError(f"The process that parses files does not start; see why with: {command}")
        if error is not None:
            self.is_spent = True
            self.kill()
            self.end()
            raise error

    def can_parse_with(self, settings: ParserSettings) -> bool:
        """Whether it lives, has not grown too large, and was started with these settings."""
        return not self.is_spent and self._process.poll() is None and self._settings == settings

    def parse(self, file: ScannedFile, *, keeps_content: bool) -> Parsed | Unparsed:
        try:
            self._connection.send((file, keeps_content))
            outcome: Parsed | Unparsed
            outcome, self.is_spent = self._connection.recv()
            if self.is_spent:
                self.end()
            return outcome
        except (EOFError, OSError):
            self.is_spent = True
            return Unparsed(self._reason_of_death(file))

    def kill(self) -> None:
        """Whatever it is doing, with what it started; the thread that waits for it then finds it dead. Nothing
        once it has ended: its id may be another's by then."""
        if self._process.returncode is None:
            kill_group(self._process)

    def end(self) -> int:
        """Its exit code, once it has one: it ends by itself when nobody listens."""
        self._connection.close()
        code = self._process.wait()
        self._scratch.cleanup()
        return code

    def _reason_of_death(self, file: ScannedFile) -> str:
        code = self.end()
        kill_group(self._process)  # what it started, should that be running still: then the id is still this group's
        self._scratch.cleanup()
        if code == -signal.SIGALRM:
            seconds = self._settings.seconds_for(file.size)
            return f"parsing it took more than {seconds:g} s: raise parse_seconds, or split it"
        if code in (-signal.SIGABRT, -signal.SIGKILL):  # how native code fails to get memory, and the kernel's way
            return memory_reason(self._settings)
        return f"its parser died {manner_of_death(code)}; convert the file, or ignore it in .retrievalignore"
