"""A disk that is full or failing, told so that one knows what to do."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retrieval.errors import IndexUnusableError

_LITTLE = 64 << 20
"""Bytes. A transaction that does not fit is rolled back, so a disk is not empty to the last byte after it was full."""

_WAYS_OUT = {
    errno.EIO: "see to the disk",
    errno.EROFS: "see to the disk, or name another directory",
    errno.EACCES: "ask for the right to write there, or name another directory",
    errno.EPERM: "make it writable, or name another directory",
    errno.ENOTDIR: "name another directory, since part of that path is a file",
}


def is_nearly_full(directory: Path) -> bool:
    """Whether a write there that has failed, for a reason that nobody gave, has failed for want of space."""
    try:
        return shutil.disk_usage(directory).free < _LITTLE
    except OSError:
        return False


def no_space(path: Path, *, cause: object = None, retry: str = "sync") -> IndexUnusableError:
    detail = f" ({cause})" if cause else ""
    return IndexUnusableError(f"{path}: no space left on device{detail}: free some space, then {retry} again.")


@contextmanager
def explaining_failures(directory: Path, *, retry: str = "sync") -> Iterator[None]:
    """Turns what the operating system says about the disk below `directory`, or about the right to write there, into
    an IndexUnusableError, which says what to try again."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise no_space(directory, retry=retry) from error
        way_out = _WAYS_OUT.get(error.errno or 0)
        if way_out is None:
            raise
        cause = os.strerror(error.errno or 0).lower()
        raise IndexUnusableError(f"{directory} cannot be written: {cause}; {way_out}, then {retry} again.") from error
