"""A process that forks one that syncs, and dies of SIGKILL at a given moment, for each line that it reads.

A line is JSON: `index`, `docs`, and `event`, the number of the event to die at, or `seconds` to die after. The answer
is the list of events that came before. The libraries and the model are loaded once, and never used before a fork.
"""

import json
import os
import signal
import sys
import tempfile
import time
from importlib import import_module
from typing import Any

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import torch
from breaking_points import break_into, make_small

from ingest import sync
from retrieval import HybridIndex
from retrieval.config import Config
from retrieval.encoders import shared_encoder


def run(index: str, docs: str, *, log: int, event: int | None, is_in_order: bool) -> None:
    events = 0

    def on_event(name: str) -> None:
        nonlocal events
        if events == event:
            os.kill(os.getpid(), signal.SIGKILL)
        events += 1
        os.write(log, f"{name}\n".encode())

    make_small(setattr, is_in_order=is_in_order)
    break_into(setattr, on_event)
    with HybridIndex.open(index) as opened:
        sync(docs, opened)


def die(index: str, docs: str, *, event: int | None = None, seconds: float | None = None) -> list[str]:
    with tempfile.TemporaryFile() as log:
        child = os.fork()
        if child == 0:
            try:
                run(index, docs, log=log.fileno(), event=event, is_in_order=seconds is None)
                os._exit(0)
            finally:
                os._exit(1)
        if seconds is not None:
            time.sleep(seconds)  # not for something to happen: to be somewhere else each time
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) not in (0, -signal.SIGKILL):
            raise RuntimeError(f"the sync ended with {os.waitstatus_to_exitcode(status)}")
        log.seek(0)
        return log.read().decode().splitlines()


def main() -> None:
    torch.set_num_threads(1)
    import_module("chromadb.api.rust")
    _held = shared_encoder(Config())  # held, for the processes that are forked
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        sys.stdout.write(json.dumps(die(**request)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
