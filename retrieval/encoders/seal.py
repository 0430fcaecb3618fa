"""A directory's seal: the SHA-256 of each of its files, by which it is known later that none was altered."""

import json
from pathlib import Path

from retrieval.encoders.file_hashes import sha256_of

_SEAL = "files.json"
"""Hashes by the paths of files below the directory."""


def seal(directory: Path) -> None:
    """Seal what is there; files that are added later are not covered. Raises OSError."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    hashes = {path.relative_to(directory).as_posix(): sha256_of(path) for path in files}
    (directory / _SEAL).write_text(json.dumps(hashes, indent=1), "utf-8")


def is_whole(directory: Path) -> bool:
    """Whether the directory has a seal, and each file still has the hash that the seal gives."""
    try:
        hashes = json.loads((directory / _SEAL).read_text("utf-8"))
        return bool(hashes) and all(sha256_of(directory / name) == expected for name, expected in hashes.items())
    except (OSError, ValueError, AttributeError):
        return False
