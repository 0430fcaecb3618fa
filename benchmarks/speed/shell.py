"""What a command costs that is run once from a shell, next to the import of what others load for each."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed.tables import markdown, median_ratio

WORDS = ("river", "mill", "bridge", "stone", "water", "forest", "hill", "valley", "road", "bread", "rain", "cloud")
CHUNKS = 10_000
FILES_PER_FOLDER = 250
QUERY = "which road leads over the stone bridge?"
_BIN = Path(sys.executable).parent
_IMPORT = 'python -c "import torch, sentence_transformers"'
_COMMANDS: dict[str, Sequence[Path | str]] = {
    "retrieve search Q": (_BIN / "retrieve", "search", QUERY),
    "retrieve search Q --mode lexical": (_BIN / "retrieve", "search", QUERY, "--mode", "lexical"),
    "ingest status": (_BIN / "ingest", "status"),
    _IMPORT: (sys.executable, "-c", "import torch, sentence_transformers"),
}


def measure(cache: Path, *, runs: int) -> dict[str, Any]:
    """Rounds in which each command runs once, after one that brings its files into memory."""
    environment = {**os.environ, "RETRIEVAL_INDEX": str(indexed(cache / "shell"))}

    def timed(command: Sequence[Path | str]) -> float:
        started = time.perf_counter()
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - started

    rounds = [{name: timed(command) for name, command in _COMMANDS.items()} for _ in range(runs + 1)][1:]
    seconds = {name: [times[name] for times in rounds] for name in _COMMANDS}
    return {
        "chunks": CHUNKS,
        "runs": runs,
        "commands": {
            name: {
                "median_seconds": statistics.median(times),
                "ratio": median_ratio(times, seconds[_IMPORT]),
                "seconds": times,
            }
            for name, times in seconds.items()
        },
    }


def indexed(directory: Path) -> Path:
    """An index of as many files of one chunk each; made where it is not there, and finished where it was broken off."""
    documents, index = directory / "documents", directory / "index"
    for number in range(CHUNKS):
        file = documents / f"part{number // FILES_PER_FOLDER:03}" / f"file{number:05}.txt"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            words = (WORDS[(number * 7 + place * place) % len(WORDS)] for place in range(12))
            file.write_text(f"Document {number}: {' '.join(words)}\n", "ascii")
    subprocess.run(
        [_BIN / "ingest", "sync", documents, "--index", index], check=True, stdout=sys.stderr
    )  # what it prints is not part of the report
    return index.absolute()


def table(figures: dict[str, Any]) -> str:
    rows = [
        [f"`{name}`", f"{command['median_seconds']:.2f}", "" if name == _IMPORT else f"{command['ratio']:.2f}"]
        for name, command in figures["commands"].items()
    ]
    return f"{figures['chunks']:,} chunks, {figures['runs']} runs\n\n" + markdown(
        ["command", "s", "of the import"], rows
    )
