"""Parses files in worker processes, ahead of whoever wants their chunks."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from multiprocessing.connection import Pipe
from types import TracebackType
from typing import Self

from ingest.parser_worker import ParserSettings, memory_reason
from ingest.parsing import Parsed, Unparsed
from ingest.scan import ScannedFile
from retrieval.errors import ConfigError, RetrievalError

log = logging.getLogger(__name__)

_AHEAD = 4
"""Files in hand for each worker: enough that one slow file does not stop the others, few enough to bound memory."""

_ONE_THREAD = {"TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
"""The workers are the parallelism; on a machine of many cores, threads' reserves would pass for a file's memory."""

_STOP_SECONDS = 0.2
"""How often it is looked whether to stop."""

_PROGRAM = "import sys; sys.path[:] = {path!r}; from ingest.parser_worker import serve; serve({descriptor})"
"""Not multiprocessing's way of starting processes, which would run the caller's main script again."""


class ParserPool:
    """Some worker processes, started when first needed. A context manager; leaving it ends them.

    A file that takes too long, needs too much memory or crashes its parser costs its worker and itself alone. The first
    file raises ConfigError where the settings leave no room for text.
    """

    def __init__(self, settings: ParserSettings, *, workers: int) -> None:
        self._settings = settings
        self._ahead = _AHEAD * workers
        self._threads = ThreadPoolExecutor(workers, "parsing")
        self._own = threading.local()
        self._workers: list[_Worker] = []
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        for worker in self._workers:
            worker.kill()
        self._threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            worker.end()

    def parse(
        self, files: Iterable[ScannedFile], *, stop: threading.Event | None = None
    ) -> Iterator[tuple[ScannedFile, Parsed | Unparsed]]:
        """Each file with what became of it, in order; some files are parsed ahead of the one that is asked for. Once
        `stop` is set, no more come."""
        waiting: deque[tuple[ScannedFile, Future[Parsed | Unparsed]]] = deque()
        for file in files:
            waiting.append((file, self._threads.submit(self._parse, file)))
            if len(waiting) <= self._ahead:
                continue
            if not _is_done(waiting[0][1], stop):
                return
            done, outcome = waiting.popleft()
            yield done, outcome.result()
        while waiting and _is_done(waiting[0][1], stop):
            done, outcome = waiting.popleft()
            yield done, outcome.result()

    def _parse(self, file: ScannedFile) -> Parsed | Unparsed:
        worker: _Worker | None = getattr(self._own, "worker", None)
        if worker is None or worker.is_spent:
            worker = self._own.worker = _Worker(self._settings)
            self._workers.append(worker)
            if self._closed:  # since this file was taken up: nobody waits for it
                worker.kill()
        return worker.parse(file)


def _is_done(outcome: Future[Parsed | Unparsed], stop: threading.Event | None) -> bool:
    """Waits for the outcome, or for `stop`."""
    while stop is None or not stop.is_set():
        if wait([outcome], timeout=_STOP_SECONDS).done:
            return True
    return False


class _Worker:
    """A process with its end of a pipe. `is_spent` when it has died, or has grown too large to go on."""

    def __init__(self, settings: ParserSettings) -> None:
        self.is_spent = False
        self._settings = settings
        self._connection, theirs = Pipe()
        with closing(theirs):
            program = _PROGRAM.format(path=sys.path, descriptor=theirs.fileno())
            self._process = subprocess.Popen(
                [sys.executable, "-c", program],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=None if log.isEnabledFor(logging.DEBUG) else subprocess.DEVNULL,
                env={**os.environ, **_ONE_THREAD},
                process_group=0,  # Ctrl-C at a terminal is not for it, and what it starts can be ended with it
            )
        try:
            self._connection.send(settings)
            error: ConfigError | None = self._connection.recv()
        except (EOFError, OSError):
            command = f"{sys.executable} -c 'import ingest.parser_worker'"
            raise RetrievalError(f"The process that parses files does not start; see why with: {command}") from None
        if error is not None:
            raise error

    def parse(self, file: ScannedFile) -> Parsed | Unparsed:
        try:
            self._connection.send((file.path, file.source))
            outcome: Parsed | Unparsed
            outcome, self.is_spent = self._connection.recv()
            if self.is_spent:
                self.end()
            return outcome
        except (EOFError, OSError):
            self.is_spent = True
            return Unparsed(self._reason_of_death())

    def kill(self) -> None:
        """Whatever it is doing, with what it started; `parse`, in its thread, then finds it dead."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> int:
        """Its exit code, once it has one: it ends by itself when nobody listens."""
        self._connection.close()
        return self._process.wait()

    def _reason_of_death(self) -> str:
        code = self.end()
        self.kill()  # what it started, should that be running still
        if code == -signal.SIGALRM:
            return f"parsing it took more than {self._settings.seconds:g} s: raise parse_seconds, or split it"
        if code in (-signal.SIGABRT, -signal.SIGKILL):  # how native code fails to get memory, and the kernel's way
            return memory_reason(self._settings)
        died = f"of signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return f"its parser died {died}; convert the file, or ignore it in .retrievalignore"
