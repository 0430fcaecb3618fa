"""Seconds, memory and bytes of this process. Peers' workers import it too: nothing but the standard library."""

import ctypes
import gc
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self


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


class Cost:
    """What the block of this context manager cost the process, all its threads together.

    wall, cpu   seconds
    written     bytes handed to the kernel, by whichever library; those of sockets and pipes count, mapped ones do not
    """

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0
        self.written = 0

    def __enter__(self) -> Self:
        self._began = time.perf_counter(), time.process_time(), _written()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        wall, cpu, written = self._began
        self.cpu, self.wall = time.process_time() - cpu, time.perf_counter() - wall
        self.written = _written() - written


def median_cost(costs: Sequence[Cost]) -> dict[str, float]:
    return {
        "CPU ms": 1000 * statistics.median(cost.cpu for cost in costs),
        "wall ms": 1000 * statistics.median(cost.wall for cost in costs),
        "MB written": statistics.median(cost.written for cost in costs) / 1e6,
    }


def mean_cost(costs: Sequence[Cost]) -> dict[str, float]:
    return {
        "CPU ms": 1000 * statistics.fmean(cost.cpu for cost in costs),
        "wall ms": 1000 * statistics.fmean(cost.wall for cost in costs),
        "MB written": statistics.fmean(cost.written for cost in costs) / 1e6,
    }


def _written() -> int:
    lines = Path("/proc/self/io").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar:"))
