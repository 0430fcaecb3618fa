"""The top k of many scores, without sorting them or looking at all of them twice."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]
Mask = NDArray[np.bool_]

_BLOCK = 64


def top_k_with_ties(scores: NDArray[Any], depth: int, eligible: Mask | None = None) -> Rows:
    """As `TopK.top_k_with_ties`."""
    return TopK(scores).top_k_with_ties(depth, eligible)


class TopK:
    """Scores, with the highest of each block of them: few blocks hold what is sought among the best.

    The rows of a block lie far apart, and those that fill no block are one each: numpy finds the highest of each
    in a tenth of the time that blocks of neighbours take.
    """

    def __init__(self, scores: NDArray[Any]) -> None:
        self._scores = scores
        self._blocks = len(scores) // _BLOCK
        self._blocked = self._blocks * _BLOCK
        highest = scores[: self._blocked].reshape(_BLOCK, self._blocks).max(axis=0)
        self._highest = np.concatenate([highest, scores[self._blocked :]])

    def top_k_with_ties(self, depth: int, eligible: Mask | None = None) -> Rows:
        """Ascending: the `depth` best of the eligible rows, and all that tie with the last of them."""
        rows = self._top_k_with_ties(depth)
        if eligible is None or eligible[rows].all():
            return rows
        among = np.flatnonzero(eligible)
        return among[TopK(self._scores[among])._top_k_with_ties(depth)]

    def at_least(self, bar: float, eligible: Mask | None = None) -> Rows:
        """Ascending: the eligible rows that reach the bar."""
        bar = np.float64(bar)  # else a bar for float32 scores would be rounded to float32
        found = np.flatnonzero(self._highest >= bar)
        if 8 * len(found) > len(self._highest):
            rows = np.flatnonzero(self._scores >= bar)
        else:
            blocks = np.searchsorted(found, self._blocks)
            rows = (found[:blocks] + self._blocks * np.arange(_BLOCK)[:, None]).ravel()
            rows = np.concatenate([rows[self._scores[rows] >= bar], found[blocks:] + self._blocked - self._blocks])
            rows.sort()
        return rows if eligible is None else rows[eligible[rows]]

    def _top_k_with_ties(self, depth: int) -> Rows:
        if len(self._scores) <= depth:
            return np.arange(len(self._scores))
        # As many scores as blocks reach the depth-th best block: what is below that is not the depth-th best.
        bar = np.partition(self._highest, -depth)[-depth] if len(self._highest) > depth else -np.inf
        rows = self.at_least(float(bar))
        scores = self._scores[rows]
        above = scores[scores > bar]  # what ties with it may be nearly all
        if len(above) < depth:
            return rows
        best: Rows = rows[scores >= np.sort(above)[-depth]]
        return best
