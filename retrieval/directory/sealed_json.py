"""A small JSON file with a checksum, so that no change to it goes unnoticed.

The file is one JSON object. Its first member, sha256, is the SHA-256 of the bytes of the file without that member: of
what stands after it, with the opening brace put back. So every byte is either compared or hashed.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retrieval.directory.files import private_open, sync_to_disk
from retrieval.errors import IndexDamagedError

SEAL = "sha256"
_BEGIN = f'{{"{SEAL}": "'.encode()
_END = b'", '
_DIGITS = 64


class SealError(IndexDamagedError):
    """A file is not exactly what was written."""


def write_sealed(path: Path, values: Mapping[str, Any]) -> None:
    """Write `values`, at least one, atomically: a reader finds the old file or the new one, after a loss of power too.

    The file is readable for its owner alone. Only one process may write it. Raises OSError.
    """
    if not values or SEAL in values:
        raise ValueError(f"a sealed file needs values, none of them called {SEAL}")
    body = json.dumps(values).encode()
    temporary = path.with_suffix(".tmp")
    with private_open(temporary, "wb") as file:
        file.write(_BEGIN + hashlib.sha256(body).hexdigest().encode() + _END + body[1:])
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_to_disk(path.parent)


def read_sealed(path: Path) -> dict[str, Any]:
    """What `write_sealed` wrote. Raises SealError for any other content, and OSError where there is nothing to read."""
    values = unseal(path.read_bytes())
    if values is None:
        raise SealError(f"{path} is damaged: it is not what was written.")
    return values


def unseal(content: bytes) -> dict[str, Any] | None:
    """The values in a sealed file's content; None where they are not what was sealed."""
    at = len(_BEGIN) + _DIGITS
    body = b"{" + content[at + len(_END) :]
    seal = hashlib.sha256(body).hexdigest().encode()
    if content[: at + len(_END)] != _BEGIN + seal + _END:
        return None
    values: dict[str, Any] = json.loads(body)  # hashed, and so what json.dumps gave
    return values
