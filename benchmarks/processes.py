"""Work that is done in a process of its own, of this interpreter or of the peers'."""

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

_ENVIRONMENT = {
    "TQDM_DISABLE": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ANONYMIZED_TELEMETRY": "False",
    "LANGSMITH_TRACING": "false",
    "DO_NOT_TRACK": "1",
}

P = ParamSpec("P")
T = TypeVar("T")


def apart(measure: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """In a new process, whose memory holds nothing else. Raises BrokenProcessPool where it is killed."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, *arguments, **options).result()


def outcome_of(
    module: str, *arguments: Path | str, python: Path, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What a module, run by that interpreter, writes to the JSON file that is its last argument.

    Raises RuntimeError where that ends with a failure; what it says of that is on stderr.
    """
    with tempfile.TemporaryDirectory() as scratch:
        told = Path(scratch, "outcome.json")
        command = [python, "-m", module, *arguments, told]
        around = {**os.environ, **_ENVIRONMENT, **(environment or {})}
        # Some peers print as they work; the report is ours alone.
        if code := subprocess.run(command, stdout=sys.stderr, env=around).returncode:
            raise RuntimeError(f"{module} {arguments[0]} ended with {code}")
        outcome: dict[str, Any] = json.loads(told.read_text("utf-8"))
    return outcome
