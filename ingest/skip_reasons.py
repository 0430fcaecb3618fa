"""Why something that lies in a folder is not read, and what to do about it."""

import errno
import math
import stat
from pathlib import Path

EMPTY = "it is empty"
NAME_NOT_UTF8 = "its name is not valid UTF-8; rename it"
LINK_OUT = "it links to a place outside the folder"
LINK_TO_FOLDER = "it links to a folder that is hidden, ignored or not read, and only links to files are followed"
REPLACED = "it, or a folder above it, was exchanged for a link since the folder was scanned; sync again"

MEGABYTE = 1_000_000
_SPECIAL = {
    stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}  # fmt: skip


def unreadable(what: str, error: OSError) -> str:
    return f"{what} ({error.strerror}); make it readable, or ignore it"


def broken_link(error: OSError) -> str:
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return "it links to nothing; mend the link, remove it, or ignore it"
    if error.errno == errno.ELOOP:
        return "it links to itself in the end; mend the link, remove it, or ignore it"
    return unreadable("it links to what cannot be looked at", error)


def not_a_file(mode: int) -> str | None:
    """None for a regular file, by its st_mode."""
    if stat.S_ISREG(mode):
        return None
    return f"it is {_SPECIAL.get(stat.S_IFMT(mode), 'something else')}, not a file; remove it, or ignore it"


def too_large(size: int, limit: float) -> str | None:
    """None where a file has no more bytes than the limit."""
    if size <= limit:
        return None
    shown = math.ceil(size / MEGABYTE * 10) / 10  # upwards, so that it is more than the limit
    return f"it has {shown:,.15g} MB and the limit is {limit / MEGABYTE:,.15g} MB: raise max_file_mb, or ignore it"


def unknown_rules(error: OSError) -> str:
    name = Path(error.filename).name
    return f"what to ignore in it is unknown: its {name} cannot be read ({error.strerror}); make that readable"
