"""What ignore files say of a path: pathspec reads the patterns, the last that names the path decides."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pathspec.patterns.gitignore import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

IGNORE_FILES = (".gitignore", ".retrievalignore")
"""Where a folder has both, the patterns of the second come after those of the first."""

_ANYWHERE = re.compile(r"^/?(\*\*/)+")
"""The beginning of a pattern that means what the rest of it means."""


class Pattern(NamedTuple):
    """A line in the syntax of .gitignore.

    ignores       False where the line begins with "!".
    only_folders  whether it ends with "/".
    is_path       whether it is about the path from its file on; others are about the name alone.
    is_below      whether it ends with "/**".
    regex         what pathspec makes of it, which finds what lies below the things named too.
    """

    ignores: bool
    only_folders: bool
    is_path: bool
    is_below: bool
    regex: re.Pattern[str]

    def names(self, path: str, name: str) -> bool:
        """Whether it names this very path, whose last part is `name`; in a folder's, both end in "/". What lies below
        a folder is not named with it: that would let "!*/" take back every file."""
        if not self.is_path:
            return self.regex.search(name) is not None
        if self.is_below:
            return (path.endswith("/") or not self.only_folders) and self.covers(path.rstrip("/"))
        match = self.regex.search(path)
        return match is not None and match.end() == len(path)  # it is greedy: no other match ends later

    def covers(self, path: str) -> bool:
        """Whether it names this path or a folder above it."""
        return self.regex.search(path) is not None


class Rules(NamedTuple):
    """Patterns, the last first, that hold for paths from the character `base` on."""

    base: int
    patterns: tuple[Pattern, ...]


def read_pattern(line: str) -> Pattern | None:
    """The pattern on a line; None where there is none, or it is malformed, so that it names nothing."""
    try:
        pattern = GitIgnoreSpecPattern(line)
    except (GitIgnorePatternError, re.error):
        return None
    if pattern.regex is None:
        return None
    line = line.rstrip().removeprefix("!")
    path = _ANYWHERE.sub("", line.rstrip("/"))
    return Pattern(bool(pattern.include), line.endswith("/"), "/" in path, path.endswith("/**"), pattern.regex)


def read_rules(folder: Path, key: str) -> Iterator[Rules]:
    """Those of the IGNORE_FILES in `folder`, whose own path is `key`, in that order.

    One that is a link is left out, as git does, and so is a malformed line. Raises OSError where one cannot be read.
    """
    for name in IGNORE_FILES:
        path = folder / name
        if path.is_file() and not path.is_symlink():
            lines = path.read_text("utf-8-sig", errors="surrogateescape").split("\n")
            patterns = (read_pattern(line) for line in reversed(lines))
            yield Rules(len(key), tuple(pattern for pattern in patterns if pattern is not None))


def is_ignored(key: str, rules: Sequence[Rules], *, is_folder: bool) -> bool:
    """Whether the last of the `rules` that names the path `key` says that it is ignored.

    A folder that is ignored must not be walked: what lies below it is ignored too, and cannot be taken back.
    """
    path = one_line(f"{key}/" if is_folder else key)
    name = path[path.rfind("/", 0, -1) + 1 :]
    for base, patterns in reversed(rules):
        below = path[base:]
        for pattern in patterns:
            if pattern.names(below, name):
                return pattern.ignores
    return False


def is_covered(path: str, patterns: Iterable[Pattern]) -> bool:
    """Whether the last of the patterns (given the last first) that names a path or a folder above it is no "!"."""
    path = one_line(path)
    return next((pattern.ignores for pattern in patterns if pattern.covers(path)), False)


def one_line(path: str) -> str:
    """The path with another character in place of newlines, which pathspec's regular expressions stumble over. No
    pattern can hold either."""
    return path.replace("\n", "\0")
