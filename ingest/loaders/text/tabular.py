"""CSV and TSV: the file's text as it is, with its header row."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from ingest.loaders.tables import looks_like_header
from ingest.loaders.text.decoding import decode_noting
from retrieval.types import Document, Table

_DELIMITERS = ",;\t|"
_LOOKED_AT = 40  # records
_MAX_ABOVE = 20  # records above the header row
_LONGEST_LINE = 100_000
_LONGEST_DECLARATION = 8


class _Record(NamedTuple):
    """A record's cells, and where its first line starts in the text."""

    start: int
    cells: list[str]


def load_tabular(data: bytes, *, source: str) -> Document:
    """The file's text as it is; it is one table from its header row on, if it has one.

    The delimiter is that of a first line such as "sep=;", else the tab in .tsv files, else the one of comma,
    semicolon, tab and bar that makes the most cells in rows that agree on their number. The header row is the
    first of as many columns; what a report says above it is text before the table.
    """
    text, notices = decode_noting(data)
    start, declared = _declaration(text)
    delimiters = declared or ("\t" if PurePosixPath(source).suffix.lower() == ".tsv" else _DELIMITERS)
    records = max((_table(text, start, delimiter) for delimiter in delimiters), key=_agreeing_cells)
    tables: tuple[Table, ...] = ()
    names = [" ".join(cell.split()) for cell in records[0].cells] if records else []
    while names and not names[-1]:  # a delimiter at each line's end
        names.pop()
    if looks_like_header(names, rows=len(records)):
        header = " | ".join(names)
        tables = (Table(records[0].start, len(text.rstrip("\n")), header),)
    return Document(source, text, tables=tables, notices=notices)


def _declaration(text: str) -> tuple[int, str]:
    """Where the line after Excel's "sep=;" starts, and the delimiter; (0, "") without such a line."""
    first, newline, _ = text[:_LONGEST_DECLARATION].partition("\n")
    name, _, delimiter = first.strip('"').partition("=")
    return (len(first) + 1, delimiter) if newline and name.lower() == "sep" and len(delimiter) == 1 else (0, "")


def _table(text: str, start: int, delimiter: str) -> list[_Record]:
    """The first records from the header row on: the first that has as many columns as most have, and more than one.

    Empty where there is none near the beginning. Cells that are empty at a record's end do not count: exports fill
    their report lines up with them.
    """
    records = _records(text, start, delimiter)
    counts = Counter(len(record.cells) for record in records)
    columns, agreeing = max(counts.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
    first = next((n for n, record in enumerate(records) if _filled(record.cells) > 1 and _fits(record, columns)), None)
    if columns < 2 or first is None or first > _MAX_ABOVE or 2 * agreeing < len(records) - first:
        return []
    return records[first:]


def _fits(record: _Record, columns: int) -> bool:
    """Whether the record may be the header row of so many columns: at most one of them has no name."""
    return len(record.cells) == columns and _filled(record.cells) >= columns - 1


def _filled(cells: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in cells)


def _agreeing_cells(records: Sequence[_Record]) -> int:
    columns = len(records[0].cells) if records else 0
    return sum(columns for record in records if len(record.cells) == columns)


def _records(text: str, start: int, delimiter: str) -> list[_Record]:
    """The first records that are not empty; fewer where the text is no CSV."""
    records: list[_Record] = []
    starts = [start]
    reader = csv.reader(_lines(text, start, starts), delimiter=delimiter, skipinitialspace=True)
    lines_before = 0
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                records.append(_Record(starts[lines_before], cells))
            lines_before = reader.line_num
            if len(records) == _LOOKED_AT:
                break
    except csv.Error:  # a field longer than any is
        pass
    return records


def _lines(text: str, start: int, starts: list[int]) -> Iterator[str]:
    """The lines from `start` on, with their ends, up to the first that is too long for any row.

    starts   becomes where each of them starts, and where the next would
    """
    while start < len(text):
        end = text.find("\n", start, start + _LONGEST_LINE)
        if end < 0 and len(text) - start > _LONGEST_LINE:
            return
        end = len(text) if end < 0 else end + 1
        starts.append(end)
        yield text[start:end]
        start = end
