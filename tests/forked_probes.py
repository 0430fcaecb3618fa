"""A process that forks one for each line that it reads, a directory in JSON, to look whether the Chroma there is whole.

It stands in for retrieval.chroma.health.check, which starts a process each time: here what that imports is imported
once. The answer is the exit status, negative for a signal, and the damage in words or null.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from retrieval.chroma.probe import examine


class ForkedProbes:
    """A context manager; the process starts when it is first needed. Call it like retrieval.chroma.health.check."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.communicate()

    def __call__(self, directory: Path, *, seconds: float | None = None) -> str | None:
        with self._lock:
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, __file__],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                    process_group=0,  # Ctrl-C is not for it
                )
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.stdin.write(json.dumps(str(directory.absolute())) + "\n")
            self._process.stdin.flush()
            status, damage = json.loads(self._process.stdout.readline())
        return f"Chroma crashes ({signal.Signals(-status).name})" if status < 0 else damage


def probe(directory: Path) -> tuple[int, Any]:
    with tempfile.TemporaryFile() as answer:
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                os.write(answer.fileno(), json.dumps(examine(directory)).encode())
                os._exit(0)
            os._exit(1)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        answer.seek(0)
        return status, json.loads(answer.read() or f'"Chroma ends with {status}"')


def main() -> None:
    import_module("chromadb.api.rust")
    for line in sys.stdin:
        sys.stdout.write(json.dumps(probe(Path(json.loads(line)))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
