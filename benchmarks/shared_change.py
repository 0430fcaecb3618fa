"""How soon one changed file is found in an index in Milvus, as the folder and the index grow.

    python -m benchmarks.shared_change [--sizes N ...] [--runs N]

A folder of files with ten passages each is synced, with made-up vectors in place of a model. Then one file changes, and
`ingest sync` runs as a process of its own, with the real model; the median of several. The server is the one inside
milvus-lite, on the same processors.

    process   from the start of the process to its end; CPU: its processor time
    sync      of these, from the scan of the folder to the commit
    found     a search of another process, which has the index open, right after
    rows read   of passages, records of files, and notes, by a sync: all calls to Milvus of this process
"""

import argparse
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import ingest
from benchmarks.runs import timed_sync
from benchmarks.speed.made_up import drawn_words, unit_vectors, vocabulary
from retrieval import Config, HybridIndex
from retrieval.chroma.store import State
from retrieval.fingerprint import Fingerprint
from retrieval.shared_store.engine import Engine
from retrieval.types import Vectors
from tests.milvus_server import MilvusProcess

PASSAGES, WORDS = 10, 40
"""In a file, and in a passage."""

SETTINGS = {"RETRIEVAL_CHUNK_SIZE": "64", "RETRIEVAL_CHUNK_OVERLAP": "0"}
"""Of every process: so that each passage becomes a chunk."""

FOLDER = 250


class Lender:
    """An index that has a vector, at random, for whatever is asked for."""

    def __init__(self, fingerprint: Fingerprint) -> None:
        self.fingerprint = fingerprint
        self.state = State()
        self._random = np.random.default_rng(0)

    def vectors_of(self, digests: Sequence[str]) -> dict[str, Vectors]:
        return dict(zip(digests, unit_vectors(self._random, (len(digests), self.fingerprint.dimension)), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000], help="chunks")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    os.environ.update(SETTINGS)
    print("| chunks | first sync s | process s | CPU s | sync s | found s | rows read: passages, records, notes |")
    print("|---|---|---|---|---|---|---|")
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as scratch:
            server = MilvusProcess(Path(scratch, "server"))
            server.start()
            try:
                measure(Path(scratch), Config(store="milvus", store_uri=server.uri), size, arguments.runs)
            finally:
                server.kill()


def measure(scratch: Path, config: Config, size: int, runs: int) -> None:
    docs = scratch / "docs"
    write_files(docs, size // PASSAGES)
    with HybridIndex.open(scratch / "index", config=config) as index:
        lender: Any = Lender(Fingerprint.of(config, index.embedder))
        index.borrow_vectors(lender)
        first = ingest.sync(docs, index)
    timed, found = [], []
    with HybridIndex.open(scratch / "index") as index:
        index.search("river")
        for run in range(runs):
            change(docs, run)
            timed.append(timed_sync(docs, scratch / "index", "packaged"))
            started = time.perf_counter()
            assert f"zeppelin{run}" in index.search(f"zeppelin{run}")[0].text
            found.append(time.perf_counter() - started)
    syncs = [each.report["seconds"] for each in timed]
    cells = [median([getattr(each, name) for each in timed]) for name in ("seconds", "cpu")]
    print(
        f"| {first.chunks_added:,} | {first.seconds:,.0f} | {' | '.join(cells)} | {median(syncs)} | {median(found)} | "
        f"{rows_read(scratch, docs, runs)} |",
        flush=True,
    )


def rows_read(scratch: Path, docs: Path, number: int) -> str:
    """By a sync of one changed file."""
    read: Counter[str] = Counter()

    class Counting(Engine):
        def rows(self, collection: str, *arguments: Any) -> list[dict[str, Any]]:
            found = super().rows(collection, *arguments)
            read[collection] += len(found)
            return found

        def where(self, collection: str, *arguments: Any) -> Iterator[dict[str, Any]]:
            for row in super().where(collection, *arguments):
                read[collection] += 1
                yield row

    from retrieval.shared_store import manager

    change(docs, number)
    original, manager.Engine = manager.Engine, Counting  # type: ignore[misc]
    try:
        with HybridIndex.open(scratch / "index") as index:
            ingest.sync(docs, index)
    finally:
        manager.Engine = original  # type: ignore[misc]
    return ", ".join(f"{read[f'retrieval_{part}']:,}" for part in ("chunks", "documents", "notes"))


def write_files(docs: Path, count: int) -> None:
    """Of passages under a heading each."""
    words, random = vocabulary(), np.random.default_rng(0)
    for number in range(count):
        drawn = drawn_words(random, len(words), (PASSAGES, WORDS)).tolist()
        parts = [f"# Part {at} of {number}\n\n{' '.join(words[w] for w in part)}." for at, part in enumerate(drawn)]
        file = file_of(docs, number)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n\n".join(parts), "ascii")


def change(docs: Path, number: int) -> None:
    with file_of(docs, number).open("a", encoding="ascii") as file:
        file.write(f"\n\n# News\n\nA line about zeppelin{number} that was not there.\n")


def file_of(docs: Path, number: int) -> Path:
    return docs / f"{number // FOLDER:04}" / f"{number:06}.md"


def median(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.2f}"


if __name__ == "__main__":
    main()
