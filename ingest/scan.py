"""Which files a folder holds: hidden and ignored ones left out, in a fixed order."""

import codecs
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import ConfigError

INDEX_FILE = "retrieval-index.json"
"""A folder that holds a file of this name is an index; there are no documents in it."""


_NEVER = "(?!)"
_UNTRIMMED = re.compile(r"\\.|\\\Z|[^\\ ]+| +(?=[^ ])", re.S)  # all but the spaces at the end that no \ protects
_TOKEN = re.compile(
    r"(?P<folders>\*{2,}/)|(?P<all>\*{2,}(?=\Z|\\/))|(?P<stars>\*+)|(?P<one>\?)"
    r"|\[(?P<set>[!^]?+\]?+(?>\[:[^\]]*:\]|\\.|[^\]\\])*+)\]|(?P<unfinished>\[|\\\Z)|(?P<literal>\\.|.)",
    re.S,
)
_ITEM = re.compile(r"\[:(?P<name>[^\]]*):\]|(?P<low>\\.|.)(?:-(?P<high>\\.|.))?", re.S)
_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t-\r ",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """source as in Document; path absolute; size in bytes, mtime_ns in nanoseconds since the epoch."""

    source: str
    path: Path
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Scan:
    """What a folder holds.

    root    the folder's absolute path.
    name    the first component of every source.
    files   by source, in code point order.
    failed  (source, reason) of what could not be looked at, by source; that of a folder ends in "/", and what is below
            it is unknown rather than gone.
    """

    root: Path
    name: str
    files: tuple[ScannedFile, ...]
    failed: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Rules:
    """A .gitignore file, as two regular expressions over keys from the character `base` on.

    The first alternative that matches is the last line that does; it is a group where the line begins with "!".
    """

    base: int
    files: re.Pattern[str]
    folders: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to be walked.

    key    its path from the root of the git repository, as `_bytewise`; "" or with a "/" at the end.
    rules  those of the .gitignore files above it, the farthest first.
    """

    path: str
    source: str
    key: str
    rules: tuple[_Rules, ...]


def scan(folder: Path, *, name: str | None = None) -> Scan:
    """The regular files below `folder` that are neither hidden nor ignored.

    A file's source is `name`, by default that of the folder itself, then its path from there. Ignored is what the
    .gitignore files say, as git reads them: those in the folder, and those above it in the same git repository. (The
    folder itself is never ignored, since it was asked for.) A folder with an INDEX_FILE is left out. Links to folders
    are not followed, nor are links to files outside the folder.

    Raises ConfigError where `folder` cannot be listed, is an index, or has no name to cite its files by.
    """
    root = _root(folder)
    top = _Folder(str(root), _checked_name(root, name), *_repository(root))
    found = list(_walk(top, root))
    files = sorted((item for item in found if isinstance(item, ScannedFile)), key=lambda file: file.source)
    failed = sorted(item for item in found if not isinstance(item, ScannedFile))
    return Scan(root, top.source, tuple(files), tuple(failed))


def _walk(top: _Folder, root: Path) -> Iterator[ScannedFile | tuple[str, str]]:
    """Every file below `top`, and (source, reason) for what could not be looked at."""
    pending = [top]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(folder.path) as iterator:
                entries = {entry.name: entry for entry in iterator}
        except OSError as error:
            yield f"{folder.source}/", f"it cannot be listed: {error.strerror}"
            continue
        if INDEX_FILE in entries:
            continue
        rules = folder.rules
        try:
            if ".gitignore" in entries:
                rules = (*rules, *_rules_of(Path(folder.path), folder.key))
        except OSError as error:
            yield f"{folder.source}/.gitignore", f"its rules do not apply: {error.strerror}"
        for entry in entries.values():
            try:
                found = _looked_at(entry, folder, rules, root)
            except OSError as error:
                found = (f"{folder.source}/{_printable(entry.name)}", f"it cannot be read: {error.strerror}")
            if isinstance(found, _Folder):
                pending.append(found)
            elif found is not None:
                yield found


def _looked_at(
    entry: os.DirEntry[str], parent: _Folder, rules: tuple[_Rules, ...], root: Path
) -> ScannedFile | _Folder | tuple[str, str] | None:
    """The file or folder that `entry` is, (source, reason) where it has no usable name, None where it is left out."""
    if entry.name.startswith("."):
        return None
    is_folder = entry.is_dir(follow_symlinks=False)
    if not (is_folder or entry.is_file(follow_symlinks=False) or entry.is_symlink()):
        return None
    key = parent.key + _bytewise(entry.name)
    if rules and _ignored(key, rules, is_folder=is_folder):
        return None
    if entry.is_symlink() and not _leads_to_file_in(entry.path, root):
        return None
    source = f"{parent.source}/{_printable(entry.name)}"
    if not source.endswith(f"/{entry.name}"):
        return f"{source}/" if is_folder else source, "its name is not valid UTF-8; rename it"
    if is_folder:
        return _Folder(entry.path, source, f"{key}/", rules)
    status = entry.stat()
    return ScannedFile(source, Path(entry.path), status.st_size, status.st_mtime_ns)


def _leads_to_file_in(link: str, root: Path) -> bool:
    try:
        target = Path(link).resolve(strict=True)
        return target.is_relative_to(root) and stat.S_ISREG(target.stat().st_mode)
    except (OSError, RuntimeError):  # it dangles, or goes round in circles
        return False


