"""Chunk metadata as typed columns: a filter reads the few fields that it names, as vectors.

A field has one column for each type of value that some row has in it: int, float, bool, string, and lists of each.
Columns of the same rows are equal to the byte, whichever way they came about: by `of`, `load` or `merged`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from retrieval.filters import Comparison, Mask
from retrieval.segments.column import Column, Kind
from retrieval.types import Metadata, Scalar

_KINDS = {bool: Kind("bool"), float: Kind("float"), int: Kind("int"), str: Kind("str")}
_LISTS = {type_: Kind(kind.type, listed=True) for type_, kind in _KINDS.items()}


class Columns:
    """The metadata of n rows, read-only.

    size     n
    """

    def __init__(self, size: int, columns: Mapping[tuple[str, Kind], Column]) -> None:
        self.size = size
        self._columns: dict[str, dict[Kind, Column]] = {}
        for (field, kind), column in sorted(columns.items(), key=lambda item: item[0]):
            self._columns.setdefault(field, {})[kind] = column
        self._times: dict[str, NDArray[np.int64]] = {}

    @classmethod
    def of(cls, rows: Sequence[Metadata]) -> Self:
        """The values are int (64 bits), float (finite), bool, str, or lists of one type, not empty."""
        found: dict[tuple[str, type, type | None], tuple[list[int], list[Any]]] = {}
        value: Any
        for row, metadata in enumerate(rows):
            for field, value in metadata.items():
                type_ = type(value)
                key = (field, type_, type(value[0]) if type_ is list else None)
                if key not in found:
                    found[key] = ([], [])
                numbers, values = found[key]
                numbers.append(row)
                values.append(value)
        columns = {}
        for (field, type_, member), (numbers, values) in found.items():
            kind = _KINDS[type_] if member is None else _LISTS[member]
            columns[field, kind] = Column.of(kind, None if len(numbers) == len(rows) else numbers, values)
        return cls(len(rows), columns)

    @classmethod
    def merged(cls, parts: Sequence[tuple["Columns", Mask | None]]) -> Self:
        """All rows of each part, or those of its mask, bool [n], in order, as columns of their own."""
        sizes = [part.size if mask is None else int(mask.sum()) for part, mask in parts]
        firsts = np.cumsum([0, *sizes]).tolist()
        # The number of each row among those its part keeps; of a row that is not kept it means nothing.
        numbers = [None if mask is None else np.cumsum(mask, dtype=np.int32) - np.int32(1) for _, mask in parts]
        columns = {}
        for key in sorted({(field, kind) for part, _ in parts for field, kind, _ in part}):
            found, rows = [], []
            for (part, mask), number, first, size in zip(parts, numbers, firsts[:-1], sizes, strict=True):
                column = part._columns.get(key[0], {}).get(key[1])
                if column is not None and mask is not None:
                    column = column.kept(mask if column.rows is None else mask[column.rows])
                if column is not None and len(column):
                    found.append(column)
                    rows.append((column.rows, number, first, size))
            if found:
                whole = sum(map(len, found)) == firsts[-1]
                columns[key] = Column.merged(
                    found, None if whole else np.concatenate([_shifted(*each) for each in rows])
                )
        return cls(firsts[-1], columns)

    def __iter__(self) -> Iterator[tuple[str, Kind, Column]]:
        return ((field, kind, column) for field, columns in self._columns.items() for kind, column in columns.items())

    def kinds(self) -> Mapping[str, frozenset[Kind]]:
        """What the values of each field are."""
        return {field: frozenset(columns) for field, columns in self._columns.items()}

    def kinds_among(self, rows: Mask) -> Mapping[str, frozenset[Kind]]:
        """The same of these rows, bool [n], alone; fields that none of them has are left out."""
        found: dict[str, frozenset[Kind]] = {}
        for field, kind, column in self:
            if (rows if column.rows is None else rows[column.rows]).any():
                found[field] = found.get(field, frozenset()) | {kind}
        return found

    def description(self) -> list[list[Any]]:
        """What the arrays are, for JSON: [field, type, whether lists] of each column."""
        return [[field, *kind] for field, kind, _ in self]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that is stored beside size and description: "3.values" is of the column described at 3, from 0."""
        return {
            f"{number}.{name}": array
            for number, (_, _, column) in enumerate(self)
            for name, array in column.arrays().items()
        }

    @classmethod
    def load(cls, size: int, description: Sequence[Sequence[Any]], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `description` and `arrays`. The arrays are kept as they are, memory-mapped or read-only."""
        found: list[dict[str, NDArray[Any]]] = [{} for _ in description]
        for name, array in arrays.items():
            number, _, part = name.partition(".")
            found[int(number)][part] = array
        kinds = [(field, Kind(type_, listed)) for field, type_, listed in description]
        return cls(size, {key: Column.load(key[1], parts) for key, parts in zip(kinds, found, strict=True)})

    def ints(self, field: str) -> NDArray[np.int64]:
        """int64 [n]: the values of a field in which every row has an int. Raises KeyError for another."""
        if not self.size:
            return np.empty(0, np.int64)
        column = self._columns[field][Kind("int")]
        if column.rows is not None:
            raise KeyError(field)
        return column.values.astype(np.int64)

    def equal(self, field: str, values: Collection[Scalar]) -> Mask:
        """bool [n]: the rows whose value in `field` is one of `values`, all of one type. A list equals nothing."""
        columns = self._columns.get(field, {})
        type_ = _kind_of(next(iter(values))).type
        wanted = ("int", "float") if type_ in ("int", "float") else (type_,)
        return self._rows(
            (column, column.among(values))
            for kind, column in columns.items()
            if not kind.listed and kind.type in wanted
        )

    def compare(self, field: str, comparison: Comparison, bound: float) -> Mask:
        """bool [n]: the rows whose value in `field` is a number greater (less) than `bound`."""
        columns = self._columns.get(field, {})
        numbers = (columns[kind] for kind in (Kind("int"), Kind("float")) if kind in columns)
        return self._rows((column, column.compared(comparison, bound)) for column in numbers)

    def compare_times(self, field: str, comparison: Comparison, bound: int) -> Mask:
        """bool [n]: the rows whose value in `field` is an ISO date or time after (before) `bound`, in microseconds
        since the epoch."""
        column = self._columns.get(field, {}).get(Kind("str"))
        if column is None:
            return self._rows([])
        times = self._times.get(field)
        if times is None:  # programs ask with another bound each time, such as an hour ago
            times = self._times[field] = column.times()
        return self._rows([(column, column.compared_times(comparison, bound, times))])

    def strings(self, field: str) -> Iterator[str]:
        """The different strings that some row has in `field`, ascending."""
        column = self._columns.get(field, {}).get(Kind("str"))
        return (string.decode() for string in (column.dictionary or ())) if column else iter(())

    def distinct(self, field: str, rows: Mask | None, *, most: int) -> Iterator[list[Any]]:
        """The different values in `field`, ascending, one list for each kind; `rows`, bool [n], are those looked at,
        None all. Of more than `most` the least, and of numbers the greatest too."""
        for column in self._columns.get(field, {}).values():
            if rows is not None:
                column = column.kept(rows if column.rows is None else rows[column.rows])
            yield column.distinct(most)

    def counts(self, field: str, rows: Mask) -> Mapping[str, int]:
        """How many of these rows, bool [n], have each string in `field`."""
        column = self._columns.get(field, {}).get(Kind("str"))
        return column.kept(rows if column.rows is None else rows[column.rows]).counts() if column else {}

    def beginning(self, field: str, prefix: str) -> Mask:
        """bool [n]: the rows whose value in `field` is a string that begins so."""
        column = self._columns.get(field, {}).get(Kind("str"))
        return self._rows([(column, column.beginning(prefix))] if column else [])

    def contains(self, field: str, value: Scalar) -> Mask:
        """bool [n]: the rows whose list in `field` has `value` as a member, of the same type."""
        column = self._columns.get(field, {}).get(Kind(_kind_of(value).type, listed=True))
        return self._rows([(column, column.among([value]))] if column else [])

    def _rows(self, hits: Iterable[tuple[Column, Mask]]) -> Mask:
        """bool [n], of one bool for each value of some columns: the rows in which one of them holds."""
        mask = np.zeros(self.size, np.bool_)
        for column, hit in hits:
            if column.rows is None:
                mask |= hit
            else:
                mask[column.rows[hit]] = True
        return mask


def _kind_of(value: Scalar) -> Kind:
    return next(kind for type_, kind in _KINDS.items() if isinstance(value, type_))


def _shifted(
    rows: NDArray[np.int32] | None, number: NDArray[np.int32] | None, first: int, size: int
) -> NDArray[np.int32]:
    """A part's rows (None: all `size`) as numbers among all rows merged, where the part's begin at `first`."""
    if rows is None:
        return np.arange(first, first + size, dtype=np.int32)
    return (rows if number is None else number[rows]) + np.int32(first)
