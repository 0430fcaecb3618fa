"""The values of a field that are most like one that no chunk has there."""

from collections.abc import Collection, Iterable, Sequence
from heapq import nsmallest
from itertools import islice
from typing import Any
from unicodedata import normalize

from retrieval.iso_times import microseconds
from retrieval.search.hint_texts import shown
from retrieval.segments.edit_distance import edit_distances
from retrieval.segments.reader import IndexReader
from retrieval.sheet_rows import SHEET, SHEETS

_NEAREST = 3
_LISTED = 10
"""Values named where some are alike, and values of a field that has so few that all are named."""

_LOOKED_THROUGH = 20_000
_LONGEST = 500
"""Different values of a segment's field, and characters of each, that are looked at."""

_FAR = 3
"""What _likeness gives where nothing is alike."""


def values_instead(reader: IndexReader, field: str, wanted: Iterable[Any]) -> str:
    """What a field holds in place of values that no chunk has there, for a hint: "the nearest: 'german'". "" where
    there is nothing to tell.

    reader   has the field.
    wanted   the values; none where the condition is of another kind, such as an order.
    """
    asked = [value for value in islice(wanted, _NEAREST) if isinstance(value, str)]
    found = _values(reader, field)
    strings = sorted(value for value in found if isinstance(value, str))
    others = sorted(value for value in found if not isinstance(value, str))
    if asked or not others:
        return _strings_instead(asked, strings)
    return _listed(others) if len(others) <= _LISTED else _span(others)


def _strings_instead(asked: Collection[str], strings: list[str]) -> str:
    near = list(dict.fromkeys(other for value in asked for other in nearest(value, strings)))[:_NEAREST]
    if len(strings) <= _LISTED:
        return _listed([*near, *(other for other in strings if other not in near)])
    if asked:
        return f"the nearest: {', '.join(map(shown, near))}" if near else "no value there is like it"
    dates = [value for value in strings if microseconds(value) is not None]
    return _span(dates) if dates else ""


def _listed(values: Collection[Any]) -> str:
    return f"there {'is' if len(values) == 1 else 'are'} {', '.join(map(shown, values))}" if values else ""


def _span(values: Sequence[Any]) -> str:
    return f"the values run from {shown(values[0])} to {shown(values[-1])}"


def nearest(value: str, strings: Collection[str]) -> list[str]:
    """Those of the strings that are most like a value, best first, _NEAREST at most."""
    wanted = _folded(value[:_LONGEST])
    others = [(_folded(other[:_LONGEST]), other) for other in strings]
    ranked = ((_likeness(wanted, folded), len(other), other) for folded, other in others)
    found = [other for rank, _, other in nsmallest(_NEAREST, (each for each in ranked if each[0] < _FAR))]
    if found:
        return found
    most = max(1, min(3, len(wanted) // 4))
    alike = [(folded, other) for folded, other in others if abs(len(folded) - len(wanted)) <= most < len(wanted)]
    edits = edit_distances(wanted, [folded for folded, _ in alike], most=most).tolist()
    near = ((number, other) for number, (_, other) in zip(edits, alike, strict=True) if number <= most)
    return [other for _, other in nsmallest(_NEAREST, near)]


def _likeness(wanted: str, other: str) -> int:
    """0 where they are the same, 1 where they begin alike, 2 where one holds the other; else _FAR."""
    if wanted == other:
        return 0
    short, long = sorted((wanted, other), key=len)
    if len(short) > 1 and long.startswith(short):
        return 1
    return 2 if len(short) > 2 and short in long else _FAR


def _folded(text: str) -> str:
    """Without case, accents, spaces and punctuation, where anything is left then."""
    return "".join(filter(str.isalnum, normalize("NFKD", text.casefold()))) or text


def _values(reader: IndexReader, field: str) -> set[Any]:
    """The values, and the members of lists, that chunks have which are not deleted, as Columns.distinct tells them."""
    found: set[Any] = set()
    for part in reader.live:
        for name in (SHEET, SHEETS) if field == SHEET else (field,):  # a chunk begins on the one, and has rows of all
            for values in part.segment.columns.distinct(name, part.rows, most=_LOOKED_THROUGH):
                found.update(values)
    return found
