"""A worker process in which models are tried, as the process that asks sees it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from multiprocessing.connection import Pipe
from types import TracebackType
from typing import Self

from ingest.model_trials.worker import Answer, Failed, Load, Message, Try

OnMessage = Callable[[Message], None]

_PROGRAM = "import sys; sys.path[:] = {path!r}; from ingest.model_trials.worker import serve; serve({descriptor})"


class WorkerProcess:
    """A context manager; leaving it ends the process, whatever that is doing.

    offline   whether the model hub may not be asked
    scratch   where the process puts files for a while
    """

    def __init__(self, *, offline: bool, scratch: str) -> None:
        self._connection, theirs = Pipe()
        environment = {**os.environ, "TMPDIR": scratch, **({"HF_HUB_OFFLINE": "1"} if offline else {})}
        with closing(theirs):
            program = _PROGRAM.format(path=sys.path, descriptor=theirs.fileno())
            self._process = subprocess.Popen(
                [sys.executable, "-c", program],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                process_group=0,  # Ctrl-C at a terminal is not for it, and what it starts can be ended with it
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        if self._process.returncode is None:  # else its id may be another's by now
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def ask(self, task: Load | Try, *, on_message: OnMessage = lambda message: None) -> Answer:
        """What comes of it; Failed too where the process dies of it, and of every task from then on."""
        try:
            self._connection.send(task)
            while isinstance(answer := self._connection.recv(), Message):
                on_message(answer)
        except (EOFError, OSError):
            return Failed(self._reason_of_death())
        found: Answer = answer
        return found

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def _reason_of_death(self) -> str:
        code = self._process.wait()
        if code == -signal.SIGKILL:
            return "its process was killed, as the system does when memory is short."
        died = f"of signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return f"its process died {died}."
