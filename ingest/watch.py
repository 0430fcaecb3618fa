"""Waiting until something changes in a folder."""

import os
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from ingest.gitignore import IGNORE_FILES
from ingest.maildir import is_mail_folder
from ingest.root import printable, resolve_root
from retrieval.errors import ConfigError

_TICK_MS = 50
_ATTEMPTS = 3
_MOST_QUIETS = 10
"""Changes that go on for so many times the quiet that is waited for are told of nevertheless."""


def changes(
    folder: Path, *, index: Path, stop: threading.Event | None = None, debounce_ms: int = 1000
) -> Iterator[set[Path]]:
    """The paths that changed below `folder`, once nothing has changed for `debounce_ms` milliseconds; and so on.

    They say that it is time to look at the folder, not all that there is to see. What is hidden and what lies in the
    directory `index` does not count, but ignore files do. The folder is watched from the call on, also while the caller
    does something else, until `stop` is set or the iterator is closed.

    Raises ConfigError, from the call or later, where the folder cannot be watched or is gone.
    """
    found = _changes(folder, index.resolve(), stop or threading.Event(), debounce_ms / 1000)
    next(found, None)  # comes back once the folder is watched
    return found


def settled(ticks: Iterable[tuple[float, set[Path]]], *, quiet: float) -> set[Path]:
    """The first paths after which there were none for `quiet` seconds, or that have been coming for ten times as long.

    ticks  (seconds, what has changed since the tick before) at short intervals; at their end, all paths count.
    """
    paths: set[Path] = set()
    first = last = 0.0
    for now, changed in ticks:
        if changed:
            first, last = (first if paths else now), now
            paths |= changed
        if paths and (now - last >= quiet or now - first >= quiet * _MOST_QUIETS):
            break
    return paths


def _changes(folder: Path, index: Path, stop: threading.Event, quiet: float) -> Iterator[set[Path]]:
    """An empty set once the folder is watched, then what `changes` promises."""
    paths: set[Path] = set()
    while not stop.is_set():
        # A new watch each time, since there may be other folders in it; and before the caller looks at the folder, so
        # that nothing falls between.
        ticks = _watch(folder, index, stop, quiet)
        yield paths
        paths = settled(ticks, quiet=quiet)


def _watch(folder: Path, index: Path, stop: threading.Event, quiet: float) -> Iterator[tuple[float, set[Path]]]:
    """Ticks as `settled` takes them; everything from this call on is in them."""
    attempt = 0
    while True:
        root = resolve_root(folder)
        folders = _folders(root, index)
        events = _events(folders, stop, quiet)
        try:
            first = next(events, set())  # comes back once they are watched
            break
        except (OSError, RuntimeError) as error:
            attempt += 1  # a folder may have gone since it was listed
            if attempt == _ATTEMPTS:
                raise ConfigError(
                    f"{root} cannot be watched: {error}. Raise the system's limits (fs.inotify.max_user_watches and "
                    "max_user_instances), or run sync from time to time instead."
                ) from error
    missed = folders ^ _folders(root, index)  # a folder made before its parent was watched had no event
    return _ticks(chain([first | missed], events), root, index, stop, quiet)


def _ticks(
    events: Iterable[set[Path]], root: Path, index: Path, stop: threading.Event, quiet: float
) -> Iterator[tuple[float, set[Path]]]:
    try:
        for paths in events:
            yield time.monotonic(), {path for path in paths if _matters(path, root, index)}
    except RuntimeError:  # about a name that is not UTF-8, or too many changes at once: something has changed
        stop.wait(quiet)
        yield time.monotonic(), {root}


def _events(folders: set[Path], stop: threading.Event, quiet: float) -> Iterator[set[Path]]:
    """What changes in these folders, at short intervals. They are watched one by one, since watching one with all that
    is in it would follow links to anywhere, and spend the system's watches on hidden folders."""
    from watchfiles import watch

    for changed in watch(
        *folders,
        watch_filter=None,
        debounce=round(quiet * 1000),
        step=_TICK_MS,
        stop_event=stop,
        rust_timeout=_TICK_MS,
        yield_on_timeout=True,
        recursive=False,
    ):
        yield {Path(path) for _, path in changed}


def _folders(root: Path, index: Path) -> set[Path]:
    """The root and the folders in it whose files may matter."""
    found: set[Path] = set()
    for path, names, _ in os.walk(root):
        found.add(Path(path))
        names[:] = [name for name in names if _matters(Path(path, name), root, index) and printable(name) == name]
    return found


def _matters(path: Path, root: Path, index: Path) -> bool:
    """Whether a change of this path, in a folder that matters, may change what there is to read."""
    is_seen = not path.name.startswith(".") or path.name in IGNORE_FILES or is_mail_folder(path)
    return path == root or (path != index and is_seen)
