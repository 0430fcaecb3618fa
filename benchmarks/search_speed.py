"""How fast a search is, and how much memory it takes, in indexes of many sizes; and BM25 next to rank_bm25's.

    python benchmarks/search_speed.py [--sizes 1000,10000,100000] [--keep DIR] [--json FILE]

The indexes are made up: vectors that are drawn at random, texts of 60 words of which few are frequent and most are
rare (Zipf's law), ten chunks a document. They are published as those of real documents are, without Chroma. Each is
searched in a process of its own, with questions of seven such words, embedded by the default model. bm25s takes part
where it can be imported. Memory is what the process holds beyond what it held before it opened the index, the pages of
mapped files among it.
"""

import argparse
import ctypes
import gc
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval import HybridIndex
from retrieval.config import Config
from retrieval.embedding import Embedder
from retrieval.fingerprint import Fingerprint
from retrieval.lexical import LexicalIndex
from retrieval.storage.directory import IndexDirectory, Pointer
from retrieval.storage.publish import publish
from retrieval.storage.store import State
from retrieval.types import Chunk, DocumentRecord, Vectors

GENERATION = "0" * 32
CHUNKS_PER_DOCUMENT, WORDS = 10, 60
QUERIES, BATCH, TERMS = 200, 1000, 7
PEER_DOCUMENTS, PEER_WORDS = 100_000, 150
CONFIG = Config(language="english")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,10000,100000", help="chunks, separated by commas")
    parser.add_argument("--keep", type=Path, help="where the indexes are kept for the next run")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    parser.add_argument("--no-peers", action="store_true", help="leave out the comparison of BM25")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {"searches": {}, "bm25": {}}
    with tempfile.TemporaryDirectory() as temporary:
        for size in map(int, arguments.sizes.split(",")):
            path = (arguments.keep or Path(temporary)) / str(size)
            figures["searches"][size] = {"build s": built(path, size), **apart(measured_index, path, size)}
            print_table("chunks", figures["searches"])
    if not arguments.no_peers:
        for name in PEERS:
            if name == "bm25s" and not importable("bm25s"):
                continue
            figures["bm25"][name] = apart(measured_lexical, name)
        print_table(f"{PEER_DOCUMENTS:,} documents", figures["bm25"])
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1), "utf-8")


# An index that is made up


