"""Whether an embedded Chroma may be opened: as it was left, or found whole by a process that may die of it.

Damage to the files of an HNSW graph takes a process down at the next write, or at a query. So a Chroma that is not as
it was left (seal.py), or whose last write did not come to an end, is used in a child process first (probe.py).
"""

import json
import signal
import subprocess
import sys
from pathlib import Path

from retrieval.chroma.seal import is_as_sealed, stamps, unseal
from retrieval.chroma.store import Store
from retrieval.config import Config
from retrieval.directory.disk import is_nearly_full, no_space
from retrieval.errors import IndexDamagedError

_PATIENCE = 120.0
_RATE = 2 << 20
"""Seconds that a check may take, and one more for so many bytes: far more than it needs."""

_PROGRAM = "import sys; sys.path[:] = {path!r}; from retrieval.chroma.probe import main; main({directory!r})"


def check(directory: Path, *, seconds: float | None = None) -> str | None:
    """What is wrong with the Chroma in `directory`, in words, or None. It must be open in no process.

    seconds   that it may take; None for as many as its size asks for.

    It is read whole, vectors too, and some rows are written again as they are. A crash and a hang are an answer.
    """
    if seconds is None:
        seconds = _PATIENCE + sum(size for size, _ in stamps(directory).values()) / _RATE
    program = _PROGRAM.format(path=sys.path, directory=str(directory))
    try:
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return f"Chroma does not come to an end within {seconds:.0f} s"
    if run.returncode < 0:
        return f"Chroma crashes ({signal.Signals(-run.returncode).name})"
    try:
        damage: str | None = json.loads(run.stdout)["damage"]
    except (ValueError, KeyError, TypeError):
        return f"Chroma ends with {run.returncode}: {' '.join(run.stderr.decode(errors='replace').split())[-200:]}"
    return damage


def open_checked(directory: Path, config: Config, *, patient: bool = False, is_settled: bool) -> Store:
    """Store.open, but an embedded Chroma that may be damaged is checked in another process first.

    is_settled   whether the last write to it came to an end. Where it did, and nothing has changed since Chroma was
                 sealed, it is opened at once.

    From here on it is no more as it was sealed; Store.seal and Store.close seal it. Raises as Store.open does, and
    IndexDamagedError with the damage in words.
    """
    if config.chroma_host is None and directory.is_dir() and any(directory.iterdir()):
        if not (is_settled and is_as_sealed(directory)):
            refuse_damaged(directory)
        unseal(directory)
    store = Store.open(directory, config, patient=patient)
    if not config.chroma_host:
        store.vouch_for(directory)
    return store


def refuse_damaged(directory: Path) -> None:
    """Raises IndexDamagedError where `check` finds something, and IndexUnusableError where the disk is full."""
    damage = check(directory)
    if damage is None:
        return
    if is_nearly_full(directory):
        raise no_space(directory, cause=damage)
    raise IndexDamagedError(
        f"Chroma in {directory} is damaged: {damage.rstrip('.')}; `ingest doctor --repair` makes it again from the "
        "search files."
    )
