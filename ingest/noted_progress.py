"""A sync's progress, noted in the index for other processes: `ingest status` tells of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.report import OnProgress, Progress
from retrieval.directory.index_directory import IndexDirectory
from retrieval.directory.writer_progress import note_progress

_EVERY_SECONDS = 1.0


@contextmanager
def noting_progress(
    index: Path, folder: str, on_progress: OnProgress | None, *, clock: Callable[[], float] = time.monotonic
) -> Iterator[OnProgress]:
    """Passes progress on, and notes it in the index, once a second at most, until the block ends.

    folder   the name of the folder that is being synced
    """
    holder = IndexDirectory(index).writer_lock.holder
    started = clock()
    noted = 0.0

    def note(progress: Progress, seconds: float) -> None:
        done = {name: getattr(progress, name) for name in ("documents", "total_documents", "chunks", "tokens")}
        note_progress(holder, {"folder": folder, **done, "seconds": round(seconds, 1)})

    def heard(progress: Progress) -> None:
        nonlocal noted
        if (seconds := clock() - started) - noted >= _EVERY_SECONDS:
            noted = seconds
            note(progress, seconds)
        if on_progress is not None:
            on_progress(progress)

    note(Progress(0, 0, 0, 0, 0, 0), 0.0)
    try:
        yield heard
    finally:
        note_progress(holder, None)
