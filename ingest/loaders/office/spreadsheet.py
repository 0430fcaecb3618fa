"""Spreadsheets (xlsx, xlsm, xlsb, xls, ods): each sheet's rows as lines, by python-calamine."""

import datetime
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from ingest.loaders.office.archive import Archive, is_encrypted_office
from ingest.loaders.office.opendocument import refuse_encrypted
from ingest.loaders.office.optional import optional_library
from ingest.loaders.text_builder import TextBuilder
from retrieval.errors import LoadError
from retrieval.types import Document

MAX_CELLS = 8_000_000
"""Cells between the first used one of a sheet and the last; calamine holds them all, 32 bytes each."""

_ENCRYPTED = "it is encrypted; save it without a password"
_BEGIN_OF_STREAM = b"\x09\x08\x10\x00"  # the first record of an .xls stream
_FILE_PASS = 0x2F
_TEXT_PART = re.compile(r".*\.(?:xml|bin|rels)")
_CELL = re.compile(rb"""<(?:\w+:)?c\s(?:[^>]*?\s)?r=["']([A-Za-z]{1,9})(\d{1,9})["'][^>]*(?<!/)>""")

_Row = dict[int, str]
"""The text of a row's cells that are not empty, by column."""


def load_spreadsheet(data: bytes, *, source: str) -> Document:
    """A heading for each sheet, its name, then its rows as lines with " | " between the cells.

    Empty rows and columns are left out, and empty cells at the end of a row; dates are in ISO form. Hidden sheets are
    included. A sheet whose first row looks like a header is a table.

    Raises LoadError where the library is missing, and for a file that is damaged, encrypted, unpacks to more than
    MAX_UNPACKED bytes, or whose sheets span more than MAX_CELLS. The last is known beforehand of .xlsx alone: a damaged
    .xls can make calamine ask for more memory than there is, which ends the process, so read it in one of its own.
    """
    what = PurePosixPath(source).suffix.lower() or "a spreadsheet"
    calamine = optional_library("python_calamine", package="python-calamine", extra="office", what=what)
    _check(data)
    builder = TextBuilder()
    for name, rows in _sheets(calamine, data):
        _write_sheet(name, rows, builder)
    return builder.document(source, title=None)


def _check(data: bytes) -> None:
    """Refuse what would take more memory than there is, or what is encrypted, before calamine reads it."""
    if is_encrypted_office(data) or _is_encrypted_xls(data):
        raise LoadError(_ENCRYPTED)
    if not data.startswith(b"PK"):
        return
    archive = Archive(data, kind="spreadsheet")
    refuse_encrypted(archive)
    for name in archive.names:
        if _TEXT_PART.fullmatch(name):
            part = archive.read(name)
            if b"sheetData" in part and (cells := _span(part)) > MAX_CELLS:
                raise LoadError(
                    f"a sheet spans {cells:,} cells, more than {MAX_CELLS:,}; delete the stray ones far from the others"
                )


def _is_encrypted_xls(data: bytes) -> bool:
    """Whether a FilePass record stands where an .xls has it: [MS-XLS] 2.1.7.20.3, among the first of the workbook."""
    position = data.find(_BEGIN_OF_STREAM)
    if not data.startswith(b"\xd0\xcf\x11\xe0") or position < 0:
        return False
    for _ in range(4):
        kind, size = (int.from_bytes(data[start : start + 2], "little") for start in (position, position + 2))
        if kind == _FILE_PASS:
            return True
        position += 4 + size
    return False


def _span(sheet: bytes) -> int:
    """The cells of the smallest rectangle that holds all that are not empty, by what the sheet's XML says of each."""
    columns, rows = set(), set()
    for cell in _CELL.finditer(sheet):
        columns.add(cell[1])
        rows.add(cell[2])
    return _extent(map(_column, columns)) * _extent(map(int, rows))


def _extent(numbers: Iterable[int]) -> int:
    ordered = sorted(numbers)
    return ordered[-1] - ordered[0] + 1 if ordered else 0


def _column(name: bytes) -> int:
    number = 0
    for letter in name.upper():
        number = number * 26 + letter - 64
    return number


def _sheets(calamine: Any, data: bytes) -> Iterator[tuple[str, list[_Row]]]:
    """The name of each sheet, and its rows that are not empty."""
    try:
        workbook = calamine.load_workbook(io.BytesIO(data))
        for name in workbook.sheet_names:
            rows = workbook.get_sheet_by_name(name).iter_rows()
            yield name, [cells for cells in map(_row, rows) if cells]
    except calamine.PasswordError as error:
        raise LoadError(_ENCRYPTED) from error
    except (calamine.CalamineError, ValueError, OverflowError, OSError) as error:
        raise _damaged(error) from error
    except BaseException as error:
        # What panics in Rust derives from BaseException, in a module that cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        raise _damaged(error) from error


def _damaged(error: BaseException) -> LoadError:
    return LoadError(f"it is a damaged spreadsheet, or none ({' '.join(str(error).split())}); save it again as .xlsx")


def _row(values: Sequence[object]) -> _Row:
    texts = ((column, _text(value)) for column, value in enumerate(values) if value != "")
    return {column: text for column, text in texts if text}


def _text(value: object) -> str:
    """A cell as people write it: whole numbers without a fraction, others with the 15 digits that Excel keeps."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return f"{value:.15g}" if abs(value) < 1e15 else f"{value:.0f}"
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    return " ".join(str(value).replace("\0", "").split())


def _write_sheet(name: str, rows: Sequence[_Row], builder: TextBuilder) -> None:
    used = sorted({column for row in rows for column in row})
    if not used:
        return
    builder.paragraph()
    builder.begin_heading(1)
    builder.write(name)
    builder.end_heading()
    builder.paragraph()
    builder.begin_table()
    for row in rows:
        builder.line()
        for column in used:
            builder.begin_cell()
            builder.write(row.get(column, ""))
            builder.end_cell()
    builder.end_table()
