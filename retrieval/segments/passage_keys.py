"""Which passages say the same: a number for each text, and all rows that have it."""

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from retrieval.topk import Rows

PassageNumbers = NDArray[np.uint64]
"""uint64 [n]: equal for texts that differ in nothing but white space; for others equal once in 2^64 pairs."""


def passage_numbers(texts: Iterable[str]) -> PassageNumbers:
    """One number a text: 64 bits of BLAKE2b over its words."""
    return np.fromiter(map(_number, texts), np.uint64)


def _number(text: str) -> int:
    words = " ".join(text.split()).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(words, digest_size=8).digest(), "little")


class PassageKeys:
    """The numbers of a segment's rows, with the order that sorts them.

    numbers   uint64 [n]
    order     intp [n], np.argsort(numbers)
    """

    def __init__(self, numbers: PassageNumbers, order: Rows) -> None:
        self.numbers = numbers
        self._order = order

    def rows_of(self, number: np.uint64) -> Rows:
        """intp [k]: the rows that have this number, ascending."""
        first = int(np.searchsorted(self.numbers, number, sorter=self._order))
        last = int(np.searchsorted(self.numbers, number, side="right", sorter=self._order))
        return np.sort(self._order[first:last])
