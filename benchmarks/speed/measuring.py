"""Seconds and memory of this process. Peers' workers import it too: nothing but the standard library."""

import ctypes
import gc
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def seconds_of(call: Callable[[Any], Any], argument: Any) -> float:
    started = time.perf_counter()
    call(argument)
    return time.perf_counter() - started


def timed(call: Callable[[Any], Any], arguments: Iterable[Any]) -> list[float]:
    """The seconds that each call took."""
    return [seconds_of(call, argument) for argument in arguments]


def resident() -> float:
    """MB of this process, less what it has freed."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024
