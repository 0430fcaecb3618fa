"""A time limit for what runs on a thread: a thread cannot be stopped, so the loops that may take long ask for it.

with time_limit(2.0):
    hits = index.search("what causes rain?")
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from retrieval.errors import TimeLimitError

_ENDS: ContextVar[float | None] = ContextVar("ends", default=None)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """What runs in this block, and in threads that it starts with its context, raises TimeLimitError soon after so many
    seconds. Of two limits, the earlier one holds."""
    ends = time.monotonic() + seconds
    outer = _ENDS.get()
    token = _ENDS.set(ends if outer is None else min(ends, outer))
    try:
        yield
    finally:
        _ENDS.reset(token)


def check_time() -> None:
    """Raises TimeLimitError where the time is over. Takes some 100 ns."""
    ends = _ENDS.get()
    if ends is not None and time.monotonic() >= ends:
        raise TimeLimitError("The search took longer than its time limit; ask for less, or with a simpler filter.")
