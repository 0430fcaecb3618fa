"""Scoring: a query's candidates, both sides' scores of them completed, and the ranking that a fusion makes of those."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.config import FusionMethod, Mode
from retrieval.fusion import Scores, fuse, is_constant, scaled
from retrieval.search.candidates import QueryScores, Ranking
from retrieval.search.options import SearchOptions
from retrieval.segments.stacked import StackedArray
from retrieval.topk import Mask, Rows


class Scorer:
    """Ranks one query's candidates, under one or many options.

    Candidates and scaled scores are kept, so that further options with another alpha cost a weighted sum and a sort.
    Not thread-safe.

    scores      both sides' scores of the query
    allowed     bool [n], the rows that pass filters and operators; None if there are neither
    documents   [n], the document of each row; needed for `documents` of the ranking alone
    """

    def __init__(
        self, scores: QueryScores, allowed: Mask | None = None, *, documents: StackedArray[Any] | None = None
    ) -> None:
        self._scores = scores
        self._allowed = allowed
        self._documents = documents
        self._candidates: dict[tuple[Mode, int, int], Rows] = {}
        self._scaled: dict[tuple[FusionMethod, int, int, int, int], tuple[Scores, Scores]] = {}

    def ranking(self, options: SearchOptions, *, documents: int = 0) -> Ranking:
        """The candidates of both sides, or of the one that is asked for, best first; ties by id.

        documents   take more candidates than `options.depth` until they are of so many documents, or are all chunks
        """
        rows = self._rows(options, documents)
        if options.sides == "lexical":
            scores = self._scores.lexical[rows]
        elif options.sides == "dense" or not len(rows):
            scores = self._scores.cosines(rows)
        else:
            dense, lexical = self._scaled_scores(options, rows, documents)
            scores = fuse(dense, lexical, alpha=options.alpha)
        return Ranking(rows, scores).take(self._scores.in_order(rows, scores))

    def _rows(self, options: SearchOptions, documents: int) -> Rows:
        """The candidates, ascending."""
        key = options.sides, options.depth, documents
        if key not in self._candidates:
            depth = options.depth
            rows = self._union(options.sides, depth)
            while documents and depth < len(self._scores.lexical) and self._count_documents(rows) < documents:
                depth *= 4  # the best chunks crowd into few documents
                rows = self._union(options.sides, depth)
            self._candidates[key] = rows
        return self._candidates[key]

    def _union(self, sides: Mode, depth: int, *, filtered: bool = True) -> Rows:
        """The `depth` best rows of the side, or of each side; ascending."""
        dense, lexical = self._scores.candidates(depth, self._allowed if filtered else None)
        return (
            np.unique({"dense": dense, "lexical": lexical}[sides]) if sides != "hybrid" else np.union1d(dense, lexical)
        )

    def _count_documents(self, rows: Rows) -> int:
        assert self._documents is not None
        return len(set(self._documents[rows].tolist()))

    def _scaled_scores(self, options: SearchOptions, rows: Rows, documents: int) -> tuple[Scores, Scores]:
        """Both sides' scores of the rows on the fusion's scale.

        The scale comes from the unfiltered candidates, or if those are all alike on one side, from all rows; for ranks
        always from all rows.
        """
        key = options.fusion, options.rrf_k, options.candidates, options.depth, documents
        if key not in self._scaled:
            scores = self._scores
            if options.fusion == "rrf":
                cosines = scores.ranked_cosines(rows)
                dense, lexical = cosines[rows], scores.lexical[rows]
                dense_reference, lexical_reference = scores.living(cosines), scores.living(scores.lexical)
            else:
                dense, lexical = scores.cosines(rows), scores.lexical[rows]
                best = self._union("hybrid", options.candidates, filtered=False)
                dense_reference, lexical_reference = scores.cosines(best), scores.lexical[best]
                if is_constant(dense_reference):
                    dense_reference = scores.living(scores.dense).astype(np.float64)
                if is_constant(lexical_reference):
                    lexical_reference = scores.living(scores.lexical)
            self._scaled[key] = (
                scaled(dense, dense_reference, method=options.fusion, rrf_k=options.rrf_k),
                scaled(lexical, lexical_reference, method=options.fusion, rrf_k=options.rrf_k),
            )
        return self._scaled[key]


def first_of_each_document(documents: StackedArray[Any], rows: Rows) -> NDArray[np.intp]:
    """The places in `rows` at which a document comes for the first time, ascending."""
    names = documents[rows].tolist()
    # Backwards, so that the first place of a document is the one that stays.
    first = dict(zip(reversed(names), range(len(names) - 1, -1, -1), strict=True))
    return np.sort(np.fromiter(first.values(), np.intp, len(first)))
