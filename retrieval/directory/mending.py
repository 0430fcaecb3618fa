"""What is wrong with an index directory itself, and mending it without losing anything that belongs to the index.

There may be things in the place of its files, and what processes that died have left. The pointer is no matter of this
module: it takes Chroma or the search files to write it again.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from retrieval.directory.index_directory import IndexDirectory
from retrieval.directory.staging import stagings
from retrieval.errors import IndexDamagedError, IndexMismatchError


@dataclass(frozen=True, slots=True)
class DirectoryProblem:
    """what: in words. path: what is to be removed. remedy: how it is mended, in words, or by whom.
    is_mendable: whether `mend` removes it."""

    what: str
    path: Path
    remedy: str
    is_mendable: bool = True


def problems(directory: IndexDirectory) -> list[DirectoryProblem]:
    """What is wrong, as far as names tell; changes nothing. A writer at work has some of it in use."""
    return [*_misplaced(directory), *_leftovers(directory)]


def mend(directory: IndexDirectory) -> list[DirectoryProblem]:
    """Remove what `problems` finds mendable, under the writer's lock; returns what was removed.

    Raises as IndexDirectory.lock does, IndexDamagedError where the lock cannot be taken before the user has moved
    something away, and OSError.
    """
    mended = []
    for problem in _misplaced(directory):  # nobody holds a lock that is a directory
        if not problem.is_mendable:
            raise IndexDamagedError(f"{problem.what}; {problem.remedy}.")
        _remove(problem.path)
        mended.append(problem)
    with directory.locked():
        for problem in _leftovers(directory):
            _remove(problem.path)
            mended.append(problem)
    return mended


def _misplaced(directory: IndexDirectory) -> Iterator[DirectoryProblem]:
    """Directories in the place of files, and files in the place of directories."""
    lock = directory.writer_lock
    files = [directory.pointer, directory.pointer.with_suffix(".tmp"), lock.file, lock.holder]
    for parent in (directory.segments, directory.generations):
        files += sorted(parent.glob("*.*"))
    for path in files:
        if path.is_dir() and not path.is_symlink():
            is_empty = not any(path.iterdir())
            remedy = "it is removed" if is_empty else "it is not empty: move it away"
            yield DirectoryProblem(f"{path} is a directory and should be a file", path, remedy, is_empty)
    for path in (directory.segments, directory.generations, directory.snapshots):
        if path.is_file():
            is_empty = path.stat().st_size == 0
            remedy = "it is removed" if is_empty else "it is not empty: move it away"
            yield DirectoryProblem(f"{path} is a file and should be a directory", path, remedy, is_empty)


def _leftovers(directory: IndexDirectory) -> Iterator[DirectoryProblem]:
    for staged in stagings(directory, "restore"):
        yield DirectoryProblem(f"{staged.path.name} is left of an interrupted restore", staged.path, "it is removed")
    for staged in stagings(directory, "rebuild"):
        remedy = "another --rebuild goes on from there; it is removed"
        yield DirectoryProblem(f"{staged.path.name} is left of an interrupted --rebuild", staged.path, remedy)
    temporary = [directory.pointer.with_suffix(".tmp")]
    for parent in (directory.segments, directory.generations):
        temporary += sorted(parent.glob("*.tmp"))
    for path in temporary:
        if path.is_file():
            yield DirectoryProblem(f"{path.name} is left of an interrupted write", path, "it is removed")
    try:
        pointer, unnamed = directory.read_pointer(), directory.unnamed_chromas()
    except (IndexDamagedError, IndexMismatchError):
        return  # without a pointer, any Chroma may be the one
    has_generation = pointer is not None and (directory.generations / f"{pointer.generation}.json").is_file()
    if has_generation and directory.snapshots.is_dir():
        path = directory.snapshots
        yield DirectoryProblem(f"{path.name} is left of an earlier version", path, "it is removed")
    for path in unnamed:
        yield DirectoryProblem(f"{path.name} is left of an interrupted rebuild or restore", path, "it is removed")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
