"""Arrays of several segments, read as one."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

_Scalar = TypeVar("_Scalar", bound=np.generic)


class StackedArray(Generic[_Scalar]):
    """Arrays one below the other: [n1 + n2 + ..., *rest]. Nothing is copied but what is taken."""

    def __init__(self, parts: Sequence[NDArray[_Scalar]]) -> None:
        """At least one part."""
        self.parts = tuple(part for part in parts if len(part)) or tuple(parts[:1])  # an empty one may lack a dimension
        self.starts = tuple(accumulate(map(len, self.parts), initial=0))
        """The first row of each part, and the end."""
        self._starts = np.array(self.starts)

    def __len__(self) -> int:
        return self.starts[-1]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self.parts[-1].shape[1:])

    def __getitem__(self, rows: Any) -> Any:
        """As an array's: one row, a slice, or an array of row numbers or of booleans. Raises IndexError."""
        if len(self.parts) == 1:
            return self.parts[0][rows]
        if isinstance(rows, int | np.integer):
            if not 0 <= rows < len(self):
                raise IndexError(f"Row {rows} of {len(self)}.")
            part = bisect_right(self.starts, rows) - 1
            return self.parts[part][rows - self.starts[part]]
        if isinstance(rows, slice):
            rows = np.arange(len(self))[rows]
        rows = np.asarray(rows)
        return self._taken(np.flatnonzero(rows) if rows.dtype == np.bool_ else rows.astype(np.intp, copy=False))

    def blocks(self, size: int) -> Iterator[tuple[int, NDArray[_Scalar]]]:
        """(first row, at most `size` rows), in order."""
        for start, part in zip(self.starts, self.parts, strict=False):
            for first in range(0, len(part), size):
                yield start + first, part[first : first + size]

    def joined(self) -> NDArray[_Scalar]:
        """All rows in one array."""
        return self.parts[0] if len(self.parts) == 1 else np.concatenate(self.parts)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self.joined(), dtype=dtype)

    def _taken(self, rows: NDArray[np.intp]) -> NDArray[_Scalar]:
        if not (rows[1:] >= rows[:-1]).all():
            order = rows.argsort()
            place = np.empty_like(order)
            place[order] = np.arange(len(order))
            return self._taken(rows[order]).take(place, axis=0)
        bounds = rows.searchsorted(self._starts).tolist()
        if bounds[0] or bounds[-1] < len(rows):
            raise IndexError(f"Rows {rows[0]} to {rows[-1]} of {len(self)}.")
        taken = np.empty((len(rows), *self.shape[1:]), self.parts[-1].dtype)
        for part, start, first, last in zip(self.parts, self.starts, bounds, bounds[1:], strict=False):
            if first < last:  # all of these rows lie in the part; for those that might not, numpy would buffer
                part.take(rows[first:last] - start, axis=0, out=taken[first:last], mode="clip")
        return taken
