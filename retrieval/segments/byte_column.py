"""Many byte strings in two arrays: one after the other in NAME.bytes, and where each ends in NAME.ends."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from retrieval.segments.pack import Pack, PackWriter

_BLOCK = 1 << 24
"""Bytes copied at once."""


class ByteColumn:
    """Byte strings by position.

    data   uint8 [total]
    ends   int64 [n]
    """

    def __init__(self, data: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
        self._data = data
        self._ends = ends

    @classmethod
    def load(cls, pack: Pack, name: str) -> "ByteColumn":
        return cls(pack[f"{name}.bytes"], pack[f"{name}.ends"])

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, position: int) -> bytes:
        start = int(self._ends[position - 1]) if position else 0
        return self._data[start : int(self._ends[position])].tobytes()

    def rows_with(self, pattern: re.Pattern[bytes]) -> Iterator[int]:
        """The positions of the strings in which the pattern is found, ascending; reads all of them."""
        data, start = self._data.data, 0
        while match := pattern.search(data, start):
            row = int(np.searchsorted(self._ends, match.start(), side="right"))
            start = int(self._ends[row])
            if match.end() <= start:
                yield row

    def lengths(self, kept: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        """int64 [k]: the lengths of the strings that are kept, or of all."""
        lengths = np.diff(self._ends, prepend=0)
        return lengths if kept is None else lengths[kept]

    def blocks(self, kept: NDArray[np.bool_] | None) -> Iterator[NDArray[np.uint8]]:
        """uint8 [*]: the bytes of the strings that are kept, or of all, some at a time."""
        lengths = np.diff(self._ends, prepend=0)
        # Runs of neighbours that are kept are copied as they lie.
        bounds = np.diff(
            (kept if kept is not None else np.ones(len(self), np.bool_)).astype(np.int8), prepend=0, append=0
        )
        starts, stops = np.flatnonzero(bounds == 1), np.flatnonzero(bounds == -1)
        for first, last in zip((self._ends - lengths)[starts].tolist(), self._ends[stops - 1].tolist(), strict=True):
            for start in range(first, last, _BLOCK):
                yield self._data[start : min(start + _BLOCK, last)]


def write_byte_column(pack: PackWriter, name: str, strings: Sequence[bytes]) -> None:
    """Write the strings as the two arrays that `ByteColumn.load` reads."""
    ends = np.cumsum(np.fromiter(map(len, strings), np.int64, count=len(strings)), dtype=np.int64)
    pack.write(f"{name}.bytes", np.frombuffer(b"".join(strings), dtype=np.uint8))
    pack.write(f"{name}.ends", ends)


def merge_byte_columns(
    pack: PackWriter, name: str, parts: Sequence[tuple[ByteColumn, NDArray[np.bool_] | None]]
) -> None:
    """Write the strings that are kept (a mask, or None for all) of several columns, in order."""
    lengths = np.concatenate([np.empty(0, np.int64), *(column.lengths(kept) for column, kept in parts)])
    blocks = (block for column, kept in parts for block in column.blocks(kept))
    pack.write_blocks(f"{name}.bytes", np.uint8, (int(lengths.sum()),), blocks)
    pack.write(f"{name}.ends", np.cumsum(lengths, dtype=np.int64))
