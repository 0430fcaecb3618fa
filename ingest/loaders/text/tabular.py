"""CSV and TSV: the file's text as it is, with its header row."""

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import PurePosixPath

from ingest.loaders.tables import looks_like_header
from ingest.loaders.text.decoding import decode
from retrieval.types import Document, Table

_DELIMITERS = ",;\t|"
_LOOKED_AT = 6  # records
_LONGEST_LINE = 100_000


def load_tabular(data: bytes, *, source: str) -> Document:
    """The file's text as it is; all of it is one table where its first row looks like a header.

    The delimiter is the tab in .tsv files, else the one of comma, semicolon, tab and bar that makes the most columns
    in which the first rows agree.
    """
    text = decode(data)
    delimiters = "\t" if PurePosixPath(source).suffix.lower() == ".tsv" else _DELIMITERS
    candidates = (_records(text, delimiter) for delimiter in delimiters)
    records = max(candidates, key=_agreement)
    tables: tuple[Table, ...] = ()
    if _agreement(records) and looks_like_header(records[0], rows=len(records)):
        start = len(text) - len(text.lstrip("\n"))
        tables = (Table(start, len(text.rstrip("\n")), " | ".join(" ".join(cell.split()) for cell in records[0])),)
    return Document(source, text, tables=tables)


def _records(text: str, delimiter: str) -> list[list[str]]:
    """The cells of the first records; fewer where the text is no CSV."""
    records: list[list[str]] = []
    try:
        for record in csv.reader(_lines(text), delimiter=delimiter, skipinitialspace=True):
            records += [record] if record else []
            if len(records) == _LOOKED_AT:
                break
    except csv.Error:  # a field longer than any is
        pass
    return records


def _lines(text: str) -> Iterator[str]:
    """The lines that are not empty, with their ends, up to the first that is too long for any row."""
    start = 0
    while start < len(text):
        end = text.find("\n", start, start + _LONGEST_LINE)
        if end < 0:
            if len(text) - start <= _LONGEST_LINE:
                yield text[start:]
            return
        if end > start:
            yield text[start : end + 1]
        start = end + 1


def _agreement(records: list[list[str]]) -> int:
    """The columns of the first record, if most of the others have as many; 0 where they disagree."""
    columns = len(records[0]) if records else 0
    same = sum(len(record) == columns for record in islice(records, 1, None))
    return columns if columns > 1 and 2 * same >= len(records) - 1 else 0
