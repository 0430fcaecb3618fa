"""Two scores per chunk in, one score out. Pure functions over completed scores.

Every method first puts each side's scores on a common scale (`scaled`), then takes their weighted sum (`fuse`):

    alpha * dense + (1 - alpha) * lexical.

Where the passages know only a part of the query's words, the lexical side votes with that part of its weight.

The scale comes from a reference: the scores, on both sides, of the query's best chunks in the whole index (for ranks,
of all chunks), whatever the search's filter. So a chunk's fused score does not depend on the filter, and a filtered
search is the unfiltered one with the misses removed.
"""

import numpy as np
from numpy.typing import NDArray

from retrieval.config import FusionMethod

Scores = NDArray[np.float64]


def fuse(dense: Scores, lexical: Scores, *, alpha: float, coverage: float = 1.0) -> Scores:
    """Fused scores, float64 [n], of n chunks, from both sides' scores as `scaled` gives them.

    coverage   in [0, 1]: the part of its weight that the lexical side votes with; alpha 0 is BM25 alone all the same
    """
    if alpha and coverage < 1:
        alpha /= alpha + (1 - alpha) * coverage
    return alpha * dense + (1 - alpha) * lexical


def scaled(scores: Scores, reference: Scores, *, method: FusionMethod, rrf_k: int) -> Scores:
    """One side's scores, float64 [n], on the method's scale; the reference is float64 [m], m >= 1."""
    if method == "rrf":
        return reciprocal_rank(scores, reference, k=rrf_k)
    return distribution(scores, reference) if method == "dbsf" else min_max(scores, reference)


def distribution(scores: Scores, reference: Scores) -> Scores:
    """Distribution-based score fusion (Mazzeschi 2023): mean -> 0.5, mean +- 3 standard deviations -> 1 and 0.

    Affine-invariant. Unclipped, so that it stays strictly monotone.
    """
    mean, deviation = reference.mean(), reference.std()
    if is_constant(reference):
        return _above_or_below(scores, mean)
    return np.asarray(0.5 + (scores - mean) / (6 * deviation))


def min_max(scores: Scores, reference: Scores) -> Scores:
    """Convex combination's scale (Bruch, Gai & Ingber 2023, eq. 2): the reference's minimum -> 0, its maximum -> 1."""
    low, high = reference.min(), reference.max()
    if is_constant(reference):
        return _above_or_below(scores, low)
    return np.asarray((scores - low) / (high - low))


def reciprocal_rank(scores: Scores, reference: Scores, *, k: int) -> Scores:
    """Reciprocal rank fusion (Cormack, Clarke & Buettcher 2009): 1 / (k + rank); equal scores share the better rank.

    The rank of a score is 1 + the number of higher ones in the reference.
    """
    higher = len(reference) - np.searchsorted(np.sort(reference), scores, side="right")
    return np.asarray(1.0 / (k + 1 + higher))


def spread(scores: Scores, reference: Scores) -> Scores:
    """The scores, float64 [n], n >= 1, spread evenly from the reference's lowest to its highest: in their own order, on
    its scale. The reference itself where they are all alike."""
    if is_constant(scores):
        return reference
    low, high = reference.min(), reference.max()
    return np.asarray(np.minimum(low + (high - low) * min_max(scores, scores), high))


def is_constant(reference: Scores) -> bool:
    """Whether the reference has no spread beyond rounding, and so no scale; so has an empty one."""
    if not len(reference):
        return True
    low, high = reference.min(), reference.max()
    return bool(high - low <= 1e-12 * max(1.0, abs(low), abs(high)))


def _above_or_below(scores: Scores, value: float) -> Scores:
    """1, 0.5 or 0: above, equal to (but for rounding) or below a reference without a scale."""
    difference = scores - value
    return np.asarray(0.5 + 0.5 * np.sign(difference) * (np.abs(difference) > 1e-12 * max(1.0, abs(value))))
