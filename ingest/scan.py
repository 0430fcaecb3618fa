"""Which files a folder holds: hidden and ignored ones left out, in a fixed order."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.gitignore import IgnoreFile, is_ignored, read_ignore_file
from retrieval.directory import POINTER as INDEX_FILE
from retrieval.errors import ConfigError


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
class _Folder:
    """A folder to be walked.

    key    its path from the root of the git repository; "" or with a "/" at the end.
    rules  those of the .gitignore files above it, the farthest first.
    """

    path: str
    source: str
    key: str
    rules: tuple[IgnoreFile, ...]


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
                rules = (*rules, *read_ignore_file(Path(folder.path), folder.key))
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
    entry: os.DirEntry[str], parent: _Folder, rules: tuple[IgnoreFile, ...], root: Path
) -> ScannedFile | _Folder | tuple[str, str] | None:
    """The file or folder that `entry` is, (source, reason) where it has no usable name, None where it is left out."""
    if entry.name.startswith("."):
        return None
    is_folder = entry.is_dir(follow_symlinks=False)
    if not (is_folder or entry.is_file(follow_symlinks=False) or entry.is_symlink()):
        return None
    key = parent.key + entry.name
    if rules and is_ignored(key, rules, is_folder=is_folder):
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


def _repository(root: Path) -> tuple[str, tuple[IgnoreFile, ...]]:
    """The key of `root` in the git repository that it lies in, and the rules from above it; "" and () without one."""
    top = next((folder for folder in (root, *root.parents) if os.path.lexists(folder / ".git")), root)
    rules: list[IgnoreFile] = []
    key = ""
    for part in root.relative_to(top).parts:
        rules += read_ignore_file(top, key)
        top /= part
        key += f"{part}/"
    return key, tuple(rules)
