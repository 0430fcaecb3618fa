"""What terms are worth to the documents that have them, under one setting of BM25's parameters."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.lexical.segments import Segments

_KEPT_POSTINGS = 1 << 21
"""Postings whose scores are kept, in 8 bytes each (12 where there are several parts): those of frequent terms, which
queries share."""


class Occurrences(NamedTuple):
    """The positions of the documents that have a term, ascending, its score in each, and whether all are above 0."""

    documents: NDArray[np.integer[Any]]
    scores: NDArray[np.float64]
    are_positive: bool


class TermScores:
    """The summands of BM25, each computed when it is first asked for. Threads may share it.

    b       weight of document length
    score   a Score with its parameters
    idf     (how many documents have a term) -> what its rarity is worth
    """

    def __init__(
        self,
        segments: Segments,
        *,
        b: float,
        score: Callable[..., NDArray[np.float64]],
        idf: Callable[[int], float],
    ) -> None:
        self._segments = segments
        self._length_factors = 1 - b + b * segments.relative_lengths
        self._score = score
        self._idf = idf
        self._known: dict[str, Occurrences] = {}
        self._kept = 0

    def of(self, term: str) -> Occurrences:
        """Whoever asks for them must not change them."""
        known = self._known.get(term)
        if known is None:
            known = self._computed(term)
            if self._kept + len(known.documents) > _KEPT_POSTINGS:
                self._known, self._kept = {}, 0
            self._known[term] = known
            self._kept += len(known.documents)
        return known

    def _computed(self, term: str) -> Occurrences:
        documents, frequencies = self._segments.occurrences(term)
        if not documents.size:
            return Occurrences(documents, np.empty(0), are_positive=True)
        lengths = self._length_factors.take(documents)
        scores = self._score(frequencies.astype(np.float64), lengths, idf=self._idf(documents.size))
        return Occurrences(documents, scores, are_positive=bool(scores.min() > 0))