def _root(folder: Path) -> Path:
    """The folder's absolute path, once it is known that it can be walked."""
    try:
        root = folder.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise ConfigError(f"{folder} is not a folder that exists. Check the path.") from error
    if not root.is_dir():
        raise ConfigError(f"{folder} is not a folder. Name the folder that holds it.")
    try:
        is_index = any(path.name == INDEX_FILE for path in root.iterdir())
    except OSError as error:
        raise ConfigError(f"{folder} cannot be listed ({error.strerror}). Ask for access to it.") from error
    if is_index:
        raise ConfigError(f"{folder} is an index, not a folder of documents. Name the folder that it was made of.")
    return root


def _checked_name(root: Path, name: str | None) -> str:
    chosen = root.name if name is None else name
    if not chosen or chosen in {".", ".."} or "/" in chosen or "\0" in chosen or _printable(chosen) != chosen:
        raise ConfigError(
            f"{_printable(chosen)!r} cannot be the first part of a source. Give another name (--name): one part of "
            'a path, in UTF-8, without "/".'
        )
    return chosen


def _printable(text: str) -> str:
    """The text, with \\udcXX for each byte of a file name that is not UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _repository(root: Path) -> tuple[str, tuple[_Rules, ...]]:
    """The key of `root` in the git repository that it lies in, and the rules from above it; "" and () without one."""
    top = next((folder for folder in (root, *root.parents) if os.path.lexists(folder / ".git")), root)
    rules: list[_Rules] = []
    key = ""
    for part in root.relative_to(top).parts:
        rules += _rules_of(top, key)
        top /= part
        key += f"{_bytewise(part)}/"
    return key, tuple(rules)


def _bytewise(name: str) -> str:
    """The name with a character for each byte, because git matches bytes: "?" is half an umlaut."""
    return name if name.isascii() else os.fsencode(name).decode("latin-1")


def _rules_of(folder: Path, key: str) -> Iterator[_Rules]:
    """The .gitignore of `folder`; nothing where it is a link, which git does not follow either."""
    path = folder / ".gitignore"
    if path.is_symlink() or not path.is_file():
        return
    lines = path.read_bytes().removeprefix(codecs.BOM_UTF8).decode("latin-1").split("\n")
    patterns = [pattern for line in reversed(lines) if (pattern := _translated(line))]
    yield _Rules(
        len(key),
        files=re.compile("|".join(regex for regex, folders_only in patterns if not folders_only) or _NEVER, re.S),
        folders=re.compile("|".join(regex for regex, _ in patterns) or _NEVER, re.S),
    )


def _ignored(key: str, rules: tuple[_Rules, ...], *, is_folder: bool) -> bool:
    """What the nearest .gitignore says that says anything."""
    for rule in reversed(rules):
        match = (rule.folders if is_folder else rule.files).fullmatch(key, rule.base)
        if match:
            return match.lastindex is None
    return False


def _translated(line: str) -> tuple[str, bool] | None:
    """A line of a .gitignore as (regular expression, whether it is for folders only); None for one without a pattern.

    By gitignore(5), and by git's dir.c and wildmatch.c where that is silent. pathspec would not do: there a nested
    "!keep/" takes back all that is below keep, whatever the files above ignore, and a stray "!" is an error.
    """
    if line.startswith("#"):
        return None
    pattern = "".join(_UNTRIMMED.findall(line.removesuffix("\r")))
    negated = pattern.startswith("!")
    pattern = pattern.removeprefix("!")
    folders_only = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    if not pattern:
        return None
    if "/" in pattern:
        regex = _regex(pattern.removeprefix("/"))
    else:  # it is about names, in which "**" is no more than "*"
        regex = f"(?:.*/)?{_regex(re.sub(r'[*]+', '*', pattern))}"
    return f"({regex})" if negated else regex, folders_only


def _regex(glob: str) -> str:
    """A regular expression for the paths that `glob` matches."""
    special = re.search(r"[*?\[\\]", glob)
    pieces = []
    for token in _TOKEN.finditer(glob):
        # git compares the part before the first special character by itself, so "**" after it begins a component too.
        begins = token.start() == 0 or glob[token.start() - 1] == "/" or (special and token.start() == special.start())
        match token.lastgroup:
            case "folders":
                pieces.append("(?:.*/)?" if begins else "[^/]*/")
            case "all":
                pieces.append(".*" if begins else "[^/]*")
            case "stars":
                pieces.append("[^/]*")
            case "one":
                pieces.append("[^/]")
            case "set":
                pieces.append(_set(token["set"]))
            case "unfinished":
                pieces.append(_NEVER)
            case _:
                pieces.append(re.escape(token[0][-1]))
    return "".join(pieces)


def _set(items: str) -> str:
    """The regular expression of "[items]"."""
    negation = "^" if items[0] in "!^" else ""
    ranges = []
    for item in _ITEM.finditer(items, len(negation)):
        if item["name"] is not None:
            if item["name"] not in _CLASSES:
                return _NEVER
            ranges.append(_CLASSES[item["name"]])
            continue
        low, high = item["low"][-1], (item["high"] or item["low"])[-1]
        ranges.append(re.escape(low))  # git tries it by itself before it knows of a range
        if low < high:
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
    return f"(?!/)[{negation}{''.join(ranges)}]"
