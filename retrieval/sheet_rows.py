"""Where a passage of a spreadsheet stands: on which rows of which sheet."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

SHEET, ROW_START, ROW_END, SHEET_END, SHEETS = "sheet", "row_start", "row_end", "sheet_end", "sheets"
"""What the metadata of such a passage has: its sheet, its first and last row, 0 where it has none; and where it has
rows of several sheets, the sheet of the last row and, as a list, all of them."""


class SheetRow(NamedTuple):
    """A line of a document's text, counted from 1, and what stands on it: a row of a sheet, counted from 1.

    Up to the next such entry, each further line is the next row. Where `row` is 0, it and those after it are no rows.
    """

    line: int
    sheet: str
    row: int


def place_of(rows: Sequence[SheetRow], line_start: int, line_end: int) -> dict[str, str | int | list[str]]:
    """What the metadata of a passage on these lines has: nothing where there are no `rows`, which ascend by line."""
    if not rows:
        return {}
    first = max(0, bisect_right(rows, line_start, key=lambda entry: entry.line) - 1)
    beyond = max(first + 1, bisect_right(rows, line_end, key=lambda entry: entry.line))
    found: list[tuple[str, int, int]] = []
    for entry, following in zip(rows[first:beyond], (*rows[first + 1 : beyond], None), strict=True):
        start = max(line_start, entry.line)
        end = line_end if following is None else following.line - 1
        if entry.row and start <= end:
            found.append((entry.sheet, entry.row + start - entry.line, entry.row + end - entry.line))
    if not found:
        return {SHEET: rows[first].sheet, ROW_START: 0, ROW_END: 0}
    (sheet, row_start, _), (sheet_end, _, row_end) = found[0], found[-1]
    place: dict[str, str | int | list[str]] = {SHEET: sheet, ROW_START: row_start, ROW_END: row_end}
    return place if sheet == sheet_end else {**place, **_several([sheet for sheet, _, _ in found])}


def joined_places(first: Mapping[str, Any], last: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of a passage from the one whose metadata is `first` to the one whose is `last`."""
    if not (_has_place(first) and _has_place(last)):
        return dict(first)
    whole = {key: value for key, value in first.items() if key not in (SHEET_END, SHEETS)}
    # A passage without rows is the heading of a sheet, before them, or what follows them.
    with_rows = [place for place in (first, last) if place[ROW_START]] or [first]
    begin, end = with_rows[0], with_rows[-1]
    whole |= {SHEET: begin[SHEET], ROW_START: begin[ROW_START], ROW_END: end[ROW_END]}
    sheets = [*_sheets(begin), *_sheets(end)]
    return whole if sheets[0] == sheets[-1] else {**whole, **_several(sheets)}


def cited_rows(metadata: Mapping[str, Any]) -> str:
    """`sheet Prices, rows 12–40`, `sheet Prices, row 3`, `sheet Prices`; of several sheets, whose names have no colon,
    `sheets Prices:12 – Stock:3`; "" where the passage is of no sheet."""
    if not _has_place(metadata):
        return ""
    sheet, start, end = (metadata[key] for key in (SHEET, ROW_START, ROW_END))
    name = f"sheet {_on_one_line(sheet)}"
    if not start:
        return name
    if SHEET_END in metadata:
        return f"sheets {_on_one_line(sheet)}:{start} – {_on_one_line(str(metadata[SHEET_END]))}:{end}"
    return f"{name}, row {start}" if start == end else f"{name}, rows {start}–{end}"


def _on_one_line(name: str) -> str:
    return " ".join(name.split())


def _sheets(place: Mapping[str, Any]) -> list[str]:
    named = place.get(SHEETS)
    return named if isinstance(named, list) else [place[SHEET], place.get(SHEET_END, place[SHEET])]


def _several(sheets: Sequence[str]) -> dict[str, str | list[str]]:
    return {SHEET_END: sheets[-1], SHEETS: list(dict.fromkeys(sheets))}


def _has_place(metadata: Mapping[str, Any]) -> bool:
    rows = (metadata.get(ROW_START), metadata.get(ROW_END))
    return isinstance(metadata.get(SHEET), str) and all(isinstance(row, int) for row in rows)
