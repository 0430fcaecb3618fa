"""How the files of an index are made: for their owner alone, and so that they outlive a loss of power."""

import os
from pathlib import Path
from typing import IO, Any

PRIVATE_DIRECTORY = 0o700
PRIVATE_FILE = 0o600


def make_private_directory(path: Path) -> None:
    """Make a directory that its owner alone may enter, whatever the umask; one that is there stays as it is.

    Missing directories above it are made as the umask says: they are no part of an index.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=PRIVATE_DIRECTORY)
    except FileExistsError:
        if not path.is_dir():
            raise


def private_open(path: Path, mode: str = "rb") -> IO[Any]:
    """`open`, but a file that it makes is readable and writable for its owner alone, whatever the umask. Text is UTF-8.

    A file that is there keeps its mode. Raises as `open` does.
    """
    encoding = None if "b" in mode else "utf-8"
    return open(path, mode, encoding=encoding, opener=lambda name, flags: os.open(name, flags, PRIVATE_FILE))


def make_tree_private(directory: Path) -> None:
    """Take from everybody but their owner the right to a directory and to all that other software has made in it."""
    _make_private(directory, PRIVATE_DIRECTORY)
    for parent, folders, files in os.walk(directory):
        for name in folders:
            _make_private(Path(parent, name), PRIVATE_DIRECTORY)
        for name in files:
            _make_private(Path(parent, name), PRIVATE_FILE)


def sync_to_disk(path: Path) -> None:
    """Wait until a file, or a directory's list of names, would survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(directory: Path) -> None:
    """As `sync_to_disk`, a directory and all that is below it."""
    for path in (*directory.rglob("*"), directory):
        sync_to_disk(path)


def _make_private(path: Path, mode: int) -> None:
    try:
        if path.stat(follow_symlinks=False).st_mode & 0o077:
            path.chmod(mode)
    except OSError:  # removed meanwhile, or somebody else's: then it is for that one to say who may read it
        pass
