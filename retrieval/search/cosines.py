"""One query's cosines: roughly with all vectors, which is quick, and exactly with those that it takes."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.fusion import Scores
from retrieval.segments.stacked import StackedArray
from retrieval.timing import stage
from retrieval.topk import Mask, Rows, TopK, top_k_with_ties
from retrieval.types import Vectors

Scan = Callable[[Vectors], tuple[NDArray[Any], float]]
"""float32 [dim] -> [n], the products with n vectors, and how far off the exact one each is at most."""


class Cosines:
    """The cosines of n unit rows with a query; all 0 for a query without a vector."""

    def __init__(
        self,
        vector: Vectors | None,
        vectors: "StackedArray[np.float32]",
        scan: Scan,
        *,
        eligible: Mask | None = None,
    ) -> None:
        """eligible   bool [n], the rows that may be found, None for all; `scan` gives -inf for others"""
        self._eligible = eligible
        self._vector = vector
        self._vectors = vectors
        self._scan = scan
        self._exact = np.empty(len(vectors))
        self._is_known = np.zeros(len(vectors), dtype=np.bool_)

    def of(self, rows: Rows) -> Scores:
        """In double precision and row by row: a chunk's cosine does not depend on which others are computed with it."""
        if self._vector is None:
            return np.zeros(len(rows))
        new = rows[~self._is_known[rows]]
        if len(new):
            self._exact[new] = np.vecdot(self._vectors[new].astype(np.float64), self._vector.astype(np.float64))
            self._is_known[new] = True
        return self._exact[rows]

    @cached_property
    def all(self) -> NDArray[np.float32]:
        """float32 [n]; reads every vector."""
        if self._vector is None:
            return np.zeros(len(self._vectors), np.float32)
        with stage("dense"):
            return np.concatenate([part @ self._vector for part in self._vectors.parts])

    def ranked(self, rows: Rows) -> NDArray[np.float64]:
        """float64 [n]: the cosines of all, exact where one of those of `rows` could be taken for higher or lower: so
        ranks among them do not depend on how a matrix product rounds. Reads every vector."""
        cosines = self.all.astype(np.float64)
        if self._vector is None or not len(rows):
            return cosines
        error = self._vectors.shape[1] * float(np.finfo(np.float32).eps)
        known = np.sort(self.of(rows))
        first = np.searchsorted(known, cosines - error)
        close = np.flatnonzero(known[np.minimum(first, len(known) - 1)] <= cosines + error)
        close = close[first[close] < len(known)]
        cosines[close] = self.of(close)
        return cosines

    def best(self, depth: int, eligible: Mask | None) -> tuple[Rows, Scores]:
        """The `depth` best of those eligible, and all that tie with the last of them, with their exact cosines."""
        if self._vector is None:
            chosen = self._eligible if eligible is None else eligible
            rows = top_k_with_ties(np.zeros(len(self._vectors)), depth, chosen)
            return rows, np.zeros(len(rows))
        rough, error = self._rough
        rows = rough.top_k_with_ties(depth, eligible)
        if self._eligible is not None:
            rows = rows[self._eligible[rows]]  # there may be fewer than `depth`
        bar = self.of(rows).min(initial=np.inf)  # so many are as good as that
        rows = rough.at_least(bar - error, eligible)
        cosines = self.of(rows)
        best = top_k_with_ties(cosines, depth)
        return rows[best], cosines[best]

    @cached_property
    def _rough(self) -> tuple[TopK, float]:
        assert self._vector is not None
        products, error = self._scan(self._vector)
        return TopK(products), error


@stage("dense")
def float32_products(parts: Sequence[Vectors], queries: Vectors) -> tuple[NDArray[np.float32], float]:
    """float32 [m, n], the products of m queries with the n vectors of all parts, all of which are read; and how far off
    each is at most: a sum of dim products of unit rows by dim roundings."""
    products = np.empty((len(queries), sum(map(len, parts))), np.float32)
    start = 0
    for part in parts:
        np.matmul(queries, part.T, out=products[:, start : start + len(part)])
        start += len(part)
    return products, queries.shape[1] * float(np.finfo(np.float32).eps)


def float32_scan(vectors: Vectors, *, eligible: Mask | None = None) -> Scan:
    """A scan that reads all of these; `eligible` as in Cosines."""

    def scan(vector: Vectors) -> tuple[NDArray[np.float32], float]:
        products, error = float32_products([vectors], vector[None])
        if eligible is not None:
            products[:, ~eligible] = -np.inf
        return products[0], error

    return scan