class MadeUp:
    """Stands in for a Store: what is read of a chunk depends on its number alone."""

    def __init__(self, size: int, dimension: int) -> None:
        self.size = size
        self.dimension = dimension
        self.words = vocabulary()
        self.rows: dict[str, int] = {f"{row:032x}": row for row in range(size)}

    def records(self) -> list[DocumentRecord]:
        chunk_ids = iter(self.rows)
        return [
            DocumentRecord(
                id=f"{number:032x}", source=f"made/up/{number}.txt", folder="made", content_hash=f"{number:032x}",
                size=4000, mtime_ns=1, indexed_ns=1, status="ready", reason="", fingerprint="made up", title=None,
                language="english", chunk_ids=tuple(islice(chunk_ids, CHUNKS_PER_DOCUMENT)),
            )
            for number in range(-(-self.size // CHUNKS_PER_DOCUMENT))
        ]  # fmt: skip

    def read_chunks(self, ids: Sequence[str]) -> Iterator[tuple[list[Chunk], Vectors]]:
        for start in range(0, len(ids), 1000):
            page = ids[start : start + 1000]
            random = np.random.default_rng(start)
            vectors = random.standard_normal((len(page), self.dimension), np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            words = drawn_words(random, len(self.words), (len(page), WORDS))
            yield [self._chunk(id_, numbers) for id_, numbers in zip(page, words.tolist(), strict=True)], vectors

    def chunk_ids(self) -> list[str]:
        return list(self.rows)

    def contents(self, ids: Sequence[str]) -> dict[str, str]:
        return {}

    def _chunk(self, id_: str, words: list[int]) -> Chunk:
        document, ordinal = divmod(self.rows[id_], CHUNKS_PER_DOCUMENT)
        text = " ".join([self.words[word] for word in words])
        return Chunk(
            id=id_, document_id=f"{document:032x}", source=f"made/up/{document}.txt", text=text, ordinal=ordinal,
            char_start=ordinal * 400, char_end=ordinal * 400 + len(text), line_start=ordinal, line_end=ordinal,
            page=None, page_end=None, tokens=100, headings=(), title=None, metadata={"team": f"team {document % 20}"},
        )  # fmt: skip


def vocabulary() -> list[str]:
    """The English words that the default model has a token for; it numbers them from the most frequent on."""
    tokens = Embedder.load(CONFIG).tokenizer.get_vocab()
    words = [token for token in sorted(tokens, key=tokens.__getitem__) if token.isascii() and token.isalpha()]
    return [word for word in words if len(word) > 1]


def drawn_words(random: np.random.Generator, words: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Numbers of that many words, by Zipf's law."""
    shares = np.cumsum(1 / np.arange(1, words + 1))
    return np.searchsorted(shares / shares[-1], random.random(shape))


def questions(count: int, *, seed: int) -> list[str]:
    words, random = vocabulary(), np.random.default_rng(seed)
    drawn = drawn_words(random, len(words), (count, TERMS)).tolist()
    return [" ".join(words[number] for number in numbers) for numbers in drawn]


def built(path: Path, size: int) -> float | None:
    """The seconds that it took; None where it was there."""
    directory = IndexDirectory(path)
    if directory.read_pointer() is not None:
        return None
    embedder = Embedder.load(CONFIG)
    fingerprint = Fingerprint.of(CONFIG, embedder).to_json()
    made_up: Any = MadeUp(size, embedder.dimension)
    started = time.perf_counter()
    state = State(generation=GENERATION, fingerprint=fingerprint)
    snapshot = directory.snapshots / GENERATION
    publish(snapshot, state, store=made_up, records=made_up.records(), base=None, touched=())
    directory.write_pointer(Pointer(generation=GENERATION, fingerprint=fingerprint))
    return time.perf_counter() - started


# What is measured


def measured_index(path: Path, size: int) -> dict[str, float]:
    embedder = Embedder.load(CONFIG)
    embedder.embed_queries(["warm"])
    before = resident()
    started = time.perf_counter()
    with HybridIndex.open(path, config=CONFIG, read_only=True) as index:
        figures = {"open s": time.perf_counter() - started}
        index._embedder = embedder
        for seed, mode in enumerate(("hybrid", "dense", "lexical"), 1):
            asked = questions(QUERIES, seed=seed)
            index.search(asked[0], mode=mode)
            seconds = timed(lambda query, mode=mode: index.search(query, mode=mode), asked)
            figures[f"{mode} p50 ms"] = 1000 * statistics.median(seconds)
            figures[f"{mode} p99 ms"] = 1000 * float(np.quantile(seconds, 0.99))
        figures["embedding p50 ms"] = 1000 * statistics.median(
            timed(lambda query: embedder.embed_queries([query]), asked)
        )
        figures["resident MB"] = resident() - before
        asked = questions(BATCH, seed=4)
        started = time.perf_counter()
        index.search_batch(asked)
        batch = (time.perf_counter() - started) / BATCH
        figures["batch ms"] = 1000 * batch
        figures["batch v. single"] = figures["hybrid p50 ms"] / 1000 / batch
        scan = exhaustive(index, embedder.embed_queries(asked[:20]))
        figures["numpy scan ms"] = 1000 * scan
        alone = figures["dense p50 ms"] - figures["embedding p50 ms"]
        figures["scan v. dense"] = 1000 * scan / alone
    return figures


def exhaustive(index: HybridIndex, queries: Vectors) -> float:
    """Median seconds of a product with all vectors, and the hundred best of it."""
    snapshot = index.snapshot
    assert snapshot is not None
    vectors = np.array(snapshot.vectors)

    def scan(query: Vectors) -> NDArray[np.intp]:
        scores = vectors @ query
        return np.argpartition(scores, -min(100, len(scores)))[-100:]

    return statistics.median(timed(scan, queries))


def measured_lexical(name: str) -> dict[str, float]:
    words = vocabulary()
    random = np.random.default_rng(0)
    blocks = (drawn_words(random, len(words), (1000, PEER_WORDS)).tolist() for _ in range(PEER_DOCUMENTS // 1000))
    corpus = [[words[number] for number in numbers] for block in blocks for numbers in block]
    asked = [question.split() for question in questions(50, seed=9)]
    before = resident()
    started = time.perf_counter()
    scores, add = PEERS[name](corpus)
    figures = {"build s": time.perf_counter() - started}
    scores(asked[0])
    figures["ms a query"] = 1000 * statistics.median(timed(scores, asked if name != "rank_bm25" else asked[:10]))
    figures["memory MB"] = resident() - before
    if add is not None:
        figures["add one ms"] = 1000 * statistics.median(timed(add, corpus[:100]))
        figures["add one, slowest ms"] = 1000 * max(timed(add, corpus[:1000]))
    return figures


Peer = tuple[Callable[[list[str]], Any], Callable[[list[str]], None] | None]


def ours(corpus: list[list[str]]) -> Peer:
    index = LexicalIndex(corpus)
    return index.get_scores, lambda document: index.add([document])


def rank_bm25(corpus: list[list[str]]) -> Peer:
    from rank_bm25 import BM25Okapi

    return BM25Okapi(corpus).get_scores, None


def bm25s(corpus: list[list[str]]) -> Peer:
    import bm25s

    index = bm25s.BM25(backend="numpy")
    index.index(corpus, show_progress=False)
    return index.get_scores, None


PEERS: dict[str, Callable[[list[list[str]]], Peer]] = {"ours": ours, "rank_bm25": rank_bm25, "bm25s": bm25s}


# How


def timed(call: Callable[[Any], Any], arguments: Sequence[Any] | NDArray[Any]) -> list[float]:
    """The seconds that each call took."""
    seconds = []
    for argument in arguments:
        started = time.perf_counter()
        call(argument)
        seconds.append(time.perf_counter() - started)
    return seconds


def apart(measure: Callable[..., dict[str, float]], *arguments: Any) -> dict[str, float]:
    """In a process of its own, whose memory holds nothing else."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, arguments)


def resident() -> float:
    """MB of this process, less what it has freed."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def importable(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None


def print_table(title: str, rows: dict[Any, dict[str, float | None]]) -> None:
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    print(f"\n| {title} | {' | '.join(names)} |\n|{'---|' * (len(names) + 1)}")
    for key, row in rows.items():
        cells = ["" if (value := row.get(name)) is None else f"{value:.4g}" for name in names]
        print(f"| {f'{key:,}' if isinstance(key, int) else key} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
