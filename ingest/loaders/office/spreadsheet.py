"""Spreadsheets: XLSX and ODS by lxml over the zip, XLS and XLSB by python-calamine."""

import datetime
import io
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from ingest.loaders.office.archive import Archive, is_encrypted_office
from ingest.loaders.office.date_formats import iso
from ingest.loaders.office.number_formats import general
from ingest.loaders.office.ods import sheets_of_open_document
from ingest.loaders.office.ooxml import main_part
from ingest.loaders.office.opendocument import refuse_encrypted
from ingest.loaders.office.optional import optional_library
from ingest.loaders.office.sheets import Row, Sheet, SheetsWriter, no_drawings
from ingest.loaders.office.workbook import sheets_of_workbook
from ingest.loaders.office.xls_records import SheetExtras, extras_of
from ingest.loaders.text_builder import TextBuilder
from retrieval.errors import LoadError
from retrieval.types import Document

_ENCRYPTED = "it is encrypted; save it without a password"
_BEGIN_OF_STREAM = b"\x09\x08\x10\x00"  # the first record of an .xls stream
_FILE_PASS = 0x2F


def load_spreadsheet(data: bytes, *, source: str) -> Document:
    """For each sheet, hidden ones included, its name as a heading, its rows as lines, then its charts.

    Between a row's cells is " | "; empty rows and columns are left out, and empty cells at the end of a row. Numbers
    and dates are as the sheet shows them, but for XLSB; in XLSX and ODS a formula that no program has worked out stands
    for its value. Comments follow what they are on, in brackets. A sheet whose first row looks like a header
    is a table.

    Raises LoadError where the library for XLS and XLSB is missing, and for a file that is damaged, encrypted, unpacks
    to more than MAX_UNPACKED bytes, or whose sheets span more than MAX_CELLS. A damaged .xls can make calamine ask for
    more memory than there is, which ends the process, so read it in one of its own.
    """
    writer = SheetsWriter()
    for sheet in _sheets(data, source):
        writer.write(sheet)
    return writer.document(source)


def _sheets(data: bytes, source: str) -> Iterator[Sheet]:
    if is_encrypted_office(data) or _is_encrypted_xls(data):
        raise LoadError(_ENCRYPTED)
    if data.startswith(b"PK"):
        archive = Archive(data, kind="spreadsheet")
        refuse_encrypted(archive)
        if "content.xml" in archive:
            return sheets_of_open_document(archive)
        main = main_part(archive, usual="xl/workbook.xml", what="a spreadsheet") if not _is_xlsb(archive) else ""
        if main and not main.endswith(".bin"):
            return sheets_of_workbook(archive, main)
    return _sheets_by_calamine(data, what=PurePosixPath(source).suffix.lower() or "a spreadsheet")


def _is_xlsb(archive: Archive) -> bool:
    return "xl/workbook.bin" in archive and "xl/workbook.xml" not in archive


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


def _sheets_by_calamine(data: bytes, *, what: str) -> Iterator[Sheet]:
    calamine = optional_library("python_calamine", package="python-calamine", extra="office", what=what)
    try:
        workbook = calamine.load_workbook(io.BytesIO(data))
        extras = extras_of(data)
        for name in workbook.sheet_names:
            sheet = workbook.get_sheet_by_name(name)
            first_column = (sheet.start or (0, 0))[1]
            numbered = ((number, _row(values, first_column)) for number, values in enumerate(sheet.iter_rows(), 1))
            yield _with_extras(name, {number: row for number, row in numbered if row}, extras.get(name))
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


def _with_extras(name: str, rows: dict[int, Row], extras: SheetExtras | None) -> Sheet:
    """The sheet with its numbers as they are shown, its comments and its text boxes."""
    if extras is None:
        return Sheet(name, rows, no_drawings)
    for (row, column), text in extras.shown.items():
        if column in rows.get(row + 1, {}):
            rows[row + 1][column] = text
    for (row, column), comment in extras.comments.items():
        cells = rows.setdefault(row + 1, {})
        cells[column] = f"{cells.get(column, '')} {comment}"

    def write_boxes(builder: TextBuilder) -> None:
        for text in extras.boxes:
            builder.paragraph()
            builder.write(text)

    return Sheet(name, rows, write_boxes)


def _row(values: Sequence[object], first_column: int) -> Row:
    texts = ((column, _text(value)) for column, value in enumerate(values, first_column) if value != "")
    return {column: text for column, text in texts if text}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return general(value)
    if isinstance(value, datetime.datetime):
        return iso(value)
    return " ".join(str(value).replace("\0", "").split())
