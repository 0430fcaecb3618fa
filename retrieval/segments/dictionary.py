"""The distinct strings of a column, sorted: a string is stored once, and each row holds its place."""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

_BLOCK = 4096
"""Strings copied at once."""


def narrowed(values: NDArray[np.integer]) -> NDArray[np.integer]:
    """The same integers in the smallest signed dtype that holds all of them; no copy where they have it already."""
    lowest, highest = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    for dtype in (np.int8, np.int16, np.int32):
        if np.iinfo(dtype).min <= lowest and highest <= np.iinfo(dtype).max:
            return values.astype(dtype, copy=False)
    return values.astype(np.int64, copy=False)


@dataclass(frozen=True, slots=True)
class Dictionary:
    """Distinct byte strings (UTF-8), ascending; its order is that of Unicode code points.

    data     uint8, one string after the other
    bounds   int [n + 1]: string i is data[bounds[i] : bounds[i + 1]]
    """

    data: NDArray[np.uint8]
    bounds: NDArray[np.integer]

    @classmethod
    def of(cls, strings: Sequence[bytes]) -> Self:
        """`strings` are distinct and ascending."""
        bounds = np.zeros(len(strings) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, strings), np.int64, len(strings)), out=bounds[1:])
        return cls(np.frombuffer(b"".join(strings), np.uint8), narrowed(bounds))

    @classmethod
    def encode(cls, strings: Sequence[str]) -> tuple[Self, NDArray[np.integer]]:
        """The dictionary of `strings` and, as int [len(strings)], the place of each in it."""
        distinct = sorted(set(strings))
        places = dict(zip(distinct, range(len(distinct)), strict=True))
        codes = np.fromiter(map(places.__getitem__, strings), np.int64, len(strings))
        return cls.of([string.encode("utf-8") for string in distinct]), narrowed(codes)

    @classmethod
    def merged(cls, parts: Sequence[tuple["Dictionary", NDArray[np.integer]]]) -> tuple[Self, NDArray[np.integer]]:
        """One dictionary of all strings that the codes of any part use, and the codes of all parts, in order, in it.

        parts   (dictionary, int [m]: places in it); a string without a code is left out.
        """
        used = []
        for dictionary, codes in parts:
            mask = np.zeros(len(dictionary), np.bool_)
            mask[codes] = True
            used.append(np.flatnonzero(mask))
        strings = [
            dictionary[place] for (dictionary, _), places in zip(parts, used, strict=True) for place in places.tolist()
        ]
        place_of = dict.fromkeys(sorted(strings), 0)  # sorting is one pass over each part: they are sorted runs
        distinct = list(place_of)
        place_of.update(zip(distinct, range(len(distinct)), strict=True))
        places = narrowed(np.fromiter(map(place_of.__getitem__, strings), np.int64, len(strings)))
        del strings, place_of
        renamed = [np.empty(0, np.int8)]
        first = 0
        for (dictionary, old), kept in zip(parts, used, strict=True):
            new_place = np.zeros(len(dictionary), places.dtype)
            new_place[kept] = places[first : first + len(kept)]
            first += len(kept)
            renamed.append(new_place[old])
        return cls.of(distinct), narrowed(np.concatenate(renamed))

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, place: int) -> bytes:
        start, end = self.bounds[place : place + 2].tolist()
        return self.data[start:end].tobytes()

    def texts(self, places: NDArray[np.intp]) -> list[str]:
        """The strings at many places."""
        data = self.data.data
        starts, ends = self.bounds[places].tolist(), self.bounds[places + 1].tolist()
        return [str(data[start:end], "utf-8") for start, end in zip(starts, ends, strict=True)]

    def __iter__(self) -> Iterator[bytes]:
        for first in range(0, len(self), _BLOCK):
            bounds = self.bounds[first : first + _BLOCK + 1].tolist()
            data, start = self.data[bounds[0] : bounds[-1]].tobytes(), bounds[0]
            yield from (data[a - start : b - start] for a, b in pairwise(bounds))

    def places(self, strings: Collection[str]) -> list[int]:
        """The places of those of `strings` that are here."""
        wanted = {string.encode("utf-8") for string in strings}
        if len(wanted) * len(self).bit_length() > len(self):  # looking each up would cost more than one pass
            return [place for place, string in enumerate(self) if string in wanted]
        found = ((bisect_left(range(len(self)), string, key=self.__getitem__), string) for string in wanted)
        return [place for place, string in found if place < len(self) and self[place] == string]

    def places_beginning(self, prefix: str) -> range:
        """The places of the strings that begin so."""
        begin = prefix.encode("utf-8")
        key, places = self.__getitem__, range(len(self))
        # No UTF-8 has a byte 0xff, so that it comes after all that may follow.
        return range(bisect_left(places, begin, key=key), bisect_left(places, begin + b"\xff", key=key))
