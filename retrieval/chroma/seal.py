"""How an embedded Chroma was left: the sizes and times of its files, so that a change since is noticed cheaply.

Chroma writes within our calls and never in the background: what is noted after a commit, or once it is closed, holds
until it is used again. Contents are not hashed: a bit that changes on the disk by itself is not noticed here, but by
the check of `ingest doctor`.
"""

from pathlib import Path

from retrieval.directory.sealed_json import SealError, read_sealed, write_sealed

_SEAL = "seal.json"
"""In the directory of an embedded Chroma, which pays it no attention."""


def seal(directory: Path) -> None:
    """Note that the Chroma in `directory` is whole and settled as it is. Raises OSError."""
    write_sealed(directory / _SEAL, {"files": stamps(directory)})


def unseal(directory: Path) -> None:
    """Have it checked when it is opened next, unless it is sealed again. Raises OSError."""
    (directory / _SEAL).unlink(missing_ok=True)


def is_as_sealed(directory: Path) -> bool:
    """Whether nothing has changed since `seal`. It takes a few calls of stat."""
    try:
        return read_sealed(directory / _SEAL) == {"files": stamps(directory)}
    except (OSError, SealError):
        return False


def stamps(directory: Path) -> dict[str, list[int]]:
    """By name: bytes, and the time of the last change in nanoseconds. Raises OSError."""
    own = {_SEAL, Path(_SEAL).with_suffix(".tmp").name}
    found = {}
    for path in sorted(directory.rglob("*")):
        if path.name not in own and path.is_file():
            stat = path.stat()
            found[path.relative_to(directory).as_posix()] = [stat.st_size, stat.st_mtime_ns]
    return found
