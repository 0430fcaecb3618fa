"""What `retrieve models compare` shows while it works, and how it ends when somebody ends it."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from rich.text import Text

from retrieval.console import INTERRUPTED, err, printable, warn

if TYPE_CHECKING:
    from ingest.model_trials.process import OnMessage
    from ingest.model_trials.run import ListenerFor
    from ingest.model_trials.worker import Message
    from retrieval.model_comparison.trial import Candidate

_LINE_SECONDS = 15.0
"""Off a terminal, how often a line tells how far a trial is."""

_ENDING = (signal.SIGTERM, signal.SIGHUP)


class Display:
    """Says on standard error what is being done: on a terminal in a line that changes, elsewhere now and then."""

    def __init__(self) -> None:
        self._status = err.status("") if err.is_terminal else None
        self._warnings: set[str] = set()
        self._printed = time.monotonic()

    def __enter__(self) -> "Display":
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, text: str) -> None:
        if self._status is not None:
            self._status.update(Text(text))
        elif time.monotonic() - self._printed > _LINE_SECONDS:
            self._printed = time.monotonic()
            err.print(Text(f"{text} ..."))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Shows nothing meanwhile, so that something can be asked."""
        if self._status is not None:
            self._status.stop()
        yield
        if self._status is not None:
            self._status.start()

    def listeners(self, doing: str, total: int) -> "ListenerFor":
        """What shows the progress of each model, and prints its warnings: each once, whichever models it is of."""

        def listener_for(candidate: "Candidate", number: int) -> "OnMessage":
            start = f"{doing} {printable(candidate.label)} ({number} of {total})"

            def on_message(message: "Message") -> None:
                if message.kind == "progress":
                    self.show(f"{start}: {message.text}")
                elif message.text not in self._warnings:
                    self._warnings.add(message.text)
                    warn(f"{candidate.label}: {message.text}")

            self.show(start)
            return on_message

        return listener_for


@contextmanager
def cleaning_up() -> Iterator[None]:
    """Temporary indexes are removed, and processes ended, also where somebody ends this process."""

    def ended(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)  # as a shell reports a process that the signal ended

    is_main = threading.current_thread() is threading.main_thread()  # no other may set handlers
    before = {number: signal.signal(number, ended) for number in _ENDING} if is_main else {}
    try:
        yield
    except KeyboardInterrupt:
        err.print("Interrupted; nothing is kept.")
        sys.exit(INTERRUPTED)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
