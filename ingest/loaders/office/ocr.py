"""Text recognition for scanned PDFs, by a command of the user's choice."""

import shlex
import subprocess

from retrieval.errors import LoadError

_WAY_OUT = "check `ocr_command` in the configuration"


class NoTextError(LoadError):
    """A PDF whose pages hold no text, as if scanned: text recognition may find some."""


def recognise(data: bytes, command: str) -> bytes:
    """The PDF that `command` makes of the PDF `data`: it reads one from standard input and writes one to its output.

    The command is split as a shell would, but no shell runs it. How long it may take is its caller's concern.

    Raises LoadError where it cannot be run, fails, or writes nothing; the reason ends with its last line of errors.
    """
    try:
        words = shlex.split(command)
        result = subprocess.run(words, input=data, capture_output=True, check=False)
    except (OSError, ValueError, IndexError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LoadError(f"text recognition by {command!r} cannot be run ({reason}); {_WAY_OUT}") from error
    if result.returncode == 0 and result.stdout:
        return result.stdout
    lines = result.stderr.decode("utf-8", "replace").replace("\0", "").split("\n")
    said = next((" ".join(line.split()) for line in reversed(lines) if line.strip()), "it said nothing")
    failure = f"failed with exit status {result.returncode}" if result.returncode else "wrote no PDF"
    raise LoadError(f"text recognition by {command!r} {failure} ({said}); {_WAY_OUT}")
