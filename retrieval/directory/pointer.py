"""The pointer: the one file that says what an index is now."""

import json
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from retrieval.directory.sealed_json import SEAL, unseal, write_sealed
from retrieval.errors import ConfigError, IndexDamagedError, IndexMismatchError, IndexUnusableError

FORMAT = 3
POINTER = "retrieval-index.json"
"""A folder that holds a file of this name is an index; there are no documents in it."""

REWRITTEN = "; `ingest doctor --repair` writes it again."
"""How an error ends that a new pointer would mend."""

_UNSEALED = 2
"""The format of the version before: the same fields without a checksum, and search files of another kind."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """The contents of retrieval-index.json.

    generation   the name of the current generation; "" before the first.
    writing      set before Chroma is first changed and cleared once a generation shows the result: left set by a
                 process that died.
    fingerprint  Fingerprint.to_json() of what makes the index, "" before that is known.
    chroma       the chroma_* settings of the server that keeps the truth; empty where Chroma is embedded.
    chroma_directory   the name of the embedded Chroma's directory; "" where a server keeps the truth. Written as "",
                 it stays what it is.
    """

    generation: str = ""
    writing: bool = False
    fingerprint: str = ""
    chroma: dict[str, Any] = field(default_factory=dict)
    chroma_directory: str = ""
    format: int = FORMAT


_TYPES = {name.name: type(getattr(Pointer(), name.name)) for name in fields(Pointer)}


def write_pointer(file: Path, pointer: Pointer) -> None:
    """Atomic: a reader sees the old pointer or the new one. Raises OSError."""
    write_sealed(file, asdict(pointer))


def read_pointer(file: Path) -> Pointer:
    """Raises FileNotFoundError where there is none, IndexDamagedError for one that is not what was written,
    IndexMismatchError for one of another version, IndexUnusableError for one that may not be read, and ConfigError
    where the index would be a file.

    A pointer of the version before has nothing that this version can search. It is read as one whose last write was
    not finished, so that the search files are made from Chroma.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise
    except NotADirectoryError:
        raise ConfigError(f"{file.parent} is a file; an index is a directory.") from None
    except IsADirectoryError:
        raise IndexDamagedError(f"{file} is a directory{REWRITTEN}") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise IndexUnusableError(f"{file} cannot be read: {reason}; make it readable, or name another index.") from None
    values = unseal(content) or _unsealed(content)
    made = values.get("format")
    if type(made) is int and made not in (FORMAT, _UNSEALED):
        raise IndexMismatchError(
            f"{file.parent} has index format {made}, this version reads {FORMAT}; remove the index and sync again, or "
            "use the version that made it."
        )
    if {name: type(value) for name, value in values.items()} != _TYPES:
        raise IndexDamagedError(f"{file} is damaged{REWRITTEN}")
    pointer = Pointer(**values)
    if made == _UNSEALED:
        return replace(pointer, format=FORMAT, generation="", writing=True)
    return pointer


def _unsealed(content: bytes) -> dict[str, Any]:
    """What a pointer without a checksum says; nothing where it cannot be understood, or ought to have one."""
    try:
        values = json.loads(content)
        if not isinstance(values, dict) or SEAL in values or values.get("format") == FORMAT:
            return {}
        if values.get("fingerprint"):
            json.loads(values["fingerprint"])
    except (ValueError, TypeError, RecursionError):
        return {}
    return values
