"""What a model's cosines mean: each model has its own idea of near."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_LEAST = 1e-3
"""Between the two anchors. A model that does not tell them apart has no scale."""


class CosineScale(NamedTuple):
    """The mean cosine of a question and a passage: where they have nothing to do with each other, and where the passage
    answers the question. Of MiniLM .03 and .55, of multilingual E5 .75 and .85."""

    unrelated: float
    related: float

    def nearness(self, cosines: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64 [n] in [0, 2], of cosines [n]: 0 at `unrelated` and below, 1 at `related`, 2 as far beyond and above;
        0 throughout for a model that tells no passage from another."""
        span = self.related - self.unrelated
        if span < _LEAST:
            return np.zeros(len(cosines))
        return np.clip((cosines - self.unrelated) / span, 0.0, 2.0)
