"""A real `retrieve serve`, in a process of its own on a free port of loopback."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import httpx

_SECONDS = 60


class Serving:
    """A running service; `client` speaks to it, `log` grows with its lines. A context manager that ends it."""

    log: Sequence[str] = ()

    def __init__(self, index: Path, *options: str, environment: Mapping[str, str] | None = None) -> None:
        self._command = [Path(sys.executable).with_name("retrieve"), "serve", "--index", index, *options]
        self._environment = {**os.environ, **(environment or {})}
        self.start()
        assert self.url is not None
        self.client = httpx.Client(base_url=self.url, timeout=_SECONDS)

    def start(self) -> None:
        """Where it was before, after `stop`."""
        port = str(urlsplit(self.url).port) if self.url else "0"
        log: list[str] = []
        self.log = log
        self.process = subprocess.Popen(
            [*self._command, "--port", port], stderr=subprocess.PIPE, text=True, env=self._environment
        )
        self._reading = threading.Thread(target=self._read, args=(log,))
        self._reading.start()
        wait_for(lambda: self.url is not None or self.process.poll() is not None)
        assert self.url is not None, self.log

    def __enter__(self) -> Self:
        wait_for(lambda: self.client.get("/ready").status_code == 200)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.stop()

    @property
    def url(self) -> str | None:
        """Where it listens, once it does."""
        messages = (json.loads(line)["message"] for line in self.log)
        return next((message.split()[-1] for message in messages if "listening at" in message), None)

    def page(self, **asked: str) -> str:
        """The address of the page that asks so."""
        return f"{self.url}/?{urlencode(asked)}" if asked else f"{self.url}/"

    def stop(self) -> int:
        """Ask it to end, if it has not; its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(_SECONDS)
        self._reading.join()
        return code

    def _read(self, log: list[str]) -> None:
        """All of the log as it comes: nobody may wait for it to be read."""
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            log.extend(lines)

    def parsers(self) -> set[int]:
        """The ids of the processes in which it parses files."""
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        children = {int(pid) for thread in threads for pid in thread.read_text().split()}
        return {pid for pid in children if b"parser_worker" in Path(f"/proc/{pid}/cmdline").read_bytes()}

    def sync(self, folder: str) -> dict[str, Any]:
        """The report of a sync that was done."""
        job = self.client.post("/sync", json={"folder": folder}).json()
        events = list(self.events(job["id"]))
        assert events[-1][0] == "done", events
        return events[-1][1]

    def events(self, job: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """What the service tells of a job, until it is over."""
        with self.client.stream("GET", f"/jobs/{job}", headers={"Accept": "text/event-stream"}) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            name = ""
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield name, json.loads(line.removeprefix("data: "))


def wait_for(condition: Any, *, seconds: float = _SECONDS) -> None:
    """Until the condition holds. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("what was waited for did not come")
        time.sleep(0.02)
