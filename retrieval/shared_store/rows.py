"""A passage as a row of Milvus, and back."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from retrieval.chroma.rows import chunk_from, chunk_metadata
from retrieval.config import Config
from retrieval.context import embedded_digest
from retrieval.lexical.similarities import DELTA, SCORE
from retrieval.segments.passage_keys import passage_numbers
from retrieval.shared_store.engine import LONGEST_WORD, MOST_BYTES, MOST_WORDS
from retrieval.types import Chunk, MetadataValue, Vectors

CUT = "*"
"""Among a row's words: there are others that the array does not hold."""

FIELDS = ("key", "id", "language", "length", "passage", "text", "metadata", "terms", "vector")
"""What a search reads of a row."""

_SHORT = 4000
"""Bytes of a text whose terms are never too long: in JSON they take some ten times as many at most."""

ALL_FIELDS = (
    *FIELDS, "document_id", "source", "ordinal", "born", "digest", "weighed", "words", "weights",
)  # fmt: skip


@dataclass(frozen=True)
class Weigher:
    """BM25's share of a term's frequency, as sparse weights, with the average length of now. The idf, and the query's
    own weight of a term, ride in the query."""

    average_length: float
    variant: str
    k1: float
    b: float
    delta: float

    @classmethod
    def of(cls, config: Config, average_length: float) -> "Weigher":
        delta = DELTA[config.bm25_variant] if config.bm25_delta is None else config.bm25_delta
        return cls(average_length, config.bm25_variant, config.bm25_k1, config.bm25_b, delta)

    def weights(self, counts: Mapping[str, int], length: int) -> dict[int, float]:
        """By the numbers of terms; never empty, which Milvus refuses."""
        frequencies = np.fromiter(counts.values(), np.float64, len(counts))
        factors = np.full(len(counts), 1 - self.b + self.b * length / (self.average_length or 1.0))
        score = SCORE[self.variant]  # type: ignore[index]
        worth = score(frequencies, factors, idf=1.0, k1=self.k1, delta=self.delta)
        found: dict[int, float] = {}
        for term, weight in zip(counts, worth.tolist(), strict=True):
            number = term_number(term)
            found[number] = found.get(number, 0.0) + weight  # two terms of one number: never less than either
        return found or {0: 1e-9}


def term_number(term: str) -> int:
    """The place of a term in a sparse vector, from 1; two of 65,000 terms have the same once in two indexes."""
    number = int.from_bytes(hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=4).digest(), "little")
    return 1 + number % (2**32 - 3)


def bm25_parameters(config: Config) -> dict[str, Any]:
    """Those that weights depend on, JSON-able."""
    weigher = Weigher.of(config, 0.0)
    return {"variant": weigher.variant, "k1": weigher.k1, "b": weigher.b, "delta": weigher.delta}


def key_of(id_: str, born: int) -> str:
    """Of the version of a passage that a generation brings."""
    return f"{id_}.{born}"


def why_too_long(chunk: Chunk, terms: Callable[[], Sequence[str]]) -> str:
    """Why Milvus does not hold a passage, and the ways out; "" where it does."""
    text = len(chunk.text.encode())
    sizes = {"text": text, "metadata": len(orjson.dumps(chunk_metadata(chunk)))}
    if _SHORT < text <= MOST_BYTES:
        sizes["terms"] = len(orjson.dumps(Counter(terms())))
    for name, size in sizes.items():
        if size > MOST_BYTES:
            shorter = "shorten the document's metadata" if name == "metadata" else "set a smaller chunk_size"
            return (
                f"Passage {chunk.ordinal + 1} has {name} of {size:,} bytes, and Milvus holds {MOST_BYTES:,}; "
                f"{shorter}, leave the document out, or keep the index in Chroma (store: chroma)."
            )
    return ""


def row_of(
    chunk: Chunk,
    vector: Vectors,
    *,
    born: int,
    language: str,
    terms: Sequence[str],
    weigher: Weigher,
    context_header: bool,
) -> dict[str, Any]:
    """The row of a passage, which `why_too_long` has nothing against."""
    counts = Counter(terms)
    return {
        "key": key_of(chunk.id, born),
        "id": chunk.id,
        "document_id": chunk.document_id,
        "source": chunk.source,
        "ordinal": chunk.ordinal,
        "born": born,
        "language": language,
        "digest": embedded_digest(chunk, context_header=context_header),
        "passage": int(passage_numbers([chunk.text]).view(np.int64)[0]),
        "length": len(terms),
        "weighed": weigher.average_length,
        "text": chunk.text,
        "metadata": chunk_metadata(chunk),
        "terms": orjson.dumps(counts).decode(),
        "words": _words(counts),
        "vector": vector,
        "weights": weigher.weights(counts, len(terms)),
    }


def with_metadata(row: Mapping[str, Any], metadata: Mapping[str, MetadataValue], born: int) -> dict[str, Any]:
    """The next version of a row, with other metadata."""
    return {
        **row, "key": key_of(row["id"], born), "born": born, "metadata": dict(metadata),
        "ordinal": metadata["ordinal"], "source": metadata["source"],
    }  # fmt: skip


def chunk_of(row: Mapping[str, Any]) -> Chunk:
    return chunk_from(row["id"], row["text"], row["metadata"])


def counts_of(row: Mapping[str, Any]) -> dict[str, int]:
    """How often a passage has each term."""
    counts: dict[str, int] = orjson.loads(row["terms"])
    return counts


def _words(counts: Mapping[str, int]) -> list[str]:
    words = [term for term in counts if len(term.encode()) <= LONGEST_WORD]
    return words if len(words) == len(counts) <= MOST_WORDS else [*words[:MOST_WORDS], CUT]
