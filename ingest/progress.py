"""How a sync tells a person of its progress: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from ingest.report import OnProgress, Progress
from retrieval.console import err

_LINE_SECONDS = 10.0


@contextmanager
def showing_progress() -> Iterator[OnProgress]:
    """On standard error. Nothing is shown of a sync with nothing to index, or off a terminal of one that is quick."""
    if err.is_terminal:
        with _bar() as on_progress:
            yield on_progress
    else:
        yield lines(err.print)


def lines(print_line: Callable[[str], object], *, clock: Callable[[], float] = time.monotonic) -> OnProgress:
    """Prints a line of text every ten seconds."""
    rates = _Rates(clock)
    printed = clock()

    def show(progress: Progress) -> None:
        nonlocal printed
        if clock() - printed >= _LINE_SECONDS:
            printed = clock()
            print_line(f"{_counts(progress)}, {rates.tokens(progress)}, {rates.remaining(progress)}")

    return show


@contextmanager
def _bar() -> Iterator[OnProgress]:
    columns = (TextColumn("{task.fields[counts]}"), BarColumn(), TextColumn("{task.fields[rate]}"))
    with Bar(*columns, TimeRemainingColumn(), console=err, transient=True) as bar:
        rates = _Rates(time.monotonic)
        task = bar.add_task("", total=None, counts="reading", rate="")

        def show(progress: Progress) -> None:
            bar.update(
                task,
                total=progress.total_bytes,
                completed=progress.bytes,
                counts=_counts(progress),
                rate=rates.tokens(progress),
            )

        yield show


class _Rates:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started = clock()

    def tokens(self, progress: Progress) -> str:
        return f"{progress.tokens / self._elapsed():,.0f} tokens/s"

    def remaining(self, progress: Progress) -> str:
        """From the bytes done so far, since files differ in size by orders of magnitude."""
        if not progress.bytes:
            return "time left unknown"
        seconds = self._elapsed() * (progress.total_bytes - progress.bytes) / progress.bytes
        return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {seconds:.0f} s left"

    def _elapsed(self) -> float:
        return max(self._clock() - self._started, 1e-3)


def _counts(progress: Progress) -> str:
    return f"{progress.documents:,} of {progress.total_documents:,} documents, {progress.chunks:,} chunks"
