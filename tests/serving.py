"""A real `retrieve serve`, in a process of its own on a free port of loopback."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import httpx

_SECONDS = 60


class Serving:
    """A running service; `client` speaks to it. A context manager that ends it, and wants it to end well."""

    def __init__(self, index: Path, *options: str, environment: Mapping[str, str] | None = None) -> None:
        command = [Path(sys.executable).with_name("retrieve"), "serve", "--index", index, "--port", "0", *options]
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
        )
        self.log: list[dict[str, Any]] = []
        url = next(line["message"].split()[-1] for line in self.lines() if "listening at" in line["message"])
        self.client = httpx.Client(base_url=url, timeout=_SECONDS)

    def __enter__(self) -> Self:
        wait_for(lambda: self.client.get("/ready").status_code == 200)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.stop()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def lines(self) -> Iterator[dict[str, Any]]:
        """The lines of the log, as they come."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(json.loads(line))
            yield self.log[-1]

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        for _ in self.lines():
            pass
        return self.process.wait(_SECONDS)

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
