"""How far the process is that writes an index, for others to read: in writer.json, beside who it is."""

import json
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retrieval.directory.files import private_open


def note_progress(holder: Path, progress: Mapping[str, Any] | None) -> None:
    """Say how far the write is; None takes it back. Nothing happens where this process does not write the index.

    holder   the writer.json of the index
    """
    try:
        noted = json.loads(holder.read_bytes())
        if (noted["pid"], noted["host"]) != (os.getpid(), socket.gethostname()):
            return
        noted = {"pid": noted["pid"], "host": noted["host"], "command": noted["command"]}
        with private_open(holder, "w") as file:
            json.dump(noted if progress is None else {**noted, "progress": dict(progress)}, file)
    except (OSError, ValueError, KeyError, TypeError):
        return  # it serves to inform; what is wrong with the disk, the write itself will say


def writer_progress(holder: Path) -> dict[str, Any] | None:
    """What a writer that is at work says: "pid", "host", "command", and what it noted. None where none is at work, or
    it says nothing. A process of another machine is taken to be at work."""
    try:
        noted = json.loads(holder.read_bytes())
        progress = noted.pop("progress")
        is_elsewhere = noted["host"] != socket.gethostname()
        return {**noted, **progress} if is_elsewhere or _is_alive(int(noted["pid"])) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _is_alive(process: int) -> bool:
    if sys.platform == "win32":
        return True  # where signal 0 is not harmless
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
