"""Worker processes that run `serve` of a module of ours at the other end of a pipe: how they start, end and die."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from multiprocessing.connection import Connection, Pipe

_PROGRAM = "import sys; sys.path[:] = {path!r}; from {module} import serve; serve({descriptor})"
"""Not multiprocessing's way of starting processes, which would run the caller's main script again."""


def start(
    module: str, *, environment: Mapping[str, str], shows_errors: bool = False
) -> tuple["subprocess.Popen[bytes]", Connection]:
    """The process, and this end of the pipe whose other end `module.serve` gets the descriptor of.

    environment    what it has beside this process's own, or instead
    shows_errors   whether it shares this process's standard error; else it prints nothing
    """
    connection, theirs = Pipe()
    with closing(theirs):
        program = _PROGRAM.format(path=sys.path, module=module, descriptor=theirs.fileno())
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None if shows_errors else subprocess.DEVNULL,
            env={**os.environ, **environment},
            process_group=0,  # Ctrl-C at a terminal is not for it, and what it starts can be ended with it
        )
    return process, connection


def kill_group(process: "subprocess.Popen[bytes]") -> None:
    """End it with what it started; nothing where none of these runs. Its id must still be its own: it was not waited
    for, or just now."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def manner_of_death(code: int) -> str:
    """An exit code in words, to stand after "died"."""
    return f"of signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
