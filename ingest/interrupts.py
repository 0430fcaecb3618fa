"""Ctrl-C in two steps: the first asks to stop, the second stops."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from retrieval.console import INTERRUPTED, err


@contextmanager
def stop_on_interrupt() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets. The second ends the process on the spot: an index survives SIGKILL at any
    moment, and so this."""
    stop = threading.Event()

    def interrupted(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            err.show_cursor()
            err.print("Stopped; what was finished is kept, and the next sync goes on from there.")
            os._exit(INTERRUPTED)
        stop.set()
        err.print("Finishing what is in hand; Ctrl-C again stops at once.")

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
