"""The user's cache of models that are made here: whole directories, or none.

~/.cache/hybrid-retrieval/NAME/           whole; XDG_CACHE_HOME moves it
~/.cache/hybrid-retrieval/NAME.partial/   being written, or left by a process that was killed
~/.cache/hybrid-retrieval/NAME.lock       held by the process that writes
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from retrieval.errors import ModelError


def cache_directory() -> Path:
    """Where it is; it need not exist. Raises ModelError where the user has no home directory."""
    if home := os.environ.get("XDG_CACHE_HOME"):
        return Path(home) / "hybrid-retrieval"
    try:
        return Path.home() / ".cache" / "hybrid-retrieval"
    except RuntimeError:  # HOME is not set, and the system does not know the user: common in containers
        raise ModelError("There is no home directory to cache models in: set HOME or XDG_CACHE_HOME.") from None


def make_directory(name: str, *, write: Callable[[Path], None], is_whole: Callable[[Path], bool]) -> Path:
    """The cache's directory `name`. Where it is not whole, `write` fills a new one, which then takes its place; another
    process that wants the same one waits.

    Raises whatever `write` raises, and OSError where the cache cannot be written; nothing of it is then left.
    """
    directory = cache_directory() / name
    if is_whole(directory):
        return directory
    from filelock import FileLock  # brings asyncio; who finds the directory whole need not wait for it

    directory.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(directory.with_name(f"{directory.name}.lock")):
        if is_whole(directory):  # another process has made it
            return directory
        partial = directory.with_name(f"{directory.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            write(partial)
            shutil.rmtree(directory, ignore_errors=True)
            partial.rename(directory)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return directory
