"""The files of a folder that are asked for: include and exclude patterns, relative to the folder."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.gitignore import Pattern, Rules, is_covered, is_ignored, read_pattern
from retrieval.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Selection:
    """Which paths are asked for. `include` and `exclude` hold the last pattern first; without `include`, all are.

    named   the paths that `include` names, where it names paths and nothing else; else None
    """

    include: tuple[Pattern, ...]
    exclude: tuple[Pattern, ...]
    named: tuple[str, ...] | None = None

    def excludes(self, path: str, *, is_folder: bool) -> bool:
        """Whether a file, or a folder with all that is in it, is left out, as by a .gitignore of those patterns."""
        return bool(self.exclude) and is_ignored(path, (Rules(0, self.exclude),), is_folder=is_folder)

    def includes(self, path: str) -> bool:
        """Whether a file is among those to be read: the last pattern that names it, or a folder above it, decides."""
        return not self.include or is_covered(path, self.include)

    def may_include_below(self, folder: str) -> bool:
        """Whether a folder may hold what is to be read: without it, a file in a large folder would be looked for in
        all that lies beside it."""
        return self.named is None or any(
            f"{path}/".startswith(f"{folder}/") or folder.startswith(f"{path}/") for path in self.named
        )


def pattern_of(path: str) -> str:
    """The pattern that matches this path alone, which is relative to the folder."""
    return "/" + re.sub(r"([\\*?\[\]!# ])", r"\\\1", path)


def select(include: Sequence[str] = (), exclude: Sequence[str] = ()) -> Selection:
    """Reads the patterns. Raises ConfigError, naming it, for one that could not match."""
    selection = Selection(_patterns("include", include), _patterns("exclude", exclude), _named(include))
    if selection.include and not any(pattern.ignores for pattern in selection.include):
        raise ConfigError(
            f'include has only {", ".join(include)}, and "!" takes back from what comes before it, so nothing would be '
            "read. Put a pattern such as '*' first, or use exclude."
        )
    return selection


def patterns_of(given: str | Sequence[str] | None, configured: Sequence[str]) -> tuple[str, ...]:
    """The patterns that a caller gives, else the configured ones; a string is one pattern."""
    if given is None:
        return tuple(configured)
    return (given,) if isinstance(given, str) else tuple(given)


def _patterns(setting: str, lines: Sequence[str]) -> tuple[Pattern, ...]:
    if isinstance(lines, str):
        raise ConfigError(f"{setting} is a list of patterns; write [{lines!r}].")
    return tuple(_pattern(setting, line) for line in reversed(lines))


def _pattern(setting: str, line: str) -> Pattern:
    pattern = None if "\n" in line else read_pattern(line)
    if pattern is None:
        raise ConfigError(f"{setting}: {line!r} is not a gitignore pattern. Write one such as '*.md' or 'build/'.")
    if {".", ".."} & set(line.removeprefix("!").split("/")):
        raise ConfigError(f'{setting}: {line!r} matches nothing: patterns start at the folder, without "." and "..".')
    return pattern


def _named(include: Sequence[str]) -> tuple[str, ...] | None:
    paths = [re.sub(r"\\(.)", r"\1", line[1:]) for line in include]
    return tuple(path.rstrip("/") for path in paths) if include and all(map(_is_pattern_of, include, paths)) else None


def _is_pattern_of(line: str, path: str) -> bool:
    return line == pattern_of(path)
