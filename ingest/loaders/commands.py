"""Runs the commands that users set to read files with: no shell, and no more output than is wanted."""

import shlex
import subprocess
from collections import deque
from tempfile import TemporaryFile
from threading import Thread
from typing import IO

from retrieval.errors import LoadError

_LINE = 4096  # bytes of a line of errors, at most


def run_command(command: str, data: bytes, *, what: str, setting: str, max_bytes: int, input_file: str = "") -> bytes:
    """What `command` writes to its standard output, given `data` on its standard input.

    The command is split as a shell would, but no shell runs it. How long it may take, and in how much memory, is the
    concern of the process that this runs in.

    what, setting   for reasons: what the command does, and the setting that it is from.
    max_bytes       of output.
    input_file      a file that holds `data`: {input} in the command stands for its path, and with {input} there is
                    nothing on standard input.

    Raises LoadError where it cannot be run, fails, or writes nothing or too much; the reason ends with its last line
    of errors.
    """
    try:
        words = shlex.split(command)
        given = b"" if input_file and any("{input}" in word for word in words) else data
        words = [word.replace("{input}", input_file) if input_file else word for word in words]
        output, status, said = _run(words, given, max_bytes=max_bytes)
    except (OSError, ValueError, IndexError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LoadError(f"{what} by {command!r} cannot be run ({reason}); check `{setting}`") from error
    if len(output) > max_bytes:
        raise LoadError(f"{what} by {command!r} wrote more than {max_bytes / 10**6:g} MB; raise max_file_mb")
    if status == 0 and output.strip():
        return output
    if input_file:
        said = said.replace(input_file, "{input}")
    failure = f"failed with exit status {status}" if status else "wrote nothing"
    raise LoadError(f"{what} by {command!r} {failure} ({said}); check `{setting}`")


def _run(words: list[str], data: bytes, *, max_bytes: int) -> tuple[bytes, int, str]:
    """Its output, one byte more than `max_bytes` at most; its exit status; its last line of errors."""
    with TemporaryFile() as given:
        given.write(data)
        given.seek(0)
        with subprocess.Popen(words, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            if process.stdout is None or process.stderr is None:
                raise OSError("its output cannot be read")
            lines: deque[bytes] = deque(maxlen=1)
            reader = Thread(target=_keep_last, args=(process.stderr, lines), daemon=True)
            reader.start()
            output = process.stdout.read(max_bytes + 1)
            if len(output) > max_bytes:
                process.kill()
            process.wait()
            reader.join()
    last = b"".join(lines).decode("utf-8", "replace").replace("\0", "")
    return output, process.returncode, " ".join(last.split()) or "it said nothing"


def _keep_last(stream: IO[bytes], lines: deque[bytes]) -> None:
    """Read all lines, and keep the last that is not blank."""
    while line := stream.readline(_LINE):
        if line.strip():
            lines.append(line)
