"""Opens what a scan found: a regular file below the folder, reached by no link, whatever has been put there since."""

import errno
import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from ingest import skip_reasons
from ingest.documents import hash_of
from ingest.scan import ScannedFile
from retrieval.errors import LoadError

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""O_NONBLOCK: a FIFO that nobody writes to would be waited for. For a regular file it means nothing."""

_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""Where there is O_PATH, the right to search a folder is enough, as it is for any path."""

_LINKED = {errno.ELOOP, errno.EMLINK, errno.ENOTDIR}
"""What systems say of a link, or of a folder that is none any more."""

_BLOCK = 1 << 20


def open_file(path: str, *, root: str) -> BinaryIO:
    """The file at `path`, open for reading.

    root   the folder that it lies in, an absolute path without links: no link below it is followed. With "", whoever
           names the path vouches for it.

    Raises LoadError for what is reached by a link or is no regular file, OSError for what cannot be opened.
    """
    try:
        descriptor = _opened_below(root, Path(path)) if root else os.open(path, _FILE & ~os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in _LINKED:
            raise LoadError(skip_reasons.REPLACED) from error
        raise
    try:
        if reason := skip_reasons.not_a_file(os.fstat(descriptor).st_mode):
            raise LoadError(reason)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def hash_file(file: ScannedFile) -> str:
    """As hash_bytes of what the file holds; "" where it has grown since it was scanned: no more of it is read.

    Raises as open_file.
    """
    digest, left = hashlib.sha256(), file.size + 1
    with open_file(file.path, root=file.root) as opened:
        while left and (block := opened.read(min(_BLOCK, left))):
            digest.update(block)
            left -= len(block)
    return hash_of(digest) if left else ""


def _opened_below(root: str, path: Path) -> int:
    """Opens folder by folder, so that none of them can be exchanged for a link between a check and the opening."""
    *folders, name = path.relative_to(root).parts
    parent = os.open(root, _FOLDER & ~os.O_NOFOLLOW)
    try:
        for folder in folders:
            below = os.open(folder, _FOLDER, dir_fd=parent)
            os.close(parent)
            parent = below
        return os.open(name, _FILE, dir_fd=parent)
    finally:
        os.close(parent)
