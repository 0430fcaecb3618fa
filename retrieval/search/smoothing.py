"""Smoothing: the scores of a query's best passages, moved towards those of the passages most like each. Pure functions.

Passages that are alike tend to answer the same questions (the cluster hypothesis; for scores Diaz 2005, "Regularizing
ad hoc retrieval scores"): a good score among good ones is more likely right than one that stands alone.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.fusion import Scores
from retrieval.types import Vectors

POOL = 30
"""So many of the best passages are smoothed, with one another's scores."""

NEIGHBOURS = 5
"""So many of them, those most like a passage, and all that tie with the last, have a say in its score."""

_DECIMALS = 9
"""Cosines that are equal so far are equal: what is left of the sum of products differs with the order of adding."""


def smoothed(scores: Scores, vectors: Vectors, texts: NDArray[Any], *, weight: float) -> Scores:
    """float64 [m]: (1 - weight) * score + weight * the mean score of the passage's nearest neighbours.

    scores    float64 [m]
    vectors   float32 [m, dim], unit rows
    texts     [m], equal where texts are: of those only the best is a neighbour of others, and none is one of its copies
    weight    in [0, 1]; 0 leaves the scores as they are

    Lies between the lowest and the highest of the scores; does not depend on the order of the passages.
    """
    _, first = np.unique(texts[order := np.argsort(-scores, kind="stable")], return_index=True)
    neighbours = min(NEIGHBOURS, len(first) - 1)
    if neighbours < 1 or weight == 0:
        return scores
    exact = vectors.astype(np.float64)
    cosines = np.round(exact @ exact.T, _DECIMALS)
    cosines[texts[:, None] == texts] = -np.inf
    repeated = np.ones(len(scores), np.bool_)
    repeated[order[first]] = False
    cosines[:, repeated] = -np.inf
    last = np.partition(cosines, -neighbours, axis=1)[:, -neighbours, None]
    is_near = (cosines >= last).astype(np.float64)
    return np.asarray((1 - weight) * scores + weight * (is_near @ scores) / is_near.sum(axis=1))
