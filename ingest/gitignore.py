"""What .gitignore files say of a path: pathspec reads the patterns, the last that matches in the nearest file decides."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pathspec.patterns.gitignore import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern


class _Pattern(NamedTuple):
    """`of_path` patterns are held against the path from their file on, others against the name alone."""

    of_path: bool
    pattern: GitIgnoreSpecPattern


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

    A folder that is ignored must not be walked: nothing below it can be taken back. So a pattern need not speak for
    what is below the folder that it names, and does not: pathspec alone would let "!*/" take back every file.
    """
    path = f"{key}/" if is_folder else key
    name = path[key.rfind("/") + 1 :]
    for base, patterns in reversed(rules):
        for of_path, pattern in patterns:
            if pattern.match_file(path[base:] if of_path else name) is not None:
                return bool(pattern.include)
    return False


def _patterns(line: str) -> Iterator[_Pattern]:
    try:
        pattern = GitIgnoreSpecPattern(line)
    except GitIgnorePatternError:
        return
    if pattern.include is not None:  # a comment, or blank
        yield _Pattern("/" in line.rstrip().rstrip("/"), pattern)
