"""Formats that no loader reads, by commands of the user's choice: each makes text of the files of one suffix."""

import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from ingest.loaders.commands import run_command
from retrieval.errors import ConfigError

SETTING = "converters"


def converter_of(name: str, converters: Mapping[str, str]) -> str | None:
    """The command for files with that name's suffix, if one is set."""
    return converters.get(PurePosixPath(name).suffix.lower())


def convert(data: bytes, command: str, *, name: str, max_bytes: int) -> bytes:
    """What the command makes of the file of that name. Raises LoadError as `run_command`."""
    what = "conversion"
    if "{input}" not in command:
        return run_command(command, data, what=what, setting=SETTING, max_bytes=max_bytes)
    with TemporaryDirectory(prefix="convert-") as folder:
        file = Path(folder, f"input{PurePosixPath(name).suffix.lower()}")
        file.write_bytes(data)
        return run_command(command, data, what=what, setting=SETTING, max_bytes=max_bytes, input_file=str(file))


def check_converters(converters: Mapping[str, str]) -> None:
    """Raises ConfigError for a command that is not there, before any file is read."""
    for suffix, command in converters.items():
        program = shlex.split(command)[0]
        if shutil.which(program) is None:
            raise ConfigError(
                f"The converter for {suffix} cannot be run: there is no program {program!r} on the PATH. Install it, "
                f"or change `{SETTING}` in the configuration."
            )
