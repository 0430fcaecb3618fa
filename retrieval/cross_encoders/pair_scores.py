"""What any way to run a cross-encoder gives."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class PairScores(NamedTuple):
    """Scores of passages for a query.

    scores      float64 [n], on the model's own scale; higher is better
    truncated   how many of the pairs are longer than the model reads
    """

    scores: NDArray[np.float64]
    truncated: int


class PairScorer(Protocol):
    """A cross-encoder, ready to run. max_seq_length: tokens of a pair that it reads; None where it does not say."""

    @property
    def max_seq_length(self) -> int | None: ...

    def score(self, query: str, passages: Sequence[str]) -> PairScores:
        """Of n >= 1 passages."""
        ...
