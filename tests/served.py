"""A real `retrieve serve` process on loopback."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode


class Served:
    """A `retrieve serve` of an index, on a port that stays the same when it is stopped and started."""

    def __init__(self, index: Path, *options: str, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.origin = f"http://127.0.0.1:{port}"
        self._command = [sys.executable, "-m", "retrieval.cli", "serve", "--index", str(index), "--port", str(port)]
        self._command += options
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, env=self._environment, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not self._is_ready():
            assert self._process.poll() is None, "retrieve serve ended"
            assert time.monotonic() < deadline, "retrieve serve is not ready after a minute"

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(30)
            self._process = None

    def url(self, **asked: str) -> str:
        return f"{self.origin}/?{urlencode(asked)}" if asked else f"{self.origin}/"

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.origin}/ready", timeout=1):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return error.code == 401
        except OSError:
            return False


@contextmanager
def running(index: Path, *options: str, **environment: str) -> Iterator[Served]:
    process = Served(index, *options, **environment)
    try:
        process.start()
        yield process
    finally:
        process.stop()
