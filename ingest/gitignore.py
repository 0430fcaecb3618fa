"""What .gitignore files say of a path: pathspec reads the patterns, the last that matches decides."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pathspec.patterns.gitignore import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern


class _Pattern(NamedTuple):
    """A line of a .gitignore: `has_slash` ones are about the path from their file on, others about the name alone."""

    line: str
    has_slash: bool
    pattern: GitIgnoreSpecPattern

    def names(self, path: str) -> bool:
        """Whether it names this very path. pathspec lets a pattern speak for all that lies below what it names too;
        that would let "!*/" take back every file."""
        if not self.has_slash:
            return self._matches(path[path.rstrip("/").rfind("/") + 1 :])
        if self.line.endswith("/**"):
            return self._matches(path.rstrip("/"))
        parent = path[: path.rstrip("/").rfind("/") + 1]
        return self._matches(path) and not (parent and self._matches(parent))

    def _matches(self, path: str) -> bool:
        return self.pattern.match_file(path) is not None


class IgnoreFile(NamedTuple):
    """A .gitignore file's patterns, the last first; they hold for paths from the character `base` on."""

    base: int
    patterns: tuple[_Pattern, ...]


def read_ignore_file(folder: Path, key: str) -> Iterator[IgnoreFile]:
    """The .gitignore of `folder`, whose own path is `key`; nothing where it is a link, which git does not follow.

    A line that is no pattern is left out, as git does. Raises OSError where the file cannot be read.
    """
    path = folder / ".gitignore"
    if path.is_symlink() or not path.is_file():
        return
    lines = path.read_text("utf-8-sig", errors="surrogateescape").split("\n")
    yield IgnoreFile(len(key), tuple(pattern for line in reversed(lines) for pattern in _patterns(line)))


def is_ignored(key: str, rules: Sequence[IgnoreFile], *, is_folder: bool) -> bool:
    """Whether the last of the `rules` that says anything of the path `key` says that it is ignored.

    A folder that is ignored must not be walked: what lies below it is ignored too, and cannot be taken back.
    """
    path = f"{key}/" if is_folder else key
    for base, patterns in reversed(rules):
        for pattern in patterns:
            if pattern.names(path[base:]):
                return bool(pattern.pattern.include)
    return False


def _patterns(line: str) -> Iterator[_Pattern]:
    try:
        pattern = GitIgnoreSpecPattern(line)
    except GitIgnorePatternError:
        return
    if pattern.include is not None:  # a comment, or blank
        line = line.rstrip().rstrip("/")
        yield _Pattern(line, "/" in line, pattern)
