"""A real core of Milvus on loopback: the server inside milvus-lite 2.5.1, which can be killed and started again."""

import importlib.util
import os
import socket
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

_VERSION = "2.5.1"
"""Later ones have another core, which loses rows."""


class MilvusProcess:
    """One server on one file: two on the same would both answer."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._library = _library()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        command = [str(self._library / "milvus"), str(self.directory / "milvus.db"), f"127.0.0.1:{self.port}", "ERROR"]
        self._process = subprocess.Popen(
            command,
            cwd=self.directory,
            env={**os.environ, "LD_LIBRARY_PATH": str(self._library)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(400):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("the Milvus server did not come up in 20 s")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


def _library() -> Path:
    """Where the server lies; skips the test where it is not installed."""
    pytest.importorskip("pymilvus", reason="the extra test-milvus is not installed")
    try:
        installed = version("milvus-lite")
    except PackageNotFoundError:
        installed = "none"
    found = importlib.util.find_spec("milvus_lite")
    if installed != _VERSION or found is None or not found.submodule_search_locations:
        pytest.skip(f"the extra test-milvus is not installed: milvus-lite {_VERSION} is needed, {installed} is there")
    return Path(next(iter(found.submodule_search_locations))) / "lib"
