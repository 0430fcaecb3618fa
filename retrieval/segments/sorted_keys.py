"""Looking up many keys among those of a segment, by a binary search."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.topk import Rows

Keys = NDArray[np.bytes_]
"""S32 [n]: 32 hexadecimal digits each."""


class SortedKeys:
    """Keys in any order, with the order that sorts them.

    keys    S32 [n]
    order   intp [n], np.argsort(keys)
    """

    def __init__(self, keys: Keys, order: Rows) -> None:
        self._keys = keys
        self._order = order

    def find(self, wanted: Keys) -> Rows:
        """intp [k]: where each wanted key is, -1 where it is not. Of equal keys, any."""
        if not len(self._keys) or not len(wanted):
            return np.full(len(wanted), -1, dtype=np.intp)
        places = np.searchsorted(self._keys, wanted, sorter=self._order)
        rows = self._order[np.minimum(places, len(self._keys) - 1)]
        return np.where(self._keys[rows] == wanted, rows, -1)


def keys_of(names: Sequence[str]) -> Keys:
    """S32 [n]."""
    return np.array(names, dtype="S32")


def order_of(keys: NDArray[Any]) -> Rows:
    """intp [n], as SortedKeys and PassageKeys take it."""
    return np.argsort(keys, kind="stable").astype(np.intp)
