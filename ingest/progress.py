"""How a sync tells a person of its progress: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Self

from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from ingest.report import NodeProgress, OnProgress, Progress
from ingest.time_left import TimeLeft
from retrieval.console import err
from retrieval.words import counted

_LINE_SECONDS = 10.0

_STOPPING_SECONDS = 2.0
"""Someone waits then."""

_NAMED_NODES = 4
"""Of more, only the range is told."""


@contextmanager
def showing_progress(
    before: str = "reading the folder", *, is_stopping: Callable[[], bool] = lambda: False
) -> Iterator[OnProgress]:
    """On standard error. Off a terminal, nothing is shown of what is quick.

    before        what is being done until the first document is.
    is_stopping   whether a stop was asked for, so that what is in hand is all that is still done.
    """
    if err.is_terminal:
        with ProgressBar(before, is_stopping) as on_progress:
            yield on_progress
    else:
        yield lines(err.print, is_stopping=is_stopping)


def lines(
    print_line: Callable[[str], object],
    *,
    clock: Callable[[], float] = time.monotonic,
    is_stopping: Callable[[], bool] = lambda: False,
) -> OnProgress:
    """Prints a line of text every ten seconds, once there is something to tell; of a stop, every two."""
    printed = clock()
    left = TimeLeft(printed)

    def show(progress: Progress) -> None:
        nonlocal printed
        now = clock()
        left.heard(progress, now)
        stopping = is_stopping()
        every = _STOPPING_SECONDS if stopping else _LINE_SECONDS
        if (progress.bytes or progress.in_hand or progress.held) and now - printed >= every:
            printed = now
            nodes = f"; {_nodes(progress.nodes)}" if progress.nodes else ""
            rates = _stopping(progress) if stopping else _rates(left, progress, now)
            print_line(f"{_counts(progress)}, {rates}{nodes}")

    return show


class ProgressBar:
    """A bar on standard error, gone when it ends; a context manager.

    before, is_stopping   as in showing_progress
    """

    def __init__(self, before: str, is_stopping: Callable[[], bool]) -> None:
        self._is_stopping = is_stopping
        # The time left is ours: rich's is of the last seconds, and unknown again after each batch that took longer.
        fields = ("{task.fields[rates]}", "{task.fields[nodes]}")
        columns = (TextColumn("{task.fields[counts]}"), BarColumn(), *map(TextColumn, fields))
        self._bar = Bar(*columns, console=err, transient=True)
        self._left = TimeLeft(time.monotonic())
        self._task = self._bar.add_task("", total=None, counts=before, rates="", nodes="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.end()

    def end(self) -> None:
        self._bar.stop()

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        self._left.heard(progress, now)
        self._bar.update(
            self._task,
            total=progress.total_bytes,
            completed=progress.bytes,
            counts=_counts(progress),
            rates=_stopping(progress) if self._is_stopping() else _rates(self._left, progress, now),
            nodes=_nodes(progress.nodes),
        )


def _rates(left: TimeLeft, progress: Progress, now: float) -> str:
    """Such as "800 tokens/s, about 10 min left"; what is not known yet is left out."""
    remaining = _remaining(left, progress, now)
    return f"{left.tokens_a_second(now):,.0f} tokens/s, {remaining}" if progress.tokens else remaining


def _remaining(left: TimeLeft, progress: Progress, now: float) -> str:
    if progress.in_hand and not progress.chunks:
        return "loading the model"
    seconds = left.seconds(progress, now)
    if seconds is None:
        return "time left unknown"
    if seconds < 1:
        return "almost done"
    return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {seconds:.0f} s left"


def _stopping(progress: Progress) -> str:
    return f"stopping, {counted(progress.in_hand, 'chunk')} to finish"


def _counts(progress: Progress) -> str:
    held = f" ({progress.held:,} found by words)" if progress.held else ""
    done = f"{progress.documents:,} of {progress.total_documents:,} documents"
    return f"{done}, {counted(progress.chunks, 'chunk')}{held}"


def _nodes(nodes: Sequence[NodeProgress]) -> str:
    """Such as "10.0.0.7: 40 files, 1,200 passages; 10.0.0.8: 38 files, 1,180 passages"."""
    if len(nodes) <= _NAMED_NODES:
        return "; ".join(f"{n.name}: {counted(n.files, 'file')}, {counted(n.passages, 'passage')}" for n in nodes)
    least, most = (extreme(node.passages for node in nodes) for extreme in (min, max))
    return f"{len(nodes)} nodes: {least:,} to {most:,} passages each"
