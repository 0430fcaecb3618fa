"""One field's values of one type, and the vector operations that a filter asks of them."""

import math
import operator
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self, cast

import numpy as np
from numpy.typing import NDArray

from retrieval.filters import Comparison, Mask
from retrieval.iso_times import microseconds
from retrieval.segments.dictionary import Dictionary, narrowed
from retrieval.types import Scalar

NO_TIME = np.iinfo(np.int64).min

Type = Literal["bool", "float", "int", "str"]


class Kind(NamedTuple):
    """What a column holds: one value a row, or, `listed`, a list of one or more."""

    type: Type
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """The m rows that have a value of this kind in a field.

    rows         int32 [m], ascending; None where every row has one
    values       the m values, or all members of m lists one after the other: the smallest signed int dtype that fits,
                 float64 or bool; for strings their places in the dictionary
    bounds       for lists int [m + 1]: the members of list i are values[bounds[i] : bounds[i + 1]]; else None
    dictionary   for strings; else None

    The arrays may be memory-mapped and are never written to.
    """

    kind: Kind
    values: NDArray[Any]
    rows: NDArray[np.int32] | None = None
    bounds: NDArray[np.integer] | None = None
    dictionary: Dictionary | None = None

    @classmethod
    def of(cls, kind: Kind, rows: Sequence[int] | None, values: Sequence[Any]) -> Self:
        """`values` of m rows; `rows` None stands for all."""
        bounds = None
        if kind.listed:
            bounds = _bounds(np.fromiter(map(len, values), np.int64, len(values)))
            values = [member for members in values for member in members]
        dictionary: Dictionary | None = None
        array: NDArray[Any]
        if kind.type == "str":
            dictionary, array = Dictionary.encode(values)
        elif kind.type == "int":
            array = narrowed(np.array(values, np.int64))
        else:
            array = np.array(values, np.bool_ if kind.type == "bool" else np.float64)
        return cls(kind, array, None if rows is None else np.array(rows, np.int32), bounds, dictionary)

    @classmethod
    def merged(cls, parts: Sequence[Self], rows: NDArray[np.int32] | None) -> Self:
        """The values of all parts, which are of one kind, one after the other, in `rows`."""
        kind = parts[0].kind
        dictionary: Dictionary | None = None
        values: NDArray[Any]
        if kind.type == "str":
            dictionary, values = Dictionary.merged([(cast(Dictionary, part.dictionary), part.values) for part in parts])
        else:
            values = np.concatenate([part.values for part in parts])
        bounds = _bounds(np.concatenate([part._lengths() for part in parts])) if kind.listed else None
        return cls(kind, narrowed(values) if kind.type == "int" else values, rows, bounds, dictionary)

    def kept(self, keep: Mask) -> Self:
        """This column with the rows of `keep`, bool [m], alone; `rows` are taken over as they are numbered here."""
        rows = None if self.rows is None else self.rows[keep]
        if self.bounds is None:
            return type(self)(self.kind, self.values[keep], rows, None, self.dictionary)
        lengths = self._lengths()
        members = np.repeat(keep, lengths)
        return type(self)(self.kind, self.values[members], rows, _bounds(lengths[keep]), self.dictionary)

    def distinct(self, most: int) -> list[Any]:
        """The different values, or members of lists, ascending: of more than `most` the least, and of numbers the
        greatest too."""
        if self.dictionary is not None:
            used = np.zeros(len(self.dictionary), np.bool_)
            used[self.values] = True
            return self.dictionary.texts(np.flatnonzero(used)[:most])
        ordered = np.sort(self.values)  # three times faster than np.unique
        different = ordered[np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]]
        return [*different[:most].tolist(), *different[most:][-1:].tolist()]

    def counts(self) -> dict[str, int]:
        """Of a column of strings: how often each is there."""
        assert self.dictionary is not None
        places, counts = np.unique(self.values, return_counts=True)
        return dict(zip(self.dictionary.texts(places), counts.tolist(), strict=True))

    def __len__(self) -> int:
        """How many rows have a value."""
        return len(self.values) if self.bounds is None else len(self.bounds) - 1

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is stored, by name; `load` takes it back."""
        found = {"rows": self.rows, "values": self.values, "bounds": self.bounds}
        if self.dictionary is not None:
            found |= {"strings": self.dictionary.data, "string_bounds": self.dictionary.bounds}
        return {name: array for name, array in found.items() if array is not None}

    @classmethod
    def load(cls, kind: Kind, arrays: Mapping[str, NDArray[Any]]) -> Self:
        plain = {name: np.asarray(array) for name, array in arrays.items()}  # slicing a np.memmap is ten times slower
        strings = Dictionary(plain["strings"], plain["string_bounds"]) if kind.type == "str" else None
        return cls(kind, plain["values"], plain.get("rows"), plain.get("bounds"), strings)

    def among(self, wanted: Collection[Scalar]) -> Mask:
        """bool [m]: whether the value, or a member of the list, is one of `wanted`, all of one type.

        Numbers compare by value, exactly; a bool is no number.
        """
        hit = self._values_among(wanted)
        return hit if self.bounds is None else np.logical_or.reduceat(hit, self.bounds[:-1])

    def beginning(self, prefix: str) -> Mask:
        """bool [m], of a column of strings: whether the value begins so."""
        assert self.dictionary is not None
        places = self.dictionary.places_beginning(prefix)
        return np.asarray((self.values >= places.start) & (self.values < places.stop))

    def times(self) -> NDArray[np.int64]:
        """int64, of a column of strings: what each string of the dictionary is in microseconds since the epoch; NO_TIME
        for one that is no ISO date or time."""
        assert self.dictionary is not None
        times = (microseconds(string.decode()) for string in self.dictionary)
        return np.fromiter((NO_TIME if time is None else time for time in times), np.int64, len(self.dictionary))

    def compared_times(self, comparison: Comparison, bound: int, times: NDArray[np.int64]) -> Mask:
        """bool [m], of a column of strings: whether the value is an ISO date or time after (before) `bound`, in
        microseconds since the epoch. `times` are its own."""
        compare, _ = _COMPARISONS[comparison]
        return np.asarray((compare(times, bound) & (times != NO_TIME))[self.values])

    def compared(self, comparison: Comparison, bound: float) -> Mask:
        """bool [m], of a column of numbers: whether the value is greater (less) than `bound`, exactly.

        The bound is rounded to the next number that the column's type has, up or down by what is asked.
        """
        compare, upward = _COMPARISONS[comparison]
        if self.kind.type == "int":
            rounded: float = math.ceil(bound) if upward else math.floor(bound)
        else:
            rounded = float(bound)
            if upward and rounded < bound:
                rounded = math.nextafter(rounded, math.inf)
            elif not upward and rounded > bound:
                rounded = math.nextafter(rounded, -math.inf)
        hit: Mask = compare(self.values, rounded)
        return hit

    def _lengths(self) -> NDArray[np.integer]:
        """int [m]: how many members each list has."""
        bounds = cast(NDArray[np.integer], self.bounds)
        return bounds[1:] - bounds[:-1]

    def _values_among(self, wanted: Collection[Scalar]) -> Mask:
        if self.dictionary is not None:
            places = self.dictionary.places([value for value in wanted if isinstance(value, str)])
            return _among(self.values, np.array(places, self.values.dtype))
        if self.kind.type == "bool":
            return _among(self.values, np.array([value for value in wanted if isinstance(value, bool)], np.bool_))
        numbers = [value for value in wanted if not isinstance(value, str | bool)]
        if self.kind.type == "int":
            limits = np.iinfo(self.values.dtype)
            whole = [int(number) for number in numbers if limits.min <= number <= limits.max and int(number) == number]
            return _among(self.values, np.array(whole, self.values.dtype))
        exact = [float(number) for number in numbers if float(number) == number]
        return _among(self.values, np.array(exact, np.float64))


_COMPARISONS: Mapping[Comparison, tuple[Any, bool]] = {
    "$gt": (operator.gt, False),
    "$gte": (operator.ge, True),
    "$lt": (operator.lt, True),
    "$lte": (operator.le, False),
}
"""How values are held against a bound, and whether the bound may be rounded up for it, else down."""


def _among(values: NDArray[Any], wanted: NDArray[Any]) -> Mask:
    if len(wanted) == 1:
        one: Mask = values == wanted[0]
        return one
    return np.isin(values, wanted)


def _bounds(lengths: NDArray[np.integer]) -> NDArray[np.integer]:
    bounds = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=bounds[1:])
    return narrowed(bounds)
