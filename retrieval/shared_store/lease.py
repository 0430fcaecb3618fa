"""One writer at a time, among many machines, by a note that its holder renews.

Milvus has no compare-and-swap. So a writer that finds no lease writes its own, waits longer than a write takes, and
has it if it is still there (Fischer's algorithm, in Lamport 1987, "A fast mutual exclusion algorithm"). A lease that is
not renewed for a while lapses, by the clock of the one who looks; that of a process of this machine which has ended
lapses at once. The holder stops writing before others take a lease for lapsed.
"""

import json
import logging
import os
import socket
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from retrieval.errors import IndexLockedError, IndexUnusableError
from retrieval.shared_store.engine import Engine

log = logging.getLogger(__name__)

_KEY = "lease"
_SETTLE = 0.3
"""Seconds from writing a lease to having it."""

_BEAT = 3.0
_LOST, _LAPSED = 20.0, 30.0
"""Seconds between renewals, after which a holder that could not renew stops, and after which others take over."""

_GAP = 0.1
"""Seconds until a lease that is being renewed, which readers may not find, is looked for again."""


class Lease:
    """The right to write; `close` gives it back."""

    def __init__(self, engine: Engine, *, index: str) -> None:
        """Raises IndexLockedError where another writer has it."""
        self._engine = engine
        self._index = index
        self._token = uuid.uuid4().hex
        self._beat = 0
        self._is_lost = False
        self._acquire()
        self._renewed = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises IndexLockedError where the lease may be another's by now."""
        if self._is_lost or time.monotonic() - self._renewed > _LOST:
            raise IndexLockedError(f"Another process has begun to write {self._index}; sync again.")

    def confirm(self) -> None:
        """As `check`, after looking at the lease."""
        self.check()
        if self._holder().get("token") != self._token:
            self._is_lost = True
        self.check()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        with suppress(IndexUnusableError):  # it lapses, then
            if self._holder().get("token") == self._token:
                self._engine.delete(self._engine.notes, [_KEY])

    def _acquire(self) -> None:
        held, since = self._holder(), time.monotonic()
        while held and not _has_ended(held):
            time.sleep(1.0)
            now = self._holder()
            if now != held:
                if now:
                    raise IndexLockedError(
                        f"Another process writes {self._index} (process {now['process']} on {now['host']}); try again "
                        "when it is done."
                    )
                break
            if time.monotonic() - since > _LAPSED:
                log.warning("The writer of %s on %s has gone; another takes over.", self._index, held["host"])
                break
        self._write()
        time.sleep(_SETTLE)
        if self._holder().get("token") != self._token:
            raise IndexLockedError(f"Another process begins to write {self._index}; try again when it is done.")

    def _keep(self) -> None:
        while not self._ended.wait(_BEAT):
            with suppress(IndexUnusableError):
                if self._holder().get("token") != self._token:
                    self._is_lost = True
                    return
                self._write()
                self._renewed = time.monotonic()

    def _write(self) -> None:
        self._beat += 1
        about = {"token": self._token, "beat": self._beat, **_this_process()}
        self._engine.upsert(
            self._engine.notes,
            [
                {
                    "key": _KEY, "name": _KEY, "born": 0, "part": 0, "parts": 1, "text": json.dumps(about),
                    "vector": [0.0, 1.0],
                }
            ],
        )  # fmt: skip

    def _holder(self) -> dict[str, Any]:
        for _ in range(3):
            found = self._engine.rows(self._engine.notes, [_KEY], ["text"])
            if found:
                holder: dict[str, Any] = json.loads(found[0]["text"])
                return holder
            time.sleep(_GAP)
        return {}


def _this_process() -> dict[str, Any]:
    return {"host": socket.gethostname(), "boot": _boot(), "process": os.getpid(), "started": _started(os.getpid())}


def _has_ended(holder: dict[str, Any]) -> bool:
    """Whether it was a process of this machine, which is no more."""
    if not holder["boot"] or (holder["host"], holder["boot"]) != (socket.gethostname(), _boot()):
        return False
    return bool(holder["started"]) and _started(holder["process"]) != holder["started"]


def _boot() -> str:
    """Tells one start of this machine, or container, from another; "" where that is not known."""
    with suppress(OSError):
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {Path('/proc/self/ns/pid').readlink()}"
    return ""


def _started(process: int) -> str:
    """When a process of this machine began; "" where there is none."""
    with suppress(OSError):
        state, *rest = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return "" if state == "Z" else rest[18]
    return ""
