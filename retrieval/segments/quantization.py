"""Vectors in a byte a dimension: a scan reads a quarter of the memory, and knows how far off it is at most.

Each row has a scale of its own, so that its largest component becomes 127. A product with a rounded row v', of a query
that is rounded to q', is off by |q.v - q'.v'| <= |q| |v - v'| + |q - q'| |v'| at most (Cauchy-Schwarz).
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from retrieval.npy import load_array
from retrieval.timing import stage
from retrieval.types import Vectors

CODES, SCALES = "codes.npy", "scales.npy"
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
    def load(cls, directory: Path) -> Self:
        """From CODES, which stays on disk until it is read, and SCALES. Raises what np.load raises."""
        return cls(load_array(directory / CODES, mmap=True), load_array(directory / SCALES))

    def take(self, rows: Any) -> "QuantizedVectors":
        return QuantizedVectors(self.codes[rows], self.scales[rows])

    @stage("dense")
    def products(self, vector: Vectors) -> tuple[NDArray[np.float64], float]:
        """float64 [n], the product of float32 [dim] with every row; and how far off the true one each is at most."""
        import simsimd

        asked = QuantizedVectors.of(vector[None])
        scale, length, left_out = asked.scales[0].tolist()
        if not len(self.codes) or not len(vector):
            return np.zeros(len(self.codes)), 0.0
        products: NDArray[np.float64] = np.asarray(simsimd.cdist(asked.codes, self.codes, "dot"))[0]
        products *= self._factors
        products *= scale
        longest, most_left_out = self._longest
        error = (length + left_out) * most_left_out + left_out * longest
        return products, error + 1e-12  # for the rounding of the sums themselves

    @cached_property
    def _factors(self) -> NDArray[np.float64]:
        return np.ascontiguousarray(self.scales[:, 0])

    @cached_property
    def _longest(self) -> list[float]:
        """The length of the longest row once rounded, and of the most that rounding left out of one."""
        longest: list[float] = self.scales[:, 1:].max(axis=0, initial=0).tolist()
        return longest
