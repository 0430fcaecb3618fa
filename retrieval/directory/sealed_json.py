"""Small JSON files that notice every change of a bit."""

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class SealError(Exception):
    """The file is not what `write_sealed` wrote."""


def write_sealed(path: Path, values: Mapping[str, Any]) -> None:
    """Write the values and their checksum. Atomic: a reader sees the old file or the new one."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump({**values, "crc32": _checksum(values)}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_sealed(path: Path) -> dict[str, Any]:
    """The values that `write_sealed` wrote. Raises OSError, and SealError where a bit has changed."""
    return parse_sealed(path.read_bytes(), name=path.name)


def parse_sealed(data: bytes, *, name: str) -> dict[str, Any]:
    """The values in such a file, which has this name. Raises SealError where a bit has changed."""
    try:
        values: dict[str, Any] = json.loads(data)
        checksum = values.pop("crc32")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SealError(f"{name} is not what was written") from error
    if checksum != _checksum(values):
        raise SealError(f"{name} is not what was written")
    return values


def _checksum(values: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(values, sort_keys=True).encode())
