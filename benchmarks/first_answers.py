"""When the documents of a folder can be found while it is synced for the first time: by words, and by both sides.

    python -m benchmarks.first_answers [--wait-for-vectors] [--minutes M] [--cache DIR] [FOLDER...]

FOLDER is one of benchmarks.real_folders, or a path; without, python3.11-doc. `ingest sync` runs as a process of its
own; this one looks four times a second how many chunks a search could return, and how many of them have a vector. After
M minutes it stops the sync, and gives what had come by then: "-" for what had not. Half and all are of the chunks that
the folder makes, which words find; where that was not reached, of none.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.real_folders import FOLDERS, fetched
from retrieval import HybridIndex
from retrieval.errors import RetrievalError

_LOOK_SECONDS = 0.25


class Seen(NamedTuple):
    """How many chunks there were after so many seconds, and how many of them had a vector."""

    seconds: float
    chunks: int
    embedded: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", metavar="FOLDER", default=["python3.11-doc"])
    parser.add_argument("--wait-for-vectors", action="store_true", help="as before documents were found by their words")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--cache", type=Path, default=Path(".benchmarks"), help="where packages are kept")
    arguments = parser.parse_args()
    print("| folder | chunks | first s | half by words s | all by words s | half embedded s | all embedded s |")
    print("|---|---|---|---|---|---|---|")
    for name in arguments.folders:
        folder = fetched(FOLDERS[name], arguments.cache) if name in FOLDERS else Path(name)
        options = ["--wait-for-vectors"] if arguments.wait_for_vectors else []
        with tempfile.TemporaryDirectory() as scratch:
            seen = list(watched(folder, Path(scratch) / "index", options, seconds=60 * arguments.minutes))
        print(row(name, seen), flush=True)


def watched(folder: Path, index: Path, options: Sequence[str], *, seconds: float) -> Iterator[Seen]:
    """What a search could return, from the beginning of a sync to its end."""
    command = [sys.executable, "-m", "ingest.cli", "sync", str(folder), "--index", str(index), *options]
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    opened: HybridIndex | None = None
    try:
        while process.poll() is None and time.monotonic() - started < seconds:
            time.sleep(_LOOK_SECONDS)
            try:
                opened = opened or HybridIndex.open(index, read_only=True)
                reader = opened.searcher().reader
            except RetrievalError:
                continue  # it does not exist yet
            yield Seen(time.monotonic() - started, reader.size, reader.size - reader.pending)
        is_done = process.poll() is not None
        process.send_signal(signal.SIGINT)
        process.wait()
        if is_done and opened is not None:
            reader = opened.searcher().reader
            yield Seen(time.monotonic() - started, reader.size, reader.size)
    finally:
        process.kill()
        if opened is not None:
            opened.close()


def row(name: str, seen: Sequence[Seen]) -> str:
    chunks = max((each.chunks for each in seen), default=0)

    def first(count: float, of: str) -> str:
        times = [each.seconds for each in seen if getattr(each, of) >= count]
        return f"{times[0]:,.0f}" if times else "-"

    cells = [first(1, "chunks"), first(chunks / 2, "chunks"), first(chunks, "chunks")]
    return f"| {name} | {chunks:,} | {' | '.join([*cells, first(chunks / 2, 'embedded'), first(chunks, 'embedded')])} |"


if __name__ == "__main__":
    main()
