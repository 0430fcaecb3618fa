"""What terms are worth to the documents that have them, under one setting of BM25's parameters."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.lexical.composite import CompositePostings
from retrieval.lexical.similarities import Score

_KEPT_POSTINGS = 1 << 21
"""Postings whose scores are kept, in 8 bytes each (12 where there are several parts): those of frequent terms, which
queries share."""

_ENTRY = 32
"""What a term counts for besides its postings: it takes as much memory as so many, even where no document has it."""


class TermScore(NamedTuple):
    """The slots of the documents that have a term, ascending, its score in each, and the lowest of these; and how many
    of the documents are not deleted."""

    slots: NDArray[np.integer[Any]]
    scores: NDArray[np.float64]
    lowest: float
    living: int


class TermScores:
    """The summands of BM25, each computed when it is first asked for. Threads may share it.

    b     weight of document length
    idf   (how many documents have a term) -> what its rarity is worth
    """

    def __init__(
        self,
        postings: CompositePostings,
        *,
        score: Score,
        k1: float,
        b: float,
        delta: float,
        idf: Callable[[int], float],
    ) -> None:
        self._postings = postings
        self._length_factors = 1 - b + b * postings.relative_lengths
        self._score = score
        self._k1, self._delta = k1, delta
        self._idf = idf
        self._known: dict[str, TermScore] = {}
        self._kept = 0

    def of(self, term: str) -> TermScore:
        """What the term is worth, and where; the caller must not change it."""
        known = self._known.get(term)
        if known is None:
            known = self._computed(term)
            size = _ENTRY + len(known.slots)
            if self._kept + size > _KEPT_POSTINGS:
                self._known, self._kept = {}, 0
            self._known[term] = known
            self._kept += size
        return known

    def _computed(self, term: str) -> TermScore:
        slots, frequencies, living = self._postings.occurrences(term)
        if not living:
            slots = slots[:0]
            return TermScore(slots, np.empty(0), lowest=math.inf, living=0)
        lengths = self._length_factors.take(slots)
        scores = self._score(
            frequencies.astype(np.float64), lengths, idf=self._idf(living), k1=self._k1, delta=self._delta
        )
        return TermScore(slots, scores, lowest=float(scores.min(initial=math.inf)), living=living)
