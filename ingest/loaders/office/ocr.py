"""Text recognition for scanned PDFs, by a command of the user's choice."""

from ingest.loaders.commands import run_command
from retrieval.errors import LoadError


class NoTextError(LoadError):
    """A PDF whose pages hold no text, as if scanned: text recognition may find some."""


def recognise(data: bytes, command: str, *, max_bytes: int) -> bytes:
    """The PDF that `command` makes of the PDF `data`: it reads one from standard input and writes one to its output.

    Raises LoadError as `run_command`.
    """
    return run_command(command, data, what="text recognition", setting="ocr_command", max_bytes=max_bytes)
