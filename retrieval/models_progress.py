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

from retrieval.console import INTERRUPTED, err, printable
from retrieval.evaluation_cli import warn

if TYPE_CHECKING:
    from ingest.model_trials.process import OnSaid
    from ingest.model_trials.run import OnSaidOf
    from ingest.model_trials.worker import Said
    from retrieval.model_comparison.trial import Candidate

_LINE_SECONDS = 15.0
"""Off a terminal, how often a line tells how far a trial is."""

_ENDING = (signal.SIGTERM, signal.SIGHUP)


class Display:
    """Says on standard error what is being done: on a terminal in a line that changes, elsewhere now and then."""

    def __init__(self) -> None:
        self._status = err.status("") if err.is_terminal else None
        self._told: set[str] = set()
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

    def teller(self, doing: str, total: int) -> "OnSaidOf":
        """Of what is said of each model. A warning is printed once, whichever models it is of."""

        def said_of(candidate: "Candidate", number: int) -> "OnSaid":
            start = f"{doing} {printable(candidate.label)} ({number} of {total})"

            def on_said(said: "Said") -> None:
                if said.kind == "doing":
                    self.show(f"{start}: {said.text}")
                elif said.text not in self._told:
                    self._told.add(said.text)
                    warn(f"{candidate.label}: {said.text}")

            self.show(start)
            return on_said

        return said_of


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
