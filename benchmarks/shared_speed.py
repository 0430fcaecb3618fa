"""How searches of an index in Milvus, and the server's memory and disk, grow with the index.

    python -m benchmarks.shared_speed [--sizes N ...] [--questions N] [--directory DIR]

One index grows to each size in turn (speed/made_up.py: 60 words and a random vector a chunk), written by the code that
writes real documents, without embedding. The server is the one inside milvus-lite, on the same processors.

    whole       Index.search, with the embedding of the question and a look for a newer generation
    candidates  without these two: the calls to Milvus, and the ranking of what they bring
    CPU         the client's processor time for the same
    dense, lexical   one call to Milvus for a side's candidates; a search makes both at once
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np

from benchmarks.speed.made_up import CONFIG, MadeUp, questions
from retrieval import HybridIndex
from retrieval.config import Config
from retrieval.search import Query, SearchOptions
from retrieval.shared_store.candidates import CandidateSearch
from retrieval.shared_store.reader import SharedReader
from retrieval.types import DocumentRecord
from tests.milvus_server import MilvusProcess

PAGE = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000, 100_000, 300_000, 1_000_000])
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--directory", type=Path, help="where the server's file is kept; default: for the time being")
    arguments = parser.parse_args()
    print("| chunks | rows/s | whole p50 / p95 ms | candidates p50 / p95 ms | CPU ms | dense ms | lexical ms | "
          "server MB | disk MB |\n|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    with (
        served(arguments.directory) as (server, config),
        HybridIndex.open(server.directory / "index", config=config) as index,
    ):
        made_up = MadeUp(max(arguments.sizes), index.embedder.dimension)
        records = iter(made_up.records())
        before = 0
        for size in sorted(arguments.sizes):
            started = time.perf_counter()
            grow(index, made_up, records, size - before)
            rate = (size - before) / (time.perf_counter() - started)
            before = size
            figures = measured(index, questions(arguments.questions, seed=size))
            memory, disk = resident(server.pid), used(server.directory / "milvus.db")
            print(f"| {size:,} | {rate:,.0f} | {figures} | {memory:,.0f} | {disk:,.0f} |", flush=True)


@contextmanager
def served(directory: Path | None) -> Iterator[tuple[MilvusProcess, Config]]:
    """A server, and settings for an index in it."""
    with tempfile.TemporaryDirectory() as scratch:
        server = MilvusProcess(directory or Path(scratch))
        server.start()
        try:
            yield server, CONFIG.model_copy(update={"store": "milvus", "store_uri": server.uri})
        finally:
            server.kill()


def grow(index: HybridIndex, made_up: MadeUp, records: Iterator[DocumentRecord], chunks: int) -> None:
    """Write the next documents, of so many chunks, with the commits that a long sync makes. Rows are inserted, not
    upserted: none is there that could be replaced, and milvus-lite looks for it the longer, the more there are."""
    with index.writing() as opened:
        writer = cast(Any, opened)
        writer.begin()
        client = writer._engine._client
        client.upsert = client.insert
        while chunks > 0:
            page = list(islice(records, PAGE // 10))
            ids = [id_ for record in page for id_ in record.chunk_ids]
            store = writer.store
            store.languages.update((record.id, "english") for record in page)
            for read, vectors in made_up.read_chunks(ids):
                store.put_chunks(read, vectors, {})
            store.put_records(page, np.zeros((len(page), made_up.dimension), np.float32))
            writer.commit_when_due()
            chunks -= len(ids)


def measured(index: HybridIndex, texts: Sequence[str]) -> str:
    """The cells of a row, from `whole` to `lexical`; the first tenth of the questions is not counted."""
    searcher = index.searcher()
    queries = searcher.queries(texts)
    reader, options = cast(SharedReader, searcher.reader), SearchOptions.of(index.config, 10, {})
    engine = reader.engine

    def candidates(query: Query) -> CandidateSearch:
        return CandidateSearch(reader, query, options, index.config, threads)

    def dense(query: Query) -> None:
        engine.search(engine.chunks, "vector", query.vector, limit=150, expression=reader.visible)

    def lexical(query: Query) -> None:
        for _, weights in candidates(query)._weights(query):
            engine.search(engine.chunks, "weights", weights, limit=150, expression=reader.visible)

    with ThreadPoolExecutor(4) as threads:
        whole = seconds(index.search, texts)
        reader.kept.clear()  # the rows of these questions
        started, spent = time.process_time(), seconds(lambda query: candidates(query).hits(None), queries)
        cpu = (time.process_time() - started) / len(queries)
        sides = [seconds(side, queries) for side in (dense, lexical)]
    return " | ".join([spread(whole), spread(spent), f"{1000 * cpu:.1f}", *(f"{median(side):.1f}" for side in sides)])


def seconds(call: Callable[[Any], Any], arguments: Sequence[Any]) -> list[float]:
    found = []
    for argument in arguments:
        started = time.perf_counter()
        call(argument)
        found.append(time.perf_counter() - started)
    return found[len(found) // 10 :]


def median(found: Sequence[float]) -> float:
    """Milliseconds."""
    return 1000 * statistics.median(found)


def spread(found: Sequence[float]) -> str:
    return f"{median(found):.1f} / {1000 * float(np.quantile(found, 0.95)):.1f}"


def resident(pid: int) -> float:
    """MB of memory that the process has."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1000


def used(path: Path) -> float:
    """MB on the disk."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


if __name__ == "__main__":
    main()
