"""What lies in an index directory, and who may write there.

retrieval-index.json    which snapshot is current, whether a write is under way, where Chroma is
writer.lock             held by the one process that writes
chroma/                 the embedded Chroma: the truth (absent where a server keeps it); chroma-XXXXXXXX/ in an index
                        that was rebuilt or restored
generations/, segments/   what searches read
rebuild-XXXXXXXX/       an index that is being made to take the place of this one (staging.py); or restore-
"""

import json
import os
import re
import shutil
import socket
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.directory.disk import explaining_failures
from retrieval.errors import (
    ConfigError,
    IndexDamagedError,
    IndexLockedError,
    IndexMismatchError,
    IndexUnusableError,
)

if TYPE_CHECKING:
    from filelock import FileLock

FORMAT = 3
POINTER = "retrieval-index.json"
"""A folder that holds a file of this name is an index; there are no documents in it."""

WRITTEN_ANEW = "; `ingest doctor --repair` writes it anew."
"""How an error ends that a new pointer would mend."""

_DATABASE = "chroma.sqlite3"
"""In the directory of every embedded Chroma."""

_OWN_FILE = re.compile(r"[0-9a-f]{32}\.(json|tmp|segment|deletions)")
"""A manifest, or what a manifest names."""

_CHROMA = re.compile(r"chroma(-[0-9a-f]{8})?")
_OWN = re.compile(
    r"writer\.(lock|json)|retrieval-index\.tmp|snapshots|segments|generations|(chroma|rebuild|restore)(-[0-9a-f]{8})?"
)


@dataclass(frozen=True, slots=True)
class Pointer:
    """The contents of retrieval-index.json.

    generation   the name of the current snapshot; "" before the first.
    writing      set before Chroma is first changed and cleared once a snapshot shows the result: left set by a
                 process that died.
    fingerprint  Fingerprint.to_json() of what makes the index, "" before that is known.
    chroma       the chroma_* settings of the server that keeps the truth; empty where Chroma is embedded.
    chroma_directory   the name of the embedded Chroma's directory; "" where a server keeps the truth. Written as "",
                 it stays what it is.
    """

    generation: str = ""
    writing: bool = False
    fingerprint: str = ""
    chroma: dict[str, Any] = field(default_factory=dict)
    chroma_directory: str = ""
    format: int = FORMAT


