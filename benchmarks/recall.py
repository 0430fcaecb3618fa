"""How many of the 100 nearest chunks a Chroma collection finds, next to the exact scan that our own searches make.

    make bench-recall [DOCS=FOLDER] [CHUNKS=100000]

The vectors are those of the folder's passages of up to 64 tokens. Where these are fewer than wanted, vectors are drawn
from the Gaussian that has their mean and covariance: as anisotropic as the model's own, and harder, because they lack
its clusters. Embedding a folder of 100,000 passages takes most of an hour; it is kept in .benchmarks/.

    near    questions with an answer: as far from a passage as passages are from their nearest neighbours
    far     questions without: drawn like the passages, near none in particular

Seconds are the processor's, of all threads together, so that other work on the machine does not count.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from chromadb import PersistentClient
from chromadb.config import Settings
from numpy.typing import NDArray

from ingest import sync
from retrieval import HybridIndex
from retrieval.chroma.client import Chroma
from retrieval.config import Config
from retrieval.search.cosines import Cosines
from retrieval.segments.quantization import QuantizedVectors
from retrieval.segments.stacked import StackedArray
from retrieval.types import Vectors

REPOSITORY = Path(__file__).resolve().parents[1]
PASSAGES = Config(chunk_size=64, context_header=False)
DEPTH = 100
QUERIES = 200
BATCH = 1000
TEXT = "The river drives the mill, and the mill grinds the corn of the valley. " * 3
"""What is stored with each vector: some 200 characters, as of a passage."""


class Space(NamedTuple):
    """float32, unit rows: the passages [n, dim], and two kinds of queries."""

    passages: Vectors
    near: Vectors
    far: Vectors


class Measured(NamedTuple):
    """recall for near and for far queries, and the median processor seconds of one."""

    near: float
    far: float
    seconds: float


Search = Callable[[Vectors], Sequence[int]]
"""Query vector -> the rows of the DEPTH nearest."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=REPOSITORY, help="default: this repository")
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--cache", type=Path, default=Path(".benchmarks"), help="where embedded folders are kept")
    arguments = parser.parse_args()
    real = embedded(arguments.folder.resolve(), arguments.cache)
    space = space_of(real, arguments.chunks, np.random.default_rng(0))
    kind = "embedded" if len(real) >= arguments.chunks + QUERIES else f"drawn as {len(real):,} embedded ones lie"
    print(f"{arguments.chunks:,} vectors, {kind}\n")
    print("| search | recall@100 near | far | query CPU ms | of exact | build CPU s | upserts a CPU s |")
    print("|---|---|---|---|---|---|---|")

    exact = exact_search(space.passages)
    truth = {row.tobytes(): frozenset(exact(row)) for row in (*space.near, *space.far)}
    scan = measured(exact, space, truth)
    print(f"| exact scan | {scan.near:.3f} | {scan.far:.3f} | {1000 * scan.seconds:.1f} | 1 | | |", flush=True)
    for name, opened in {"Chroma, its defaults": default_collection, "Chroma, our settings": own_collection}.items():
        with tempfile.TemporaryDirectory() as directory:
            collection, close = opened(Path(directory))
            with closing(close):
                seconds = fill(collection, space.passages)
                found = measured(chroma_search(collection), space, truth)
        print(
            f"| {name} | {found.near:.3f} | {found.far:.3f} | {1000 * found.seconds:.1f} | "
            f"{found.seconds / scan.seconds:.2f} | {seconds:.0f} | {len(space.passages) / seconds:,.0f} |",
            flush=True,
        )


def embedded(folder: Path, cache: Path) -> Vectors:
    """The vectors of the folder's passages; an interrupted run goes on where it was."""
    with HybridIndex.open(cache / "recall" / folder.name, config=PASSAGES) as index:
        report = sync(folder, index)
        reader = index.searcher().reader
        if not reader.size:
            raise SystemExit(f"{folder} has no text: {len(report.failed)} files failed.")
        return np.asarray(reader.vectors[reader.living])


def space_of(real: Vectors, chunks: int, random: np.random.Generator) -> Space:
    mean, spread = gaussian_of(real)
    if len(real) >= chunks + QUERIES:
        rows = random.permutation(len(real))
        near, passages = real[rows[:QUERIES]], real[rows[QUERIES : QUERIES + chunks]]
    else:
        passages = drawn(mean, spread, chunks, random)
        others = drawn(mean, spread, QUERIES, random)
        near = unit(passages[random.integers(0, chunks, QUERIES)] + others)  # a cosine of .7, as measured
    return Space(passages, near, drawn(mean, spread, QUERIES, random))


def gaussian_of(vectors: Vectors) -> tuple[Vectors, Vectors]:
    """The mean [dim], and the matrix [dim, dim] that gives standard normal vectors the covariance of these."""
    variances, directions = np.linalg.eigh(np.cov(vectors.T))
    return vectors.mean(axis=0), (directions * np.sqrt(np.maximum(variances, 0))).T


def drawn(mean: Vectors, spread: Vectors, count: int, random: np.random.Generator) -> Vectors:
    return unit(mean + random.normal(size=(count, len(spread))) @ spread)


def unit(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def default_collection(directory: Path) -> tuple[Any, Any]:
    client = PersistentClient(directory, settings=Settings(anonymized_telemetry=False))
    configuration: Any = {"hnsw": {"space": "cosine"}}
    return client.create_collection("chunks", configuration=configuration, embedding_function=None), client


def own_collection(directory: Path) -> tuple[Any, Any]:
    chroma = Chroma.embedded(directory)
    return chroma.collection("chunks"), chroma


def fill(collection: Any, vectors: Vectors) -> float:
    """The processor seconds that it took."""
    started = time.process_time()
    for start in range(0, len(vectors), BATCH):
        part = vectors[start : start + BATCH]
        ids = [str(row) for row in range(start, start + len(part))]
        collection.upsert(ids=ids, embeddings=part, documents=[TEXT] * len(part))
    return time.process_time() - started


def exact_search(passages: Vectors) -> Search:
    """What a search with mode="dense" does before it looks at texts."""
    vectors, quantized = StackedArray([passages]), QuantizedVectors.of(passages)

    def scan(vector: Vectors) -> tuple[NDArray[np.float64], float]:
        products = np.empty(len(passages))
        error = quantized.products(QuantizedVectors.of(vector[None]), products)
        return products, error

    def search(vector: Vectors) -> Sequence[int]:
        rows, cosines = Cosines(vector, vectors, scan).best(DEPTH, None)
        return [int(row) for row in rows[np.argsort(-cosines, kind="stable")][:DEPTH]]

    return search


def chroma_search(collection: Any) -> Search:
    def search(vector: Vectors) -> Sequence[int]:
        found = collection.query(query_embeddings=[vector], n_results=DEPTH, include=[])
        return [int(id_) for id_ in found["ids"][0]]

    search(
        np.asarray(collection.get(limit=1, include=["embeddings"])["embeddings"][0])
    )  # the first one loads the graph
    return search


def measured(search: Search, space: Space, truth: dict[bytes, frozenset[int]]) -> Measured:
    seconds = []

    def recall(queries: Vectors) -> float:
        found = []
        for query in queries:
            started = time.process_time()
            rows = search(query)
            seconds.append(time.process_time() - started)
            found.append(len(truth[query.tobytes()].intersection(rows)) / DEPTH)
        return statistics.mean(found)

    near, far = recall(space.near), recall(space.far)
    return Measured(near, far, statistics.median(seconds))


if __name__ == "__main__":
    main()
