"""Exported models in the user's cache: each a directory under a seal, or the reason why there is none.

~/.cache/hybrid-retrieval/WEIGHTS-KEY/          as written, or not used
~/.cache/hybrid-retrieval/WEIGHTS-KEY.refused   why there is none, as in `refusals`
"""

import logging
from collections.abc import Callable
from pathlib import Path

from retrieval.encoders.cache import cache_directory, make_directory
from retrieval.encoders.file_hashes import sha256_of
from retrieval.encoders.refusals import is_refused, refuse
from retrieval.encoders.seal import is_whole, seal
from retrieval.types import digest

log = logging.getLogger(__name__)

_READ = {".json", ".txt", ".model"}
"""Suffixes of a model's files that its configuration and its tokenizer are read from."""


def cache_key(model: Path, *, weights: str, made_with: str) -> str:
    """Names the export of a model by its weights, then by its configuration and whatever else it is made with."""
    files = sorted(path for path in model.rglob("*") if path.suffix in _READ and path.is_file())
    contents = (f"{path.relative_to(model).as_posix()} {sha256_of(path)}" for path in files)
    return _prefix(weights) + digest("\n".join([made_with, *contents]))


def find_export(key: str) -> Path | None:
    """Its directory; None where there is none, or a file is not as it was written: then a warning is logged."""
    directory = cache_directory() / key
    return directory if is_usable(directory) else None


def make_export(key: str, write: Callable[[Path], None]) -> bool:
    """Fill the directory of that name by `write`, and seal it. False, with a line in the log, where that fails, or
    failed before: torch then runs the model."""
    if is_refused(key):
        return False

    def write_sealed(directory: Path) -> None:
        write(directory)
        seal(directory)

    try:
        make_directory(key, write=write_sealed, is_whole=is_whole)
    except Exception as error:  # exporters raise whatever a model's code makes them raise; torch runs it anyway
        log.info("The model cannot be exported, so that torch runs it: %s", error)
        log.debug("exporting failed", exc_info=True)
        refuse(key, error)
        return False
    return True


def is_usable(directory: Path) -> bool:
    """Whether it is there and as it was written; where it was altered, a warning is logged."""
    if is_whole(directory):
        return True
    if directory.exists():
        log.warning("The exported model in %s was altered since it was written: it is made again.", directory)
    return False


def altered_exports(weights: str) -> list[Path]:
    """Directories in the cache that hold exports of a model with these weights, and are not as they were written."""
    try:
        named = [path for path in cache_directory().iterdir() if path.name.startswith(_prefix(weights))]
    except OSError:
        return []  # there is no cache
    exports = [path for path in sorted(named) if path.is_dir() and not path.suffix]  # KEY.partial is being written
    found = [*exports, *(path / "int8" for path in exports if (path / "int8").is_dir())]
    return [path for path in found if not is_whole(path)]


def _prefix(weights: str) -> str:
    return f"{weights[:16]}-"
