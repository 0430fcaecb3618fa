"""What was skipped, counted by kind: by suffix and reason."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from retrieval.words import counted

_SUFFIX = re.compile(r"\.\w{1,12}")
_FORMAT = re.compile(r"no loader reads its format \((.*)\);")
_KINDS_SHOWN = 8


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
    """Such as "3 files: 2 .doc (OLE file), 1 .png (PNG image)"; of many kinds, the rarest are counted together."""
    files = sum(kind.files for kind in kinds)
    shown = [f"{kind.files:,} {kind.suffix or 'without a suffix'} ({kind.reason})" for kind in kinds[:_KINDS_SHOWN]]
    if others := sum(kind.files for kind in kinds[_KINDS_SHOWN:]):
        shown.append(f"and {others:,} more of other kinds, which -v lists")
    return f"{counted(files, 'file')}: {', '.join(shown)}"


def _suffix(source: str) -> str:
    """In lower case; "" for what is rather a part of a name."""
    suffix = PurePosixPath(source).suffix.lower()
    return suffix if _SUFFIX.fullmatch(suffix) else ""


def _gist(reason: str) -> str:
    """The reason without the way out, for a parenthesis: "PNG image", "empty"."""
    found = _FORMAT.match(reason)
    gist = found[1] if found else re.split(r";|, which", reason)[0]
    return re.sub(r" \((.*?)\)", r", \1", re.sub(r"^it (?:is )?", "", gist))
