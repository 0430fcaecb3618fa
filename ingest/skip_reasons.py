"""Why something that lies in a folder is not read, and what to do about it."""

import errno
import math
import re
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

EMPTY = "it is empty"
NAME_NOT_UTF8 = "its name is not valid UTF-8; rename it"
LINK_OUT = "it links to a place outside the folder"
LINK_TO_FOLDER = "it links to a folder that is hidden, ignored or not read, and only links to files are followed"

MEGABYTE = 1_000_000
_SUFFIX = re.compile(r"\.\w{1,12}")
_FORMAT = re.compile(r"no loader reads its format \((.*)\);")
_KINDS_SHOWN = 8
_SPECIAL = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


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


class SkippedKind(NamedTuple):
    """How many files with that suffix, which may be "", were skipped for the same `reason`."""

    suffix: str
    reason: str
    files: int


def kinds_of(skipped: Iterable[tuple[str, str]]) -> tuple[SkippedKind, ...]:
    """The (source, reason) of files that were skipped, counted by kind; the most frequent kind first."""
    counts = Counter((_suffix(source), _gist(reason)) for source, reason in skipped)
    kinds = (SkippedKind(*kind, files) for kind, files in counts.items())
    return tuple(sorted(kinds, key=lambda kind: (-kind.files, kind)))


def in_words(kinds: Sequence[SkippedKind]) -> str:
    """Such as "3 files: 2 .doc (OLE file), 1 .png (PNG image)"."""
    files = sum(kind.files for kind in kinds)
    shown = [f"{kind.files:,} {kind.suffix or 'without a suffix'} ({kind.reason})" for kind in kinds[:_KINDS_SHOWN]]
    if others := sum(kind.files for kind in kinds[_KINDS_SHOWN:]):
        shown.append(f"{others:,} of {len(kinds) - _KINDS_SHOWN:,} other kinds")
    return f"{files:,} file{'' if files == 1 else 's'}: {', '.join(shown)}"


def _suffix(source: str) -> str:
    """In lower case; "" for what is rather a part of a name."""
    suffix = PurePosixPath(source).suffix.lower()
    return suffix if _SUFFIX.fullmatch(suffix) else ""


def _gist(reason: str) -> str:
    """The reason without the way out, for a parenthesis: "PNG image", "empty"."""
    found = _FORMAT.match(reason)
    gist = found[1] if found else re.split(r";|, which", reason)[0]
    return re.sub(r" \((.*?)\)", r", \1", re.sub(r"^it (?:is )?", "", gist))
