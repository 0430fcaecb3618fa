"""An index that is made up, and questions to ask it: as large as wanted, in the time that publishing it takes.

Vectors are drawn at random, and texts have 60 words of which few are frequent and most are rare (Zipf's law), ten
chunks a document. They are published as those of real documents are, without Chroma.
"""

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.documents import packaged_tokenizer
from retrieval.chroma.store import State
from retrieval.config import Config
from retrieval.directory.index_directory import IndexDirectory
from retrieval.directory.pointer import Pointer
from retrieval.embedding import Embedder
from retrieval.fingerprint import Fingerprint
from retrieval.types import Chunk, DocumentRecord, Vectors
from retrieval.writer.commit import publish

CONFIG = Config(language="english")
"""What the index is made with, and has to be opened with."""

WORDS = 60
"""In the text of a chunk."""

TERMS = 7
"""Words of a question."""

_CHUNKS_PER_DOCUMENT = 10
_PAGE = 1000
_GENERATION = "0" * 32


def build(path: Path, size: int) -> float:
    """An index of so many chunks; the seconds that it took to publish it."""
    directory = IndexDirectory(path)
    embedder = Embedder.load(CONFIG)
    fingerprint = Fingerprint.of(CONFIG, embedder).to_json()
    made_up: Any = MadeUp(size, embedder.dimension)
    started = time.perf_counter()
    state = State(generation=_GENERATION, fingerprint=fingerprint)
    snapshot = directory.snapshots / _GENERATION
    publish(snapshot, state, store=made_up, records=made_up.records(), base=None, touched=())
    directory.write_pointer(Pointer(generation=_GENERATION, fingerprint=fingerprint))
    return time.perf_counter() - started


class MadeUp:
    """Stands in for a Store: what is read depends on the numbers of the chunks alone."""

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
                language="english", chunk_ids=tuple(islice(chunk_ids, _CHUNKS_PER_DOCUMENT)),
            )
            for number in range(-(-self.size // _CHUNKS_PER_DOCUMENT))
        ]  # fmt: skip

    def read_chunks(self, ids: Sequence[str]) -> Iterator[tuple[list[Chunk], Vectors]]:
        for start in range(0, len(ids), _PAGE):
            page = ids[start : start + _PAGE]
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
        document, ordinal = divmod(self.rows[id_], _CHUNKS_PER_DOCUMENT)
        text = " ".join([self.words[word] for word in words])
        return Chunk(
            id=id_, document_id=f"{document:032x}", source=f"made/up/{document}.txt", text=text, ordinal=ordinal,
            char_start=ordinal * 400, char_end=ordinal * 400 + len(text), line_start=ordinal, line_end=ordinal,
            page=None, page_end=None, tokens=100, headings=(), title=None, metadata={"team": f"team {document % 20}"},
        )  # fmt: skip


def vocabulary() -> list[str]:
    """The English words that the default model has a token for; it numbers them from the most frequent on."""
    tokens = packaged_tokenizer().get_vocab()
    words = [token for token in sorted(tokens, key=tokens.__getitem__) if token.isascii() and token.isalpha()]
    return [word for word in words if len(word) > 1]


def shares(words: int) -> NDArray[np.float64]:
    """How frequent each of that many words is, by Zipf's law."""
    weights: NDArray[np.float64] = 1 / np.arange(1, words + 1)
    return weights / weights.sum()


def drawn_words(random: np.random.Generator, words: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Numbers of that many words, as frequent as they are."""
    up_to = np.cumsum(shares(words))
    return np.searchsorted(up_to / up_to[-1], random.random(shape))


def questions(count: int, *, seed: int) -> list[str]:
    words, random = vocabulary(), np.random.default_rng(seed)
    drawn = drawn_words(random, len(words), (count, TERMS)).tolist()
    return [" ".join(words[number] for number in numbers) for numbers in drawn]
