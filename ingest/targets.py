"""What a sync is asked to look at: whole folders, or single files in the folder that they belong to."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ingest.selection import pattern_of, select
from retrieval.errors import ConfigError
from retrieval.types import SyncedFolder


class Target(NamedTuple):
    """folder: absolute, links resolved. name: of the folder in sources; None for its own. files: the paths in it, with
    "/", that alone are looked at; None for all."""

    folder: Path
    name: str | None
    files: tuple[str, ...] | None


def target_of(path: Path, folders: Mapping[str, SyncedFolder], name: str | None = None) -> Target:
    """A folder, or a file in the folder that it belongs to: the nearest synced one above it, else the one it lies in.

    folders   the synced ones, by name
    name      the folder's name, where the caller says so; of the synced folders that one alone counts then
    """
    if path.is_dir() or not path.exists():
        return Target(path, name, None)
    parent = Path(os.path.realpath(path.parent))
    file = parent / path.name  # a link is one of the folder's files, whatever it leads to
    above = [
        (Path(folder.path), known)
        for known, folder in folders.items()
        if (name is None or known == name) and file.is_relative_to(folder.path)
    ]
    root, known = max(above, key=lambda each: len(each[0].parts), default=(parent, name))
    return Target(root, known, (file.relative_to(root).as_posix(),))


def targets_of(paths: Iterable[Path], folders: Mapping[str, SyncedFolder], name: str | None = None) -> list[Target]:
    """As `target_of`, the files of one folder together and each once, in the order in which they were named.

    Raises ConfigError where two different folders would have one name.
    """
    found: dict[tuple[Path, str | None, bool], Target] = {}
    for path in paths:
        target = target_of(path, folders, name)
        key = (Path(os.path.realpath(target.folder)), target.name, target.files is None)
        earlier = found.get(key)
        if earlier is not None and earlier.files is not None and target.files is not None:
            target = earlier._replace(files=tuple(dict.fromkeys(earlier.files + target.files)))
        found[key] = target
    places: dict[str, Path] = {}
    for place, given, _ in found:
        called = place.name if given is None else given
        if places.setdefault(called, place) != place:
            raise ConfigError(
                f"{places[called]} and {place} would both be called {called!r} in sources; sync them one by one, and "
                "give one of them another name with --name."
            )
    return list(found.values())


def with_files(known: SyncedFolder | None, root: Path, files: Sequence[str], exclude: tuple[str, ...]) -> SyncedFolder:
    """The folder once these files of it are synced: the files it had, and these.

    known     the folder as it was last synced; None for one that is new, of which only these files are kept in step
    exclude   of a new folder
    """
    if known is None:
        return SyncedFolder(str(root), tuple(map(pattern_of, files)), exclude)
    selection = select(known.include, known.exclude)
    more = tuple(pattern_of(file) for file in files if not selection.includes(file))
    return SyncedFolder(str(root), (*known.include, *more), known.exclude)
