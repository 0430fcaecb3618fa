"""What a query finds under many settings at once: each side is scored once, the fusions are arithmetic on that.

It computes what `retrieval.search` does for `search_batch(..., mode="hybrid", group_by_document=True)`.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.config import Config, Feedback, FusionMethod
from retrieval.fusion import Scores, distribution, is_constant, min_max, reciprocal_rank
from retrieval.lexical import LexicalIndex
from retrieval.search.candidates import QueryScores
from retrieval.search.query import Query
from retrieval.search.reformulation import reformulated
from retrieval.segments.snapshot import Snapshot
from retrieval.topk import Rows

CANDIDATES, RRF_K = 100, 60  # the defaults of a search


class Settings(NamedTuple):
    """What is tuned. With alpha 0 or 1 one side answers alone, and `fusion` does not matter."""

    fusion: FusionMethod
    alpha: float
    bm25_k1: float
    bm25_b: float

    @classmethod
    def of(cls, config: Config) -> "Settings":
        return cls(config.fusion, config.alpha, config.bm25_k1, config.bm25_b)

    def __str__(self) -> str:
        how = {0.0: "BM25 alone", 1.0: "dense alone"}.get(self.alpha, f"{self.fusion}, alpha {self.alpha:g}")
        return how if self.alpha == 1 else f"{how}, k1 {self.bm25_k1:g}, b {self.bm25_b:g}"


class Rankings:
    """The documents that queries find in a snapshot.

    depth      how many documents a search is asked for
    cutoff     how many of them are wanted here
    feedback   as in a search. With it each setting has first answers, and so sides, of its own, which takes longer.
    """

    def __init__(self, snapshot: Snapshot, *, depth: int, cutoff: int, feedback: Feedback = "none") -> None:
        self._snapshot = snapshot
        self._depth = depth
        self._cutoff = cutoff
        self._feedback = feedback
        self._sources = {record.id: record.source for record in snapshot.records}

    def best_documents(
        self, query: Query, lexical: LexicalIndex, fusions: Sequence[tuple[FusionMethod, float]]
    ) -> Iterator[list[str]]:
        """The sources of the best documents, best first, for each (fusion, alpha); `lexical` gives the BM25 scores."""
        sides = QueryScores(self._snapshot, query, lexical=lexical)
        completed = _Completed(self._snapshot, sides, depth=self._depth, documents=self._depth)
        first = _Completed(self._snapshot, sides, depth=self._depth)
        for fusion, alpha in fusions:
            if self._feedback != "none":
                best = first.ranked(fusion, alpha)
                asked = reformulated(self._snapshot, query, sides, best, feedback=self._feedback)
                again = QueryScores(self._snapshot, asked, lexical=lexical)
                completed = _Completed(self._snapshot, again, depth=self._depth, documents=self._depth)
            documents = dict.fromkeys(self._snapshot.documents[completed.ranked(fusion, alpha)].tolist())
            yield [self._sources[document.decode()] for document in islice(documents, self._cutoff)]


class _Completed:
    """One query's candidates, with both sides' scores on the scale of each fusion.

    depth       how many chunks each side brings, and more until there are chunks of so many `documents`
    """

    def __init__(self, snapshot: Snapshot, sides: QueryScores, *, depth: int, documents: int = 0) -> None:
        self._documents: NDArray[np.bytes_] = snapshot.documents
        self._sides = sides
        self._depth = max(depth, CANDIDATES)
        self._wanted = documents
        self._scaled: dict[FusionMethod, tuple[Scores, Scores]] = {}

    def ranked(self, fusion: FusionMethod, alpha: float) -> Rows:
        """The candidates, best first."""
        rows, scores = self._scored(fusion, alpha)
        return rows[self._sides.in_order(rows, scores)]

    def _scored(self, fusion: FusionMethod, alpha: float) -> tuple[Rows, Scores]:
        if alpha == 0:
            return self._of_lexical, self._sides.lexical[self._of_lexical]
        if alpha == 1 or not len(self._of_both):
            return self._of_dense, self._sides.cosines(self._of_dense)
        if fusion not in self._scaled:
            self._scaled[fusion] = self._scale(fusion)
        dense, lexical = self._scaled[fusion]
        return self._of_both, alpha * dense + (1 - alpha) * lexical

    def _scale(self, fusion: FusionMethod) -> tuple[Scores, Scores]:
        """Both sides' scores of the candidates of both, as `retrieval.fusion.fuse` scales them before it adds them."""
        sides, rows = self._sides, self._of_both
        if fusion == "rrf":
            return (
                reciprocal_rank(sides.dense[rows], sides.dense, k=RRF_K),
                reciprocal_rank(sides.lexical[rows], sides.lexical, k=RRF_K),
            )
        scale = {"dbsf": distribution, "convex": min_max}[fusion]
        best = np.union1d(*sides.candidates(CANDIDATES, None))
        dense, lexical = sides.cosines(best), sides.lexical[best]
        return (
            scale(sides.cosines(rows), sides.dense.astype(np.float64) if is_constant(dense) else dense),
            scale(sides.lexical[rows], sides.lexical if is_constant(lexical) else lexical),
        )

    @cached_property
    def _of_dense(self) -> Rows:
        return self._candidates(slice(0, 1))

    @cached_property
    def _of_lexical(self) -> Rows:
        return self._candidates(slice(1, 2))

    @cached_property
    def _of_both(self) -> Rows:
        return self._candidates(slice(0, 2))

    def _candidates(self, of: slice) -> Rows:
        depth = self._depth
        while True:
            rows = np.unique(np.concatenate(self._sides.candidates(depth, None)[of]))
            if depth >= len(self._documents) or len(np.unique(self._documents[rows])) >= self._wanted:
                return rows
            depth *= 4
