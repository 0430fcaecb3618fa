"""What an index can be narrowed by: its folders, file types, languages and dates, and what it might be asked."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple

import numpy as np

from retrieval.filters import Mask
from retrieval.iso_times import microseconds
from retrieval.segments.column import Kind
from retrieval.segments.columns import Columns
from retrieval.segments.reader import IndexReader
from retrieval.time_limit import check_time
from retrieval.types import CHUNK_KEYS, FILE_KEYS

MAX_FOLDERS = 500
MAX_VALUES = 100
MAX_DATE_FIELDS = 10
MAX_EXAMPLES = 6

_MODIFIED = "modified"
_LOOKED_AT = 200
"""Values of a field that say whether it holds dates, and titles and headings that may become examples, for each."""

_SHORTEST_DATE = len("2024-03")
"""A shorter one, a bare year, may be any number."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Value(NamedTuple):
    """A value of a field, or the beginning of a source, and how many documents have it."""

    value: str
    documents: int


class DateField(NamedTuple):
    """A field that holds dates: from first to last, as YYYY-MM-DD in UTC.

    in_seconds   whether a filter compares with seconds since the epoch; else with ISO dates
    """

    field: str
    in_seconds: bool
    first: str
    last: str


class Facets(NamedTuple):
    """Counts are of documents that searches can return.

    folders     the beginnings of sources that end in "/", by name; of more than MAX_FOLDERS the least deep
    suffixes, languages   the values of these metadata fields, the most frequent first
    dates       the fields that hold dates, `modified` first
    examples    headings that ask something, and titles, as they stand in the documents
    """

    documents: int
    folders: list[Value]
    suffixes: list[Value]
    languages: list[Value]
    dates: list[DateField]
    examples: list[str]


def facets(reader: IndexReader) -> Facets:
    """Of all documents that there are for whoever has this reader."""
    sources = [record.source for record in reader.searchable]
    parts = list(_documents_of(reader))
    return Facets(
        documents=len(sources),
        folders=_folders(sources),
        suffixes=_values(parts, "suffix"),
        languages=_values(parts, "language"),
        dates=_dates(parts),
        examples=_examples(reader),
    )


def _documents_of(reader: IndexReader) -> Iterator[tuple[Columns, Mask]]:
    """Each segment's columns, with the first row of each document in it."""
    if not reader.slots:
        return
    rows, starts = reader.rows_by_document
    firsts = np.zeros(reader.slots, np.bool_)
    firsts[rows[starts]] = True
    for segment, start in zip(reader.segments, reader.starts, strict=False):
        yield segment.columns, firsts[start : start + segment.size]


def _folders(sources: Iterable[str]) -> list[Value]:
    counts: Counter[str] = Counter()
    for source in sources:
        check_time()
        parts = source.split("/")
        prefixes = ("/".join(parts[:depth]) + "/" for depth in range(1, len(parts)))
        counts.update(prefix for prefix in prefixes if not prefix.endswith((":/", "//")))  # those of an address
    chosen = sorted(counts, key=lambda prefix: (prefix.count("/"), -counts[prefix], prefix))[:MAX_FOLDERS]
    return [Value(prefix, counts[prefix]) for prefix in sorted(chosen)]


def _values(parts: Iterable[tuple[Columns, Mask]], field: str) -> list[Value]:
    counts: Counter[str] = Counter()
    for columns, rows in parts:
        counts.update(columns.counts(field, rows))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [Value(*item) for item in ordered[:MAX_VALUES]]


def _dates(parts: list[tuple[Columns, Mask]]) -> list[DateField]:
    kinds: dict[str, frozenset[Kind]] = {}
    for columns, rows in parts:
        for field, of_field in columns.kinds_among(rows).items():
            kinds[field] = kinds.get(field, frozenset()) | of_field
    fields = sorted(field for field in kinds.keys() - CHUNK_KEYS - FILE_KEYS if kinds[field] == {Kind("str")})
    found = [_modified(parts), *(_iso_dates(parts, field) for field in fields)]
    return [field for field in found if field is not None][:MAX_DATE_FIELDS]


def _modified(parts: list[tuple[Columns, Mask]]) -> DateField | None:
    seconds = [
        value
        for columns, rows in parts
        for values in columns.distinct(_MODIFIED, rows, most=1)
        for value in values
        if type(value) is int
    ]
    days = sorted(day for value in seconds if (day := _day(value * 1_000_000)) is not None)
    return DateField(_MODIFIED, True, days[0], days[-1]) if days else None


def _iso_dates(parts: list[tuple[Columns, Mask]], field: str) -> DateField | None:
    """None unless every value is a date or a time."""
    moments: list[int] = []
    for columns, rows in parts:
        for most in (_LOOKED_AT, columns.size):  # a look at a few spares reading a million titles
            for values in columns.distinct(field, rows, most=most):
                check_time()
                times = [microseconds(value) if len(value) >= _SHORTEST_DATE else None for value in values]
                if None in times:
                    return None
                moments += [time for time in times if time is not None]
    days = [day for moment in (min(moments), max(moments)) if (day := _day(moment))] if moments else []
    return DateField(field, False, days[0], days[-1]) if days else None


def _day(moment: int) -> str | None:
    """moment: in microseconds since the epoch. None for one beyond the calendar."""
    try:
        return (_EPOCH + timedelta(microseconds=moment)).date().isoformat()
    except OverflowError:
        return None


def _examples(reader: IndexReader) -> list[str]:
    """Questions first, then titles of several words, from all over the index."""
    headings = {
        path.rpartition("\n")[2]
        for segment, start in zip(reader.segments, reader.starts, strict=False)
        for paths in segment.columns.distinct("headings", _living(reader, start, segment.size), most=1_000)
        for path in paths
    }
    questions = sorted(heading for heading in headings if heading.endswith("?"))
    titles = [record.title for record in reader.searchable if record.title]
    asked = [*_spread(questions, MAX_EXAMPLES - 2), *_spread(titles, MAX_EXAMPLES)]
    return list({text.casefold(): text for text in asked}.values())[:MAX_EXAMPLES]


def _living(reader: IndexReader, start: int, size: int) -> Mask | None:
    return None if reader.alive is None else reader.alive[start : start + size]


def _spread(texts: list[str], most: int) -> list[str]:
    """At most so many of those that a person might type, evenly spaced."""
    thinned = texts[:: max(1, len(texts) // _LOOKED_AT)]
    fitting = list(dict.fromkeys(text for text in thinned if _is_phrase(text)))
    step = max(1, len(fitting) // most)
    return list(islice(fitting, 0, None, step))[:most]


def _is_phrase(text: str) -> bool:
    """Whether it is two words or more, and neither long nor a path."""
    letters = sum(character.isalpha() or character.isspace() for character in text)
    return 8 <= len(text) <= 70 and " " in text and text.isprintable() and letters > 0.8 * len(text)
