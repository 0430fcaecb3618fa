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
CHUNKS, CHUNK_SIZE = 10_000, 32
FILES, MANY_FILES = 1_000, 10_000
FILES_PER_FOLDER = 250
QUERY = "which road leads over the stone bridge?"
_BIN = Path(sys.executable).parent
_IMPORT = 'python -c "import torch, sentence_transformers"'
_COMMANDS: dict[str, tuple[int, Sequence[Path | str]]] = {
    "retrieve search Q": (FILES, (_BIN / "retrieve", "search", QUERY)),
    "retrieve search Q --mode lexical": (FILES, (_BIN / "retrieve", "search", QUERY, "--mode", "lexical")),
    "ingest status": (FILES, (_BIN / "ingest", "status")),
    f"ingest status, {MANY_FILES:,} files": (MANY_FILES, (_BIN / "ingest", "status")),
    _IMPORT: (FILES, (sys.executable, "-c", "import torch, sentence_transformers")),
}


def measure(cache: Path, *, runs: int) -> dict[str, Any]:
    """Rounds in which each command runs once, after one that brings its files into memory."""
    indexes = {files: indexed(cache / f"shell-{files}", files) for files in (FILES, MANY_FILES)}

    def timed(files: int, command: Sequence[Path | str]) -> float:
        environment = {**os.environ, "RETRIEVAL_INDEX": str(indexes[files])}
        started = time.perf_counter()
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - started

    rounds = [{name: timed(*command) for name, command in _COMMANDS.items()} for _ in range(runs + 1)][1:]
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


def indexed(directory: Path, files: int) -> Path:
    """An index of so many files with as many chunks each as make CHUNKS; made where it is not there, and finished where
    it was broken off."""
    documents, index = directory / "documents", directory / "index"
    for number in range(files):
        file = documents / f"part{number // FILES_PER_FOLDER:03}" / f"file{number:05}.txt"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("\n\n".join(passage(number, part) for part in range(CHUNKS // files)) + "\n", "ascii")
    environment = {**os.environ, "RETRIEVAL_CHUNK_SIZE": str(CHUNK_SIZE)}
    command = [_BIN / "ingest", "sync", documents, "--index", index]
    subprocess.run(command, env=environment, check=True, stdout=sys.stderr)  # what it prints is not part of the report
    return index.absolute()


def passage(number: int, part: int) -> str:
    """More than half of a chunk, so that each is one."""
    words = (WORDS[(number * 7 + part * 3 + place * place) % len(WORDS)] for place in range(14))
    return f"Document {number}, part {part}: {' '.join(words)}"


def table(figures: dict[str, Any]) -> str:
    rows = [
        [f"`{name}`", f"{command['median_seconds']:.2f}", "" if name == _IMPORT else f"{command['ratio']:.2f}"]
        for name, command in figures["commands"].items()
    ]
    return f"{figures['chunks']:,} chunks in {FILES:,} files, {figures['runs']} runs\n\n" + markdown(
        ["command", "s", "of the import"], rows
    )
