"""A worker process in which models are tried, as the process that asks sees it."""

import signal
from collections.abc import Callable
from types import TracebackType
from typing import Self

from ingest.child_process import kill_group, manner_of_death, start
from ingest.model_trials.worker import Answer, Failed, Load, Message, Try

OnMessage = Callable[[Message], None]


class WorkerProcess:
    """A context manager; leaving it ends the process, whatever that is doing.

    offline   whether the model hub may not be asked
    scratch   where the process puts files for a while
    """

    def __init__(self, *, offline: bool, scratch: str) -> None:
        environment = {"TMPDIR": scratch, **({"HF_HUB_OFFLINE": "1"} if offline else {})}
        self._process, self._connection = start("ingest.model_trials.worker", environment=environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        if self._process.returncode is None:  # else its id may be another's by now
            kill_group(self._process)
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
        return f"its process died {manner_of_death(code)}."
