"""The lock of an index's one writer. It dies with the process that holds it, and is not inherited by fork()."""

import json
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.directory.files import PRIVATE_FILE, private_open
from retrieval.errors import IndexLockedError

if TYPE_CHECKING:
    from filelock import FileLock


class WriterLock:
    """writer.lock, held by the one process that writes, and writer.json, which says who that is."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "writer.lock"
        self.holder = directory / "writer.json"
        self._directory = directory
        self._lock: FileLock | None = None
        self._pid = 0

    @property
    def is_held(self) -> bool:
        """Whether this very process holds it: a child of fork() finds its parent's lock in its memory."""
        return self._pid == os.getpid() and self._lock is not None and self._lock.is_locked

    def acquire(self) -> None:
        """Become the writer; may be done again by the one who is. Raises IndexLockedError, naming the holder, where
        another process is, and OSError."""
        if self._lock is None or self._pid != os.getpid():
            self._lock, self._pid = self._new(), os.getpid()
        try:
            self._lock.acquire()
        except TimeoutError:
            raise IndexLockedError(
                f"{self._directory} is being written by {self._describe_holder()}; wait for it to finish."
            ) from None
        try:
            with private_open(self.holder, "w") as file:
                json.dump({"pid": os.getpid(), "host": socket.gethostname(), "command": Path(sys.argv[0]).name}, file)
        except BaseException:
            self._lock.release()
            raise

    def release(self) -> None:
        """Undo one `acquire`. A child of fork() leaves its parent's lock alone."""
        if self.is_held and self._lock is not None:
            self._lock.release()

    def _new(self) -> "FileLock":
        from filelock import FileLock  # brings asyncio; readers need not wait for it

        return FileLock(self.file, timeout=0, thread_local=False, mode=PRIVATE_FILE)

    def _describe_holder(self) -> str:
        try:
            holder = json.loads(self.holder.read_bytes())
            return f"process {holder['pid']} on {holder['host']} ({holder['command']})"
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return "another process"
