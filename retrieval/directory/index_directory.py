"""What lies in an index directory, and where.

retrieval-index.json    which generation is current, whether a write is under way, where Chroma is (pointer.py)
writer.lock             held by the one process that writes; writer.json says who that is (writer_lock.py)
chroma/                 the embedded Chroma: the truth (absent where a server keeps it); chroma-XXXXXXXX/ in an index
                        that was rebuilt or restored
segments/               what searches read: immutable files, shared by generations
generations/            GENERATION.json: the segments of a generation, and what is deleted in each
rebuild-XXXXXXXX/       an index that is being made to take the place of this one (staging.py); or restore-
snapshots/              left by an earlier version; removed
damaged-XXXXXXXX/       what a repair has put aside, for the user to remove

All of it is made for its owner alone (files.py).
"""

import re
import shutil
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from retrieval.directory.disk import explaining_failures
from retrieval.directory.files import make_private_directory
from retrieval.directory.pointer import POINTER, REWRITTEN, Pointer, read_pointer, write_pointer
from retrieval.directory.writer_lock import WriterLock
from retrieval.errors import ConfigError, IndexDamagedError, IndexUnusableError

DATABASE = "chroma.sqlite3"
"""In the directory of every embedded Chroma."""

RESTORED = "`ingest doctor` says what the search files still have, and --repair makes a new Chroma of it."
"""How an error ends where search files may take the place of a Chroma that is lost."""

_GENERATION = re.compile(r"[0-9a-f]{32}(\.json)?")
_OWN_FILE = re.compile(r"[0-9a-f]{32}\.(json|tmp|segment|pending|deletions)")
"""A manifest, or what a manifest names."""

_CHROMA = re.compile(r"chroma(-[0-9a-f]{8})?")
_OWN = re.compile(
    r"writer\.(lock|json)|retrieval-index\.(json|tmp)|segments|generations|snapshots|"
    r"(chroma|rebuild|restore|damaged)(-[0-9a-f]{8})?"
)
_COLLECTIONS = {"chunks", "documents"}


