"""Ctrl-C in two steps: the first asks to stop, the second stops."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ingest.progress import ProgressBar
from ingest.report import OnProgress, Progress
from retrieval.console import INTERRUPTED, err
from retrieval.words import counted


class Stop(threading.Event):
    """Set once someone asks to stop; `in_hand` as in Progress, as far as it was heard."""

    def __init__(self) -> None:
        super().__init__()
        self.in_hand = 0
        self._bar: ProgressBar | None = None

    def hearing(self, on_progress: OnProgress) -> OnProgress:
        """Passes progress on, and keeps in mind what is in hand."""
        self._bar = on_progress if isinstance(on_progress, ProgressBar) else None

        def heard(progress: Progress) -> None:
            self.in_hand = progress.in_hand
            on_progress(progress)

        return heard

    def end_bar(self) -> None:
        """Take the progress bar off the terminal, if there is one."""
        if self._bar is not None:
            self._bar.end()


@contextmanager
def stop_on_interrupt() -> Iterator[Stop]:
    """An event that the first Ctrl-C sets, and says what will be finished. The second ends the process on the spot: an
    index survives SIGKILL at any moment, and so this."""
    stop = Stop()

    def interrupted(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            stop.end_bar()
            err.show_cursor()
            err.print("Stopped; what was finished is kept, and the next sync goes on from there.")
            os._exit(INTERRUPTED)
        stop.set()
        doing = f"Finishing {counted(stop.in_hand, 'chunk')}, then stopping" if stop.in_hand else "Stopping"
        err.print(f"{doing}; Ctrl-C again stops at once.")

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
