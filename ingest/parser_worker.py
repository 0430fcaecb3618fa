"""The process in which files are parsed: it takes one after the other, each within limits of time and memory.

The time limit is the kernel's own timer, whose signal ends the process: it holds for a parser that never returns to
Python. Nothing that a file does here can harm the process that asked.
"""

import contextlib
import ctypes
import resource
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from ingest.chunking import ChunkSettings
from ingest.parsing import Unparsed, parse
from ingest.scan import ScannedFile
from retrieval.analysis import detect_language
from retrieval.config import AUTO
from retrieval.errors import ConfigError

_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
_SIZE_OF_LIMIT = 10_000_000
"""Bytes of which a slow and busy core parses and chunks any in the default time limit."""


class ParserSettings(NamedTuple):
    """max_bytes of a file, seconds of wall-clock time and memory_bytes for parsing it; language and ocr_command as in
    Config; converters are its items."""

    chunks: ChunkSettings
    language: str
    max_bytes: int
    seconds: float
    memory_bytes: int
    ocr_command: str | None
    converters: tuple[tuple[str, str], ...] = ()

    def seconds_for(self, size: int) -> float:
        """The limit for a file of so many bytes: `seconds`, and in proportion more beyond _SIZE_OF_LIMIT."""
        return self.seconds * max(1.0, size / _SIZE_OF_LIMIT)


def serve(descriptor: int) -> None:
    """Answer a ScannedFile, and whether its content is wanted, with Parsed or Unparsed, and with whether this process
    has grown so large that another should take its place, until the other end is closed. First come the ParserSettings,
    answered by None, or by the ConfigError that is in them."""
    end_with_parent()
    with Connection(descriptor) as connection, contextlib.suppress(EOFError, BrokenPipeError):
        settings: ParserSettings = connection.recv()
        try:
            chunker = settings.chunks.chunker()
        except ConfigError as error:
            connection.send(error)
            return
        if settings.language == AUTO:
            detect_language("")  # loads what it needs, at no file's expense
        at_first = _limit_memory(settings.memory_bytes)
        connection.send(None)
        while True:
            file: ScannedFile
            file, keeps_content = connection.recv()
            signal.setitimer(signal.ITIMER_REAL, settings.seconds_for(file.size))
            try:
                outcome = parse(
                    file,
                    chunker=chunker,
                    language=settings.language,
                    max_bytes=settings.max_bytes,
                    ocr_command=settings.ocr_command,
                    converters=dict(settings.converters),
                    keeps_content=keeps_content,
                )
                signal.setitimer(signal.ITIMER_REAL, 0)
                connection.send((outcome, _mapped_memory() - at_first > settings.memory_bytes // 2))
            except MemoryError:
                signal.setitimer(signal.ITIMER_REAL, 0)
                connection.send((Unparsed(memory_reason(settings)), True))


def memory_reason(settings: ParserSettings) -> str:
    megabytes = settings.memory_bytes // 10**6
    return f"parsing it needs more than {megabytes} MB of memory: raise parse_memory_mb, or split it"


def end_with_parent() -> None:
    """However that ends, and whatever is being parsed. Where the kernel is not Linux, the end of the pipe ends this
    process when the file in hand is done."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit_memory(allowance: int) -> int:
    """Returns the address space in use, in bytes: what the libraries have mapped so far is no file's doing."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    mapped = _mapped_memory()
    if mapped:
        resource.setrlimit(resource.RLIMIT_AS, (mapped + allowance, mapped + allowance))
    return mapped


def _mapped_memory() -> int:
    """0 where the system does not say, or does not limit it."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    except OSError:
        return 0
