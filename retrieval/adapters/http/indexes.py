"""The indexes of a service by their names: those it was started with, and those that clients make in its directory."""

import logging
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from retrieval.adapters.http.grants import EVERYTHING, Grant
from retrieval.adapters.http.problems import Refusal
from retrieval.adapters.http.served_index import ServedIndex
from retrieval.adapters.http.settings import DEFAULT, ServeSettings
from retrieval.directory.files import make_private_directory
from retrieval.directory.pointer import POINTER

log = logging.getLogger(__name__)

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""Of an index: it is part of addresses, and of a directory's path."""


class Indexes:
    """Opened when they are first asked. Of more than `settings.open_indexes`, those that were asked longest ago are
    closed, and so are those that nobody has asked for `settings.idle` seconds; the one that was asked last stays, and
    with it the model. Threads may share it.
    """

    def __init__(self, settings: ServeSettings, serve: Callable[[str, Path], ServedIndex]) -> None:
        self._settings = settings
        self._serve = serve
        self._guard = threading.Lock()
        self._served: dict[str, ServedIndex] = {}

    def names(self, grant: Grant = EVERYTHING) -> list[str]:
        """Those that there are now for a grant, sorted."""
        return sorted(filter(grant.knows, {*self._settings.indexes, *(path.name for path in self._made())}))

    def only(self) -> str | None:
        """The name of the index where there is one alone, and none can be made."""
        return next(iter(self._settings.indexes)) if self._settings.is_single else None

    def get(self, name: str | None = None, grant: Grant = EVERYTHING) -> ServedIndex:
        """By its name; None and "default" mean the only one. Raises Refusal for one that is not there for the grant."""
        only = self.only()
        if only is not None and name in (None, DEFAULT):
            name = only
        if name is None:
            raise Refusal("not-found", f"This service has several indexes; {_there(self.names(grant))}")
        with self._guard:
            path = self._settings.indexes.get(name) or self._path(name)
            if path is None or not grant.knows(name):
                raise Refusal("not-found", f"There is no index {name[:64]!r}; {_there(self.names(grant))}")
            if name not in self._served:
                self._served[name] = self._serve(name, path)
            served = self._served[name]
        self._close_others(than=served)
        return served

    def create(self, name: str) -> None:
        """Make a new one. Raises Refusal where that may not be, or it is there."""
        directory = self._directory()
        if not re.fullmatch(NAME, name):
            raise Refusal(
                "query", "name: letters, digits, '.', '_' and '-', 64 at most; the first is a letter or digit."
            )
        if name in self.names() or name == DEFAULT or (directory / name).exists():
            raise Refusal("conflict", f"There is an index {name!r} already; take another name.")
        make_private_directory(directory / name)

    def delete(self, name: str) -> None:
        """Take one away with all that it holds; what is being written is waited for. Raises Refusal."""
        self._directory()
        with self._guard:
            path = self._path(name)
            if path is None:
                own = name in self._settings.indexes
                why = "was named at the start and stays" if own else "is not there"
                raise Refusal("conflict" if own else "not-found", f"The index {name[:64]!r} {why}.")
            served = self._served.pop(name, None)
        if served is not None:
            served.stop()
            served.close()
        shutil.rmtree(path)

    def close_idle(self, now: float) -> None:
        """Close those that nobody has asked for long."""
        opened = self._open()
        for served in opened[:-1]:
            if now - served.used > self._settings.idle:
                served.close_if_idle()

    def all(self) -> list[ServedIndex]:
        """Those that were asked since the start."""
        with self._guard:
            return list(self._served.values())

    def _close_others(self, than: ServedIndex) -> None:
        opened = [served for served in self._open() if served is not than]
        for served in opened[: max(0, len(opened) + 1 - self._settings.open_indexes)]:
            served.close_if_idle()

    def _open(self) -> list[ServedIndex]:
        """The open ones, that asked last at the end."""
        return sorted((served for served in self.all() if served.is_open), key=lambda served: served.used)

    def _directory(self) -> Path:
        if self._settings.directory is None:
            raise Refusal("conflict", "No index is made or deleted here: start the service with --indexes DIRECTORY.")
        return self._settings.directory

    def _made(self) -> Iterator[Path]:
        """The directories of those that clients may delete."""
        directory = self._settings.directory
        names = [path.name for path in directory.iterdir()] if directory is not None else []
        yield from filter(None, map(self._path, sorted(names)))

    def _path(self, name: str) -> Path | None:
        """The directory of one that clients may delete."""
        directory = self._settings.directory
        if directory is None or not re.fullmatch(NAME, name):
            return None
        path = directory / name
        return path if path.is_dir() and not path.is_symlink() and _is_index(path) else None


def _is_index(path: Path) -> bool:
    """Whether it is one, or may become one."""
    return (path / POINTER).exists() or not any(path.iterdir())


def _there(names: list[str]) -> str:
    listed = f"GET /indexes lists {', '.join(names[:10])}" if names else "there are none yet"
    return f"{listed}: ask /indexes/NAME/search and the like."
