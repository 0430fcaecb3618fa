"""Which passages say the same: a number for each text, and all rows that have it."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Self

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

    @classmethod
    def of(cls, numbers: PassageNumbers) -> Self:
        return cls(numbers, np.argsort(numbers, kind="stable"))

    def rows_of(self, numbers: PassageNumbers) -> Iterator[tuple[int, Rows]]:
        """Of those of these numbers that are here, the place among them and, intp [k], the rows that have it."""
        if not len(self.numbers):
            return
        first = np.searchsorted(self.numbers, numbers, sorter=self._order)
        smallest = self.numbers[self._order[np.minimum(first, len(self.numbers) - 1)]]
        for place in np.flatnonzero(smallest == numbers).tolist():
            last = np.searchsorted(self.numbers, numbers[place], side="right", sorter=self._order)
            yield place, self._order[first[place] : last]