class IndexDirectory:
    """Paths, pointer and writer's lock of an index."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.segments = self.path / "segments"
        self.generations = self.path / "generations"
        self.snapshots = self.path / "snapshots"
        self.pointer = self.path / POINTER
        self.writer_lock = WriterLock(self.path)

    @property
    def chroma(self) -> Path:
        """The embedded Chroma that the pointer names; where it names none that is there, the one last written to."""
        try:
            name = read_pointer(self.pointer).chroma_directory
        except (OSError, IndexUnusableError, ConfigError):
            name = ""
        if _CHROMA.fullmatch(name) and (self.path / name).is_dir():
            return self.path / name
        return max(self.chromas(), key=lambda path: path.stat().st_mtime_ns, default=self.path / "chroma")

    def chromas(self) -> list[Path]:
        """All embedded Chromas, those included that no pointer names."""
        return sorted(path for path in self.path.glob("chroma*") if _CHROMA.fullmatch(path.name) and path.is_dir())

    def read_pointer(self) -> Pointer | None:
        """None where there is no index. Raises IndexDamagedError where the pointer is damaged or lost, and else as
        pointer.read_pointer does."""
        try:
            return read_pointer(self.pointer)
        except FileNotFoundError:
            if self._is_index_without_pointer():
                raise IndexDamagedError(f"{self.pointer} is gone{REWRITTEN}") from None
            return None

    def write_pointer(self, pointer: Pointer) -> None:
        """Atomic: a reader sees the old pointer or the new one."""
        if not pointer.chroma and not pointer.chroma_directory:
            pointer = replace(pointer, chroma_directory=self.chroma.name)
        write_pointer(self.pointer, pointer)

    def pointer_stamp(self) -> tuple[int, int] | None:
        """Changes whenever the pointer does."""
        try:
            stat = self.pointer.stat()
        except FileNotFoundError:
            return None
        return stat.st_mtime_ns, stat.st_ino

    def check_chroma(self, pointer: Pointer | None) -> None:
        """Raises IndexDamagedError where the embedded Chroma that the pointer names is not there: opening it would
        make an empty one."""
        if pointer is None or pointer.chroma or not (pointer.generation or self.chromas()):
            return  # a writer that died before its first commit may have left no Chroma
        named = pointer.chroma_directory
        if _CHROMA.fullmatch(named) and (self.path / named / DATABASE).is_file():
            return
        missing = f"{self.path / named}, where the index keeps its chunks, has no Chroma database"
        if self.chroma.name != named and (self.chroma / DATABASE).is_file():
            raise IndexDamagedError(f"{missing}, and {self.chroma.name} beside it has one{REWRITTEN}")
        if pointer.generation and next(self.segments.glob("*"), None):
            raise IndexDamagedError(f"{missing}; {RESTORED}")
        raise IndexDamagedError(f"{missing}; restore it from a backup, or remove {self.path} and sync again.")

    @property
    def can_be_locked(self) -> bool:
        """Whether nothing else is in the place of the lock."""
        return not self._in_place_of_the_lock()

    def _in_place_of_the_lock(self) -> list[Path]:
        return [file for file in (self.writer_lock.file, self.writer_lock.holder) if file.is_dir()]

    def lock(self) -> None:
        """Become the writer. Raises IndexLockedError, naming the holder, where another process is, and ConfigError for
        a directory that holds other things: what an index outgrows there, it removes. Raises IndexUnusableError where
        nothing can be written, and IndexDamagedError where something else is in the place of the lock."""
        with explaining_failures(self.path, retry="try"):
            make_private_directory(self.path)
            if foreign := self._foreign():
                raise ConfigError(f"{self.path} is no index and holds other things ({foreign}); name a new directory.")
            for file in self._in_place_of_the_lock():
                raise IndexDamagedError(f"{file} is a directory; `ingest doctor --repair` removes it.")
            self.writer_lock.acquire()

    def unlock(self) -> None:
        self.writer_lock.release()

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
        make_private_directory(self.path)
        make_private_directory(self.segments)
        make_private_directory(self.generations)

    def remove_leftovers(self, *, keep: Collection[str]) -> None:
        """Remove all generations but the current one, all files of segments but those to keep, and every Chroma that
        the pointer does not name. Readers that have a file mapped go on reading it. A directory in the place of a file
        is left to mending.py."""
        shutil.rmtree(self.snapshots, ignore_errors=True)
        pointer = self.read_pointer()
        current = f"{pointer.generation}.json" if pointer is not None else ""
        for directory, kept in ((self.generations, {current}), (self.segments, keep)):
            for file in directory.iterdir():
                if file.name not in kept and _OWN_FILE.fullmatch(file.name) and not file.is_dir():
                    file.unlink(missing_ok=True)
        for chroma in self.unnamed_chromas():
            shutil.rmtree(chroma, ignore_errors=True)

    def remove_replaced(self, files: Collection[str], *, generation: str) -> None:
        """Remove the manifest of the generation before the current one, and these files of segments, which it alone
        named. Readers that have a file mapped go on reading it."""
        for file in (self.generations / f"{generation}.json", *(self.segments / name for name in files)):
            if not file.is_dir():
                file.unlink(missing_ok=True)

    def unnamed_chromas(self) -> list[Path]:
        """Embedded Chromas that the pointer does not name; none where it, or the Chroma that it names, is lost."""
        pointer = self.read_pointer()
        if pointer is None:
            return []
        if not pointer.chroma and not (self.path / pointer.chroma_directory / DATABASE).is_file():
            return []
        return [chroma for chroma in self.chromas() if pointer.chroma or chroma.name != pointer.chroma_directory]

    def _foreign(self) -> str:
        """What lies here that is not an index's, where no pointer says that all is; else ""."""
        if self.pointer.exists():
            return ""
        names = sorted(path.name for path in self.path.iterdir())
        if self.writer_lock.file.name in names or self._is_index_without_pointer():
            names = [name for name in names if not _OWN.fullmatch(name)]
        return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else "".join(names)

    def _is_index_without_pointer(self) -> bool:
        """Whether an index has been here, by what no other software leaves in a directory."""
        chromas = self.chromas()
        if chromas and self.writer_lock.file.exists():
            return True
        if any(_holds_generation(directory) for directory in (self.generations, self.snapshots)):
            return True
        return any(_is_chroma_of_index(chroma / DATABASE) for chroma in chromas)


def _holds_generation(directory: Path) -> bool:
    try:
        return any(_GENERATION.fullmatch(path.name) for path in directory.iterdir())
    except OSError:
        return False


def _is_chroma_of_index(database: Path) -> bool:
    """Whether both collections of an index are in it: a folder called chroma may be of any other program."""
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            names = {name for (name,) in connection.execute("SELECT name FROM collections")}
    except sqlite3.Error:
        return False
    return names >= _COLLECTIONS
