"""BM25 over documents that come and go: the scores of rank_bm25, from postings instead of a dict per document."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Okapi

from retrieval.errors import ConfigError, QueryError
from retrieval.lexical.postings import decode, load, save
from retrieval.lexical.segments import Segments

Idf = Literal["lucene", "okapi"]
T = TypeVar("T")


class LexicalIndex(BM25Okapi):  # type: ignore[misc]  # rank_bm25 has no types
    """A `rank_bm25.BM25Okapi` that can grow, shrink and be saved. Documents are numbered by position, as in a list.

    corpus    one sequence of terms per document; it may be empty, and so may a document.
    idf       "lucene": ln(1 + (N - n + 0.5) / (n + 0.5)), which is positive for every term. "okapi": rank_bm25's own,
              ln((N - n + 0.5) / (n + 0.5)), where what is negative becomes epsilon times the vocabulary's mean.
    k1, b     saturation of term frequency (>= 0), and weight of document length, in [0, 1].

    A document's score is the sum over the query's terms, repeated ones included, of
    idf * f * (k1 + 1) / (f + k1 * (1 - b + b * length / avgdl)); Robertson & Zaragoza 2009, eq. 3.15, times k1 + 1.
    The parameters act at query time: what is saved holds for all of them.

    Threads may search together; `add` and `delete` need the index for themselves. Raises ConfigError for parameters out
    of range, DocumentError and QueryError for a string where a list of terms belongs.
    """

    def __init__(
        self,
        corpus: Iterable[Sequence[str]] = (),
        *,
        idf: Idf = "lucene",
        k1: float = 1.5,
        b: float = 0.75,
        epsilon: float = 0.25,
    ) -> None:
        # BM25Okapi.__init__ would count the corpus into dicts; what it sets is a parameter here or a property below.
        if idf not in ("lucene", "okapi"):
            raise ConfigError(f'idf must be "lucene" or "okapi", not {idf!r}.')
        if not (k1 >= 0 and 0 <= b <= 1):
            raise ConfigError(f"BM25 needs k1 >= 0 and b in [0, 1]; got k1={k1}, b={b}.")
        self.idf_variant: Idf = idf
        self.k1 = k1
        self.b = b
        self.epsilon = epsilon
        self._segments = Segments().with_added(corpus)

    @classmethod
    def load(
        cls,
        directory: Path,
        *,
        mmap: bool = True,
        idf: Idf = "lucene",
        k1: float = 1.5,
        b: float = 0.75,
        epsilon: float = 0.25,
    ) -> "LexicalIndex":
        """The documents that `save` wrote, under any parameters; with `mmap`, arrays stay on disk until they are read.

        Raises IndexNotFoundError and IndexDamagedError.
        """
        index = cls(idf=idf, k1=k1, b=b, epsilon=epsilon)
        index._segments = Segments((load(directory, mmap=mmap),))
        return index

    def save(self, directory: Path) -> None:
        """Write the documents' postings, without the parameters, to a directory that is created where missing."""
        (part,) = self._compact().parts
        save(part, directory)

    def add(self, corpus: Iterable[Sequence[str]]) -> None:
        """Append documents. Costs what they cost, and now and then the merge of a larger part."""
        self._segments = self._segments.with_added(corpus)

    def delete(self, positions: Iterable[int]) -> None:
        """Remove the documents at these positions, as they are numbered before the call; later documents move up.

        The order of `positions` does not matter, and one named twice is removed once. Raises IndexError, and removes
        nothing, where one is no integer in [0, len(self)).
        """
        self._segments = self._segments.without(positions)

    def __len__(self) -> int:
        return self._segments.size

    @property
    def corpus_size(self) -> int:
        """The number of documents, empty ones included."""
        return len(self)

    @property
    def doc_len(self) -> list[int]:
        """The number of terms in each document."""
        lengths: list[int] = self._segments.lengths.tolist()
        return lengths

    @property
    def avgdl(self) -> float:
        """The mean number of terms in a document; 0 without documents."""
        return self._segments.average_length

    @property
    def idf(self) -> dict[str, float]:
        """The idf of every term, made anew at each access."""
        (part,) = self._compact().parts
        counts = part.document_counts().tolist()
        return {decode(term): self._idf(count) for term, count in zip(part.vocabulary(), counts, strict=True)}

    @property
    def average_idf(self) -> float:
        """The mean of okapi's idf over the vocabulary, before the floor; 0 without terms."""
        return self._compact().average_log_odds

    def get_scores(self, query: Sequence[str]) -> NDArray[np.float64]:
        """float64 [n]: the score of every document; 0 for those that share no term with the query."""
        segments = self._segments
        scores = np.zeros(segments.size)
        for term, repeats in _count(query).items():
            documents, frequencies = segments.occurrences(term)
            if documents.size:
                weight = repeats * self._idf(documents.size) * (self.k1 + 1)
                norm = self.k1 * (1 - self.b) + (self.k1 * self.b) * segments.relative_lengths[documents]
                scores[documents] += weight * (frequencies / (frequencies + norm))
        return scores

    def get_batch_scores(self, query: Sequence[str], doc_ids: Sequence[int]) -> list[float]:
        """The scores of the documents at these positions, in the order asked. Raises IndexError out of range."""
        scores: list[float] = self.get_scores(query)[np.asarray(doc_ids, dtype=np.int64)].tolist()
        return scores

    def get_top_n(self, query: Sequence[str], documents: Sequence[T], n: int = 5) -> list[T]:
        """The best of `documents`, the caller's own, one per position.

        As in rank_bm25, but documents that share no term with the query are left out instead of filling up the list.
        """
        if len(documents) != len(self):
            raise QueryError(
                f"{len(documents)} documents given for an index of {len(self)}; pass all of them, in order."
            )
        return [documents[position] for position, _ in self.search(query, n)]

    def matching(self, query: Sequence[str]) -> NDArray[np.bool_]:
        """bool [n]: which documents share a term with the query."""
        segments = self._segments
        found = np.zeros(segments.size, dtype=np.bool_)
        for term in _count(query):
            found[segments.occurrences(term)[0]] = True
        return found

    def search(self, query: Sequence[str], top_k: int) -> list[tuple[int, float]]:
        """At most `top_k` (position, score) of the documents that share a term, best first, ties by position."""
        if top_k < 1:
            raise QueryError(f"top_k must be at least 1, not {top_k}.")
        candidates = np.flatnonzero(self.matching(query))
        scores = self.get_scores(query)[candidates]
        if candidates.size > top_k:
            contenders = scores >= np.partition(scores, -top_k)[-top_k]
            candidates, scores = candidates[contenders], scores[contenders]
        order = np.argsort(-scores, kind="stable")[:top_k]
        return list(zip(candidates[order].tolist(), scores[order].tolist(), strict=True))

    def _compact(self) -> Segments:
        """All in one part, which statistics over the whole vocabulary need."""
        self._segments = self._segments.compacted
        return self._segments

    def _idf(self, containing: int) -> float:
        """The idf of a term that `containing` documents have, at least one."""
        others = len(self) - containing
        if self.idf_variant == "lucene":
            return math.log(1 + (others + 0.5) / (containing + 0.5))
        idf = math.log(others + 0.5) - math.log(containing + 0.5)
        return idf if idf >= 0 else self.epsilon * self.average_idf


def _count(query: Sequence[str]) -> Counter[str]:
    if isinstance(query, str):
        raise QueryError("A query is a list of terms; got a string, whose terms would be its letters.")
    return Counter(query)