def sync_to_disk(path: Path) -> None:
    """Wait until a file, or a directory's list of names, would survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class IndexDirectory:
    """Paths, pointer and writer's lock of an index."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.segments = self.path / "segments"
        self.generations = self.path / "generations"
        self._pointer = self.path / POINTER
        self._lock_file = self.path / "writer.lock"
        self._holder = self.path / "writer.json"
        self._is_locked = False

    @cached_property
    def _lock(self) -> "FileLock":
        from filelock import FileLock  # brings asyncio, for which who only reads need not wait

        return FileLock(self._lock_file, timeout=0, thread_local=False)

    @property
    def chroma(self) -> Path:
        """The embedded Chroma that the pointer names; where it names none that is there, the one last written to."""
        try:
            name = json.loads(self._pointer.read_text("utf-8"))["chroma_directory"]
        except (OSError, ValueError, KeyError, TypeError):
            name = ""
        if isinstance(name, str) and _CHROMA.fullmatch(name) and (self.path / name).is_dir():
            return self.path / name
        return max(self._chromas(), key=lambda path: path.stat().st_mtime_ns, default=self.path / "chroma")

    def read_pointer(self) -> Pointer | None:
        """None where there is no index. Raises IndexDamagedError for a pointer that cannot be understood,
        IndexMismatchError for one of another version, IndexUnusableError for one that may not be read."""
        try:
            values = json.loads(self._pointer.read_text("utf-8"))
            if (made := values["format"]) != FORMAT:
                raise IndexMismatchError(
                    f"{self.path} has index format {made}, this version reads {FORMAT}; remove the index and sync "
                    "again, or use the version that made it."
                )
            return Pointer(**values)
        except FileNotFoundError:
            if self._chromas() and self._lock_file.exists():
                raise IndexDamagedError(f"{self._pointer} is gone{WRITTEN_ANEW}") from None
            return None
        except NotADirectoryError:
            raise ConfigError(f"{self.path} is a file; an index is a directory.") from None
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise IndexUnusableError(
                f"{self._pointer} cannot be read: {reason}; make it readable, or name another index."
            ) from None
        except (ValueError, TypeError, KeyError):
            raise IndexDamagedError(f"{self._pointer} is damaged{WRITTEN_ANEW}") from None

    def write_pointer(self, pointer: Pointer) -> None:
        """Atomic: a reader sees the old pointer or the new one."""
        if not pointer.chroma and not pointer.chroma_directory:
            pointer = replace(pointer, chroma_directory=self.chroma.name)
        temporary = self._pointer.with_suffix(".tmp")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(asdict(pointer), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._pointer)
        sync_to_disk(self.path)

    def check_chroma(self, pointer: Pointer | None) -> None:
        """Raises IndexDamagedError where the embedded Chroma that the pointer names is not there: opening it would
        make an empty one."""
        if pointer is None or pointer.chroma:
            return
        named = pointer.chroma_directory
        if _CHROMA.fullmatch(named) and (self.path / named / _DATABASE).is_file():
            return
        missing = f"{self.path / named}, where the index keeps its chunks, has no Chroma database"
        if self.chroma.name != named and (self.chroma / _DATABASE).is_file():
            raise IndexDamagedError(f"{missing}, and {self.chroma.name} beside it has one{WRITTEN_ANEW}")
        if pointer.generation and (self.generations / f"{pointer.generation}.json").is_file():
            raise IndexDamagedError(
                f"{missing}. The search files have all that can be found: run "
                f"`ingest snapshot save FILE --index {self.path}`, then "
                f"`ingest snapshot restore FILE --index {self.path}`."
            )
        raise IndexDamagedError(f"{missing}; restore it from a backup, or remove {self.path} and sync again.")

    def pointer_stamp(self) -> tuple[int, int] | None:
        """Changes whenever the pointer does."""
        try:
            stat = self._pointer.stat()
        except FileNotFoundError:
            return None
        return stat.st_mtime_ns, stat.st_ino

    def lock(self) -> None:
        """Become the writer. Raises IndexLockedError, naming the holder, where another process is, and ConfigError for
        a directory that holds other things: what an index outgrows there, it removes. Raises IndexUnusableError where
        nothing can be written."""
        with explaining_failures(self.path, retry="try"):
            self.path.mkdir(parents=True, exist_ok=True)
            if foreign := self._foreign():
                raise ConfigError(f"{self.path} is no index and holds other things ({foreign}); name a new directory.")
            try:
                self._lock.acquire()
            except TimeoutError:
                raise IndexLockedError(
                    f"{self.path} is being written by {self._describe_holder()}; wait for it to finish."
                ) from None
            self._is_locked = True
            holder = {"pid": os.getpid(), "host": socket.gethostname(), "command": Path(sys.argv[0]).name}
            self._holder.write_text(json.dumps(holder), "utf-8")

    @property
    def is_locked(self) -> bool:
        """Whether this process is the writer."""
        return self._is_locked

    def unlock(self) -> None:
        """Be the writer no longer; does nothing where this process is not."""
        if self._is_locked:
            self._is_locked = False
            self._lock.release()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the writer for as long as the block lasts. Raises as `lock`."""
        self.lock()
        try:
            yield
        finally:
            self.unlock()

    def make(self) -> None:
        """Make the directories of segments and generations, where they are absent."""
        self.segments.mkdir(exist_ok=True)
        self.generations.mkdir(exist_ok=True)

    def remove_leftovers(self, *, keep: Collection[str]) -> None:
        """Remove all generations but the current one, all files of segments but those to keep, and every Chroma that
        the pointer does not name. Readers that have a file mapped go on reading it."""
        shutil.rmtree(self.path / "snapshots", ignore_errors=True)  # of versions before segments
        pointer = self.read_pointer()
        current = f"{pointer.generation}.json" if pointer is not None else ""
        for directory, kept in ((self.generations, {current}), (self.segments, keep)):
            for file in directory.iterdir():
                if file.name not in kept and _OWN_FILE.fullmatch(file.name):
                    file.unlink(missing_ok=True)
        if pointer is not None:
            named = None if pointer.chroma else self.chroma
            for chroma in self._chromas():
                if chroma != named:
                    shutil.rmtree(chroma, ignore_errors=True)

    def _foreign(self) -> str:
        """What lies here that is not an index's, where no pointer says that all is; else ""."""
        if self._pointer.exists():
            return ""
        names = sorted(path.name for path in self.path.iterdir())
        if self._lock_file.name in names:  # nobody else's directories are called as an index's are
            names = [name for name in names if not _OWN.fullmatch(name)]
        return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else "".join(names)

    def _chromas(self) -> list[Path]:
        return [path for path in self.path.glob("chroma*") if _CHROMA.fullmatch(path.name) and path.is_dir()]

    def _describe_holder(self) -> str:
        try:
            holder = json.loads(self._holder.read_text("utf-8"))
            return f"process {holder['pid']} on {holder['host']} ({holder['command']})"
        except (OSError, ValueError, KeyError):
            return "another process"
