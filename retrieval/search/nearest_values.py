"""The values of a field that are most like one that no chunk has there."""

import re
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
from retrieval.types import clean_text

_NEAREST = 3
_LISTED = 10
"""Values named where some are alike, and values of a field that has so few that all are named."""

_LOOKED_THROUGH = 20_000
_LONGEST = 500
"""Different values of a segment's field, and characters of each, that are looked at."""

_PUNCTUATION = re.compile(r"[^\w\0]+|_")
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
    if asked and near:
        return f"the nearest: {', '.join(map(shown, near))}"
    if asked:
        return "no value there is like it" if len(strings) < _LOOKED_THROUGH else ""
    dates = [value for value in strings if microseconds(value) is not None]
    return _span(dates) if dates else ""


def _listed(values: Collection[Any]) -> str:
    return f"there {'is' if len(values) == 1 else 'are'} {', '.join(map(shown, values))}" if values else ""


def _span(values: Sequence[Any]) -> str:
    return f"the values run from {shown(values[0])} to {shown(values[-1])}"


def nearest(value: str, strings: Sequence[str]) -> list[str]:
    """Those of the strings that are most like a value, best first, _NEAREST at most: the same but for case, accents and
    punctuation, else those that begin alike, else those that hold one another, else those a few edits away."""
    wanted, *folded = _folded([clean_text(value), *strings])
    pairs = list(zip(folded, strings, strict=True))
    holding = [pair for pair in pairs if wanted in pair[0] or pair[0] in wanted]
    ranked = nsmallest(_NEAREST, ((_likeness(wanted, other), len(string), string) for other, string in holding))
    if ranked and ranked[0][0] < _FAR:
        return [string for rank, _, string in ranked if rank == ranked[0][0]]
    most = max(1, min(3, len(wanted) // 4))
    alike = [pair for pair in pairs if abs(len(pair[0]) - len(wanted)) <= most < len(wanted)]
    edits = edit_distances(wanted, [other for other, _ in alike], most=most).tolist()
    near = ((number, string) for number, (_, string) in zip(edits, alike, strict=True) if number <= most)
    return [string for _, string in nsmallest(_NEAREST, near)]


def _likeness(wanted: str, other: str) -> int:
    """0 where they are the same, 1 where they begin alike, 2 where one holds the other; _FAR where that says little."""
    if wanted == other:
        return 0
    short, long = sorted((wanted, other), key=len)
    if len(short) > 1 and long.startswith(short):
        return 1
    return 2 if len(short) > 2 else _FAR


def _folded(strings: Sequence[str]) -> list[str]:
    """Each without case, accents, spaces and punctuation, where anything is left then. No string has a NUL."""
    whole = "\0".join(string[:_LONGEST] for string in strings)  # all at once: ten times faster
    folded = _PUNCTUATION.sub("", normalize("NFKD", whole.casefold())).split("\0")
    return [short or string for short, string in zip(folded, strings, strict=True)]


def _values(reader: IndexReader, field: str) -> set[Any]:
    """The values and the members of lists in the chunks that are not deleted; of many, those of Columns.distinct."""
    found: set[Any] = set()
    for part in reader.live:
        for name in (SHEET, SHEETS) if field == SHEET else (field,):  # a chunk begins on the one, and has rows of all
            for values in part.segment.columns.distinct(name, part.rows, most=_LOOKED_THROUGH):
                found.update(values)
    return found
