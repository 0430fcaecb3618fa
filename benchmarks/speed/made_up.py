"""An index that is made up, and questions to ask it: as large as wanted, in the time that committing it takes.

Vectors are drawn at random, and texts have 60 words of which few are frequent and most are rare (Zipf's law), ten
chunks a document. They are committed as those of real documents are, without Chroma.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.documents import packaged_tokenizer
from retrieval.backup.archive import restore, save
from retrieval.chroma.store import State
from retrieval.config import Config
from retrieval.directory.index_directory import IndexDirectory
from retrieval.directory.pointer import Pointer
from retrieval.encoders import Embedder
from retrieval.fingerprint import Fingerprint
from retrieval.segments.merger import Merger
from retrieval.segments.reader import IndexReader
from retrieval.types import Chunk, DocumentRecord, Vectors, document_id
from retrieval.writer.backlog import Backlog
from retrieval.writer.commit import Changes, commit, merge

CONFIG = Config(language="english")
"""What the index is made with, and has to be opened with."""

WORDS = 60
"""In the text of a chunk."""

TERMS = 7
"""Words of a question."""

CHUNKS_PER_DOCUMENT = 10
_PAGE = 1000
_GENERATION = "0" * 32


def build(path: Path, size: int) -> float:
    """An index of so many chunks; the seconds that it took to commit it."""
    directory = IndexDirectory(path)
    path.mkdir(exist_ok=True)
    directory.make()
    embedder = Embedder.load(CONFIG)
    state = State(_GENERATION, {}, Fingerprint.of(CONFIG, embedder).to_json())
    made_up: Any = MadeUp(size, embedder.dimension)
    merger = Merger(directory.segments)
    started = time.perf_counter()
    changes = Changes({record.source: record for record in made_up.records()}, ())
    empty = IndexReader.empty(CONFIG)
    reader = commit(
        directory,
        state,
        changes,
        base=empty,
        store=made_up,
        config=CONFIG,
        merger=merger,
        backlog=Backlog(directory.segments, ()),
    )
    reader = merge(directory, reader, config=CONFIG, merger=merger, backlog=Backlog(directory.segments, ()))
    directory.write_pointer(Pointer(generation=_GENERATION, fingerprint=state.fingerprint))
    directory.remove_leftovers(keep=reader.files)
    merger.close()
    return time.perf_counter() - started


def build_with_chroma(path: Path, size: int) -> None:
    """An index of so many chunks that can be changed: it has a Chroma, restored from its search files."""
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        searched, archive = Path(scratch, "index"), Path(scratch, "index.tar")
        build(searched, size)
        save(searched, archive)
        restore(archive, path)


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
                id=document_id(source_of(number)), source=source_of(number), folder="made",
                content_hash=f"{number:032x}", size=4000, mtime_ns=1, indexed_ns=1, status="ready", reason="",
                fingerprint="made up", title=None, language="english",
                chunk_ids=tuple(islice(chunk_ids, CHUNKS_PER_DOCUMENT)),
            )
            for number in range(-(-self.size // CHUNKS_PER_DOCUMENT))
        ]  # fmt: skip

    def read_chunks(self, ids: Sequence[str]) -> Iterator[tuple[list[Chunk], Vectors]]:
        for start in range(0, len(ids), _PAGE):
            page = ids[start : start + _PAGE]
            random = np.random.default_rng(self.rows[page[0]])
            vectors = unit_vectors(random, (len(page), self.dimension))
            words = drawn_words(random, len(self.words), (len(page), WORDS))
            yield [self._chunk(id_, numbers) for id_, numbers in zip(page, words.tolist(), strict=True)], vectors

    def chunk_ids(self) -> list[str]:
        return list(self.rows)

    def contents(self, ids: Sequence[str]) -> dict[str, str]:
        return {}

    def _chunk(self, id_: str, words: list[int]) -> Chunk:
        document, ordinal = divmod(self.rows[id_], CHUNKS_PER_DOCUMENT)
        return made_up_chunk(id_, document, ordinal, " ".join([self.words[word] for word in words]))


def made_up_chunk(id_: str, document: int, ordinal: int, text: str) -> Chunk:
    """Of the document of that number."""
    source = source_of(document)
    return Chunk(
        id=id_, document_id=document_id(source), source=source, text=text, ordinal=ordinal,
        char_start=ordinal * 400, char_end=ordinal * 400 + len(text), line_start=ordinal, line_end=ordinal,
        page=None, page_end=None, tokens=100, headings=(), title=None, metadata={"team": f"team {document % 20}"},
    )  # fmt: skip


def unit_vectors(random: np.random.Generator, shape: tuple[int, int]) -> Vectors:
    """float32 [n, dim], unit rows, in no direction more than in another."""
    vectors = random.standard_normal(shape, np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def source_of(number: int) -> str:
    """Of the document of that number."""
    return f"made/up/{number}.txt"


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
