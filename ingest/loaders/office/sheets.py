"""What spreadsheets of all formats come to: sheets of rows of texts, and how these are laid out as a document."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from ingest.loaders.office.archive import MAX_UNPACKED
from ingest.loaders.text_builder import TextBuilder
from retrieval.errors import LoadError
from retrieval.sheet_rows import SheetRow
from retrieval.types import Document

MAX_CELLS = 8_000_000
"""Cells that a sheet may have, and so may its rows and columns that are not empty, multiplied."""

_REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d{1,7})")

Row = dict[int, str]
"""The text of a row's cells that are not empty, by column from 0 on."""


class Sheet(NamedTuple):
    """A sheet: its rows that are not empty, by their numbers from 1 on.

    write_drawings  writes what floats above the cells, such as charts.
    """

    name: str
    rows: Mapping[int, Row]
    write_drawings: Callable[[TextBuilder], None]


def no_drawings(builder: TextBuilder) -> None:
    """For sheets of which none are known."""


def position(reference: str) -> tuple[int, int] | None:
    """Row from 1 on and column from 0 on of a reference such as "B7"; None for what is none."""
    match = _REFERENCE.match(reference)
    return (int(match[2]), _column(match[1])) if match else None


def _column(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


def refuse_too_many(cells: int) -> None:
    """Raise LoadError where a sheet has more cells than there is memory for."""
    if cells > MAX_CELLS:
        raise LoadError(
            f"a sheet spans {cells:,} cells, more than {MAX_CELLS:,}; delete the stray ones far from the others"
        )


def _is_drawn_on(sheet: Sheet) -> bool:
    drawn = TextBuilder()
    sheet.write_drawings(drawn)
    return drawn.length > 0


class SheetsWriter:
    """Writes sheets into `builder`, and remembers which line of the text is which row."""

    def __init__(self) -> None:
        self.builder = TextBuilder()
        self._places: list[tuple[int, SheetRow]] = []  # from an offset on, so many lines below it

    def document(self, source: str) -> Document:
        text = self.builder.text()
        rows: list[SheetRow] = []
        line, counted_to = 1, 0
        for offset, place in self._places:
            line += text.count("\n", counted_to, offset)
            counted_to = offset
            rows.append(place._replace(line=line + place.line))
        return replace(self.builder.document(source, title=None), rows=tuple(rows))

    def write(self, sheet: Sheet) -> None:
        """Write a sheet: its name as a heading, then a line for each row, then its drawings.

        Raises LoadError where its rows and columns make more than MAX_CELLS, or its text more than MAX_UNPACKED
        characters.
        """
        builder = self.builder
        if not sheet.rows and not _is_drawn_on(sheet):
            return
        builder.paragraph()
        builder.begin_heading(1)
        builder.write(sheet.name)
        builder.end_heading()
        self._note(sheet.name, 0)
        builder.paragraph()
        self._write_rows(sheet)
        builder.paragraph()
        self._note(sheet.name, 0, below=1)
        sheet.write_drawings(builder)

    def _note(self, sheet: str, row: int, *, below: int = 0) -> None:
        """That the line written last, or one below it, is this row."""
        self._places.append((self.builder.length, SheetRow(below, sheet, row)))

    def _write_rows(self, sheet: Sheet) -> None:
        rows, builder = sheet.rows, self.builder
        used = sorted({column for row in rows.values() for column in row})
        refuse_too_many(len(rows) * len(used))
        if builder.length + sum(len(text) for row in rows.values() for text in row.values()) > MAX_UNPACKED:
            raise LoadError(f"its sheets hold more than {MAX_UNPACKED >> 20} MiB of text; split it")
        builder.begin_table()
        before, length = 0, builder.length
        for number in sorted(rows):
            builder.line()
            for column in used:
                builder.begin_cell()
                builder.write(rows[number].get(column, ""))
                builder.end_cell()
            if builder.length > length:  # else the cells hold white space alone
                if number != before + 1 or not before:
                    self._note(sheet.name, number)
                before, length = number, builder.length
        builder.end_table()
