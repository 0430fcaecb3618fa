"""Both sides' scores of everything that a query could find, and the best of each side."""

import copy
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from retrieval.config import Mode
from retrieval.fusion import Scores
from retrieval.lexical import LexicalIndex
from retrieval.search.query import Query, Terms
from retrieval.storage.snapshot import Snapshot

Rows = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows, best first, with the score that ranks them; rerank is None where no reranker took part."""

    rows: Rows
    scores: Scores
    rerank: Scores | None = None

    def take(self, chosen: Any) -> "Ranking":
        return Ranking(self.rows[chosen], self.scores[chosen], None if self.rerank is None else self.rerank[chosen])


class Sides:
    """The scores of n chunks, or of n documents, by either side.

    sides     which side brings candidates; both score, where the query has a vector
    lexical   scores the chunks in place of the snapshot's own BM25 index, with other parameters

    dense     float32 [n], cosines; 0 where the query has no vector
    lexical   float64 [n], BM25
    """

    def __init__(
        self, snapshot: Snapshot, query: Query, sides: Mode = "hybrid", *, lexical: LexicalIndex | None = None
    ) -> None:
        self.vector = query.vector
        self.vectors = snapshot.vectors
        self.dense: NDArray[Any] = np.zeros(snapshot.size)
        if query.vector is not None and snapshot.size:
            self.dense = snapshot.vectors @ query.vector
        self.lexical, matching = _bm25(snapshot, lexical or snapshot.lexical, query.terms)
        self._dense_eligible = np.full(snapshot.size, sides != "lexical")
        self._lexical_eligible = matching & (sides != "dense")
        self._tie_ranks = snapshot.id_ranks
        self._unfiltered: dict[int, tuple[Rows, Rows]] = {}

    def by_document(self, snapshot: Snapshot) -> Self:
        """The same of whole documents, numbered as in `snapshot.rows_by_document`: the cosine of a document's mean
        vector, and the BM25 score of its best chunk."""
        documents = copy.copy(self)
        documents.vectors = snapshot.document_vectors
        documents.dense = np.zeros(len(documents.vectors))
        if self.vector is not None:
            documents.dense = documents.vectors @ self.vector
        documents.lexical = highest(self.lexical, snapshot)
        documents._dense_eligible = any_of(self._dense_eligible, snapshot)
        documents._lexical_eligible = any_of(self._lexical_eligible, snapshot)
        documents._tie_ranks = np.arange(len(documents.vectors))
        documents._unfiltered = {}
        return documents

    def candidates(self, depth: int, allowed: Mask | None) -> tuple[Rows, Rows]:
        """The `depth` best of those allowed on the dense side, and on the lexical side, best first."""
        if allowed is None and depth in self._unfiltered:
            return self._unfiltered[depth]
        best = (
            self._best(self.dense, self._dense_eligible, depth, allowed),
            self._best(self.lexical, self._lexical_eligible, depth, allowed),
        )
        if allowed is None:
            self._unfiltered[depth] = best  # fusion asks again, for its scale
        return best

    def cosines(self, rows: Rows) -> Scores:
        """In double precision and row by row: a chunk's cosine does not depend on which others are computed with it."""
        if self.vector is None:
            return np.zeros(len(rows))
        return np.asarray((self.vectors[rows] * self.vector.astype(np.float64)).sum(axis=1))

    def in_order(self, rows: Rows, scores: Scores) -> NDArray[np.intp]:
        """The places in `rows`, best score first; ties by id."""
        return np.lexsort((self._tie_ranks[rows], -scores))

    def _best(self, scores: NDArray[Any], eligible: Mask, depth: int, allowed: Mask | None) -> Rows:
        rows = np.flatnonzero(eligible if allowed is None else eligible & allowed)
        if len(rows) > depth:
            threshold = np.partition(scores[rows], len(rows) - depth)[len(rows) - depth]
            rows = rows[scores[rows] >= threshold]
        return rows[self.in_order(rows, scores[rows])][:depth]


def highest(scores: NDArray[Any], snapshot: Snapshot) -> NDArray[Any]:
    """[m]: of each document, its chunks' highest score."""
    rows, starts = snapshot.rows_by_document
    return np.asarray(np.maximum.reduceat(scores[rows], starts))


def any_of(mask: Mask, snapshot: Snapshot) -> Mask:
    """bool [m]: whether any chunk of each document is in the mask."""
    return highest(mask, snapshot)


def _bm25(snapshot: Snapshot, lexical: LexicalIndex, terms: Terms) -> tuple[Scores, Mask]:
    """Each chunk's score by the terms that its own language makes of the query, and whether it has one of them."""
    if len(snapshot.languages) == 1:
        return lexical.score(terms[snapshot.languages[0]])
    scores = np.zeros(snapshot.size)
    matching = np.zeros(snapshot.size, dtype=np.bool_)
    for number, language in enumerate(snapshot.languages):
        rows = snapshot.language_of_row == number
        of_language = lexical.score(terms[language])
        scores[rows], matching[rows] = of_language[0][rows], of_language[1][rows]
    return scores, matching
