"""Vectors in a byte a dimension: a scan reads a quarter of the memory, and knows how far off it is at most.

Each row has a scale of its own, so that its largest component becomes 127. A product with a rounded row v', of a query
that is rounded to q', is off by |q.v - q'.v'| <= |q| |v - v'| + |q - q'| |v'| at most (Cauchy-Schwarz).
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from retrieval.types import Vectors

_BLOCK = 4096
"""Rows rounded at once."""


@dataclass(frozen=True)
class QuantizedVectors:
    """n vectors, each codes * scale; rounding a row does not depend on the others.

    codes    int8 [n, dim]
    scales   float64 [n, 3]: the scale of each row, its length once rounded, and the length of what rounding left out
    """

    codes: NDArray[np.int8]
    scales: NDArray[np.float64]

    @classmethod
    def of(cls, vectors: Vectors) -> Self:
        codes, scales = np.empty(vectors.shape, np.int8), np.empty((len(vectors), 3))
        for start in range(0, len(vectors), _BLOCK):
            here = slice(start, start + _BLOCK)
            exact = vectors[here].astype(np.float64)
            scale = np.abs(exact).max(axis=1, initial=0) / 127
            codes[here] = np.rint(exact / np.where(scale, scale, 1)[:, None])
            rounded = codes[here] * scale[:, None]
            scales[here, 0] = scale
            scales[here, 1] = np.linalg.norm(rounded, axis=1)
            scales[here, 2] = np.linalg.norm(exact - rounded, axis=1)
        return cls(codes, scales)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The rows of all parts, in their order; at least one part."""
        return cls(np.concatenate([part.codes for part in parts]), np.concatenate([part.scales for part in parts]))

    def products(self, query: "QuantizedVectors", out: NDArray[np.float64]) -> float:
        """Write the product of the query, one vector, with every row into float64 [n]; returns how far off the true
        ones they are at most."""
        scale, length, left_out = query.scales[0].tolist()
        if not self.codes.size:
            out[:] = 0.0
            return 0.0
        np.multiply(_dot_products(query.codes, self.codes), self._factors, out=out)
        out *= scale
        longest, most_left_out = self._longest
        error = (length + left_out) * most_left_out + left_out * longest
        return float(error) + 1e-12  # for the rounding of the sums themselves

    @cached_property
    def _factors(self) -> NDArray[np.float64]:
        return np.ascontiguousarray(self.scales[:, 0])

    @cached_property
    def _longest(self) -> list[float]:
        """The length of the longest row once rounded, and of the most that rounding left out of one."""
        longest: list[float] = self.scales[:, 1:].max(axis=0, initial=0).tolist()
        return longest


def _dot_products(query: NDArray[np.int8], codes: NDArray[np.int8]) -> NDArray[Any]:
    """[n], of the query, int8 [1, dim], with every row.

    simsimd sets OpenMP's number of threads to 1 for the thread that calls it. Where torch is loaded, that is torch's
    OpenMP: it would embed and train on one core from then on.
    """
    import simsimd

    torch: Any = sys.modules.get("torch")
    threads = torch.get_num_threads() if hasattr(torch, "get_num_threads") else 0  # it may be half loaded
    # Without its `out`: with that, it returns None without a reference of its own, and where None is counted, as in
    # Python 3.11, the interpreter dies once none is left.
    found: NDArray[Any] = np.asarray(simsimd.cdist(query, codes, "dot"))[0]
    if threads and torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    return found
