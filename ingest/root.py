"""The folder that was asked for: where it lies, what it is called, and which ignore files reach it from above."""

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from ingest.gitignore import Rules, read_rules
from retrieval.directory.pointer import POINTER as INDEX_FILE
from retrieval.errors import ConfigError, SyncedSourceError
from retrieval.types import DocumentRecord, SyncedFolder, folder_of


def resolve_root(folder: Path) -> Path:
    """The folder's absolute path. Raises ConfigError where it cannot be listed, or is an index."""
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


def checked_name(root: Path, name: str | None) -> str:
    """`name`, or that of `root`. Raises ConfigError where no source can begin with it."""
    chosen = root.name if name is None else name
    if not chosen or chosen in {".", ".."} or "/" in chosen or "\0" in chosen or printable(chosen) != chosen:
        raise ConfigError(
            f"{printable(chosen)!r} cannot be the first part of a source. Give another name (--name): one part of "
            'a path, in UTF-8, without "/".'
        )
    return chosen


def printable(text: str) -> str:
    """The text, with \\udcXX for each byte of a file name that is not UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def rules_above(root: Path) -> tuple[str, tuple[Rules, ...]]:
    """The key of `root` in the git repository that it lies in, and the rules from above it, the farthest first; "" and
    () without one. Raises ConfigError where an ignore file cannot be read."""
    top = next((folder for folder in (root, *root.parents) if os.path.lexists(folder / ".git")), root)
    rules: list[Rules] = []
    key = ""
    for part in root.relative_to(top).parts:
        try:
            rules += read_rules(top, key)
        except OSError as error:
            raise ConfigError(
                f"{error.filename} cannot be read ({error.strerror}), and it says what to ignore. Make it readable."
            ) from error
        top /= part
        key += f"{part}/"
    return key, tuple(rules)


def check_claim(folders: Mapping[str, SyncedFolder], name: str, path: str) -> None:
    """A name stands for one folder, wherever it lies: one that has moved keeps its name, another cannot take it.

    Raises ConfigError.
    """
    owner = folders.get(name)
    if owner is not None and owner.path != path and Path(owner.path).is_dir():
        raise ConfigError(
            f"The name {name!r} belongs to the folder {owner.path} in this index; give {path} another one with --name."
        )


def check_free(sources: Iterable[str], folders: Collection[str]) -> None:
    """Raises SyncedSourceError for a source that begins with the name of a synced folder: that folder's files alone are
    called so, now or later."""
    for source in sources:
        if name := folder_of(source, folders):
            raise SyncedSourceError(
                f"{source!r} begins with the name of the synced folder {name!r}, whose files alone are called so; put "
                "it into the folder and sync, or use another source."
            )


def check_deletable(record: DocumentRecord) -> None:
    """Raises SyncedSourceError for a file's: the next sync would bring it back."""
    if record.folder:
        raise SyncedSourceError(
            f"{record.source!r} belongs to the synced folder {record.folder!r}; delete the file, then sync."
        )
