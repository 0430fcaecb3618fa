"""Files of one entry a line, read so that an error can name file and line."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from retrieval.errors import ConfigError


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """ "file:line" and the text of each line that is not blank. Raises ConfigError for what is missing or not UTF-8."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}.") from error
    with file:
        for number, raw in enumerate(file, start=1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise ConfigError(f"{path}:{number}: not UTF-8 (byte {error.start + 1} of the line).") from error
            if line := line.rstrip("\r\n"):
                yield f"{path}:{number}", line


def read_entries(path: Path) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Where it stands, its _id and the whole object, for each line of a JSON Lines file; every _id is unique."""
    seen: set[str] = set()
    for where, line in read_lines(path):
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            raise ConfigError(f"{where}: not a line of JSON: {error.msg} at column {error.colno}.") from error
        if not isinstance(entry, dict):
            raise ConfigError(f"{where}: expected an object with _id and text, got {line[:80]!r}.")
        key = string_of(entry, "_id", where=where)
        if key in seen:
            raise ConfigError(f"{where}: _id {key!r} came before; every _id must be unique.")
        seen.add(key)
        yield where, key, entry


def string_of(entry: Mapping[str, object], key: str, *, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str):
        raise ConfigError(f"{where}: {key} must be a string, got {value!r}.")
    return value
