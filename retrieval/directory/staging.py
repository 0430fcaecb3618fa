"""An index that is made beside another one, and takes its place by one write of the pointer.

    1  it is made in a directory of its own in the index: PURPOSE-XXXXXXXX/
    2  its search files and its Chroma move into the index, where no pointer names them yet
    3  the pointer names them: from here on it is the index
    4  what it replaces is removed

Killed at any moment, the index is the old one up to 3 and the new one from then on. What is left lying of 2 and 4 is
removed with the next write, and what is left of 1 when the next one takes the place. Both Chromas have directories
that were never used before, because SQLite takes a database that appears at the path of a removed one, in the same
process, for the removed one.
"""

import secrets
import shutil
from dataclasses import replace
from typing import Literal, get_args

from retrieval.directory.files import sync_to_disk, sync_tree
from retrieval.directory.index_directory import IndexDirectory
from retrieval.errors import IndexDamagedError

Purpose = Literal["rebuild", "restore"]


def new_staging(directory: IndexDirectory, purpose: Purpose) -> IndexDirectory:
    """A place for a new index; nothing is made yet."""
    return IndexDirectory(directory.path / f"{purpose}-{secrets.token_hex(4)}")


def stagings(directory: IndexDirectory, purpose: Purpose) -> list[IndexDirectory]:
    """What is being made, and what was left by processes that did not come to an end."""
    return [IndexDirectory(path) for path in directory.path.glob(f"{purpose}-????????") if path.is_dir()]


def discard(staged: IndexDirectory) -> None:
    shutil.rmtree(staged.path, ignore_errors=True)


def adopt(directory: IndexDirectory, staged: IndexDirectory) -> None:
    """Make `staged` the index in `directory`, whose lock is held; both are closed. Searches that have the old
    generation open go on reading it.

    Raises IndexDamagedError where the last write to `staged` was not finished.
    """
    pointer = staged.read_pointer()
    if pointer is None or pointer.writing or not pointer.generation:
        raise IndexDamagedError(f"{staged.path} is unfinished and cannot become the index; remove it and try again.")
    directory.make()
    keep = {file.name for file in staged.segments.iterdir()}
    for source, target in ((staged.segments, directory.segments), (staged.generations, directory.generations)):
        for file in source.iterdir():
            file.rename(target / file.name)
        sync_to_disk(target)
    if not pointer.chroma:
        chroma = directory.path / f"chroma-{secrets.token_hex(4)}"
        sync_tree(staged.chroma)
        staged.chroma.rename(chroma)
        pointer = replace(pointer, chroma_directory=chroma.name)
    sync_to_disk(directory.path)
    directory.write_pointer(pointer)
    directory.remove_leftovers(keep=keep)
    for purpose in get_args(Purpose):
        for left in stagings(directory, purpose):
            discard(left)
