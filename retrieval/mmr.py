"""Maximal marginal relevance: what is relevant, without saying the same twice."""

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import QueryError
from retrieval.types import Vectors


def mmr(relevance: NDArray[np.floating], vectors: Vectors, *, lambda_: float, top_k: int) -> list[int]:
    """The positions of `top_k` items chosen one by one by maximal marginal relevance (Carbonell & Goldstein 1998).

    Each is the one with the highest lambda_ * relevance - (1 - lambda_) * (its highest cosine with an item chosen
    before), the first one the most relevant. Relevance is min-max normalised over the list, so any scale will do. Ties
    go to the more relevant item, then to the earlier one.

    relevance   float [n], finite; higher is better.
    vectors     float32 [n, dimension], unit rows.
    lambda_     in [0, 1]: 1 is the order of relevance alone, 0 is diversity alone.

    Returns min(top_k, n) distinct positions. One matrix-vector product for each: O(top_k * n * dimension).
    Raises QueryError for a lambda_ outside [0, 1] or a negative top_k.
    """
    if not 0 <= lambda_ <= 1:
        raise QueryError(f"The lambda of MMR is a weight in [0, 1], got {lambda_}.")
    if top_k < 0:
        raise QueryError(f"top_k cannot be negative, got {top_k}.")
    order = np.argsort(-relevance, kind="stable")  # argmax takes the first of equals, which is then the more relevant
    gain = lambda_ * _min_max(relevance)[order]
    rows = vectors[order]
    redundancy = np.full(len(order), -1.0)  # the lowest cosine there is: nothing is chosen yet
    chosen = []
    for _ in range(min(top_k, len(order))):
        best = int(np.argmax(gain - (1 - lambda_) * redundancy))
        chosen.append(int(order[best]))
        gain[best] = -np.inf
        np.maximum(redundancy, rows @ rows[best], out=redundancy)
    return chosen


def _min_max(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """The scores mapped to [0, 1]; all 0 where they are all equal."""
    values = scores.astype(np.float64)
    if not len(values):
        return values
    lowest, span = values.min(), np.ptp(values)
    return (values - lowest) / span if span > 0 else np.zeros_like(values)
