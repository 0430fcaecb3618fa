"""How a sync tells a person of its progress: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from ingest.report import NodeProgress, OnProgress, Progress
from retrieval.console import err
from retrieval.words import counted

_LINE_SECONDS = 10.0

_NAMED_NODES = 4
"""Of more, only the range is told."""

_SHARE_THAT_TELLS = 0.01
"""Before so much is done, the seconds are those of the start, which takes as long for ten files as for ten thousand."""


@contextmanager
def showing_progress(before: str = "reading the folder") -> Iterator[OnProgress]:
    """On standard error. Off a terminal, nothing is shown of what is quick.

    before   what is being done until the first document is.
    """
    if err.is_terminal:
        with _bar(before) as on_progress:
            yield on_progress
    else:
        yield lines(err.print)


def lines(print_line: Callable[[str], object], *, clock: Callable[[], float] = time.monotonic) -> OnProgress:
    """Prints a line of text every ten seconds, once there is something to tell."""
    rates = _Rates(clock)
    printed = clock()

    def show(progress: Progress) -> None:
        nonlocal printed
        if (progress.bytes or progress.in_hand) and clock() - printed >= _LINE_SECONDS:
            printed = clock()
            nodes = f"; {_nodes(progress.nodes)}" if progress.nodes else ""
            print_line(f"{_counts(progress)}, {rates.in_words(progress)}{nodes}")

    return show


@contextmanager
def _bar(before: str) -> Iterator[OnProgress]:
    # The time left is ours: rich's is that of the last seconds, and unknown again after each batch that took longer.
    fields = ("{task.fields[rates]}", "{task.fields[nodes]}")
    columns = (TextColumn("{task.fields[counts]}"), BarColumn(), *map(TextColumn, fields))
    with Bar(*columns, console=err, transient=True) as bar:
        rates = _Rates(time.monotonic)
        task = bar.add_task("", total=None, counts=before, rates="", nodes="")

        def show(progress: Progress) -> None:
            bar.update(
                task,
                total=progress.total_bytes,
                completed=progress.bytes,
                counts=_counts(progress),
                rates=rates.in_words(progress),
                nodes=_nodes(progress.nodes),
            )

        yield show


class _Rates:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started = clock()

    def in_words(self, progress: Progress) -> str:
        """Such as "800 tokens/s, about 10 min left"; what is not known yet is left out."""
        remaining = self._remaining(progress)
        return f"{progress.tokens / self._elapsed():,.0f} tokens/s, {remaining}" if progress.tokens else remaining

    def _remaining(self, progress: Progress) -> str:
        """From the bytes done so far, since files differ in size by orders of magnitude."""
        if progress.in_hand and not progress.chunks:
            return "loading the model"
        if progress.bytes < progress.total_bytes * _SHARE_THAT_TELLS:
            return "time left unknown"
        seconds = self._elapsed() * (progress.total_bytes - progress.bytes) / max(progress.bytes, 1)
        if seconds < 1:
            return "almost done"
        return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {seconds:.0f} s left"

    def _elapsed(self) -> float:
        return max(self._clock() - self._started, 1e-3)


def _counts(progress: Progress) -> str:
    return f"{progress.documents:,} of {progress.total_documents:,} documents, {counted(progress.chunks, 'chunk')}"


def _nodes(nodes: Sequence[NodeProgress]) -> str:
    """Such as "10.0.0.7: 40 files, 1,200 passages; 10.0.0.8: 38 files, 1,180 passages"."""
    if len(nodes) <= _NAMED_NODES:
        return "; ".join(f"{n.name}: {counted(n.files, 'file')}, {counted(n.passages, 'passage')}" for n in nodes)
    least, most = (extreme(node.passages for node in nodes) for extreme in (min, max))
    return f"{len(nodes)} nodes: {least:,} to {most:,} passages each"
