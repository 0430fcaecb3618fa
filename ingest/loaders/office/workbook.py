"""XLSX: the cells of each sheet as a reader sees them, by lxml over the zip."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ingest.loaders.office.archive import Archive
from ingest.loaders.office.drawings import Drawings
from ingest.loaders.office.formulas import moved
from ingest.loaders.office.furniture import write_furniture
from ingest.loaders.office.number_formats import BUILT_IN, NumberFormat
from ingest.loaders.office.ooxml import related_parts, relation_id, relationships
from ingest.loaders.office.sheet_comments import comments_on, people, plain_text
from ingest.loaders.office.sheets import Row, Sheet, position, refuse_too_many
from ingest.loaders.office.xml_elements import attribute, child, children, local_name
from ingest.loaders.text_builder import TextBuilder
from ingest.whole_numbers import whole_number

_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_CODE = re.compile(r'&(?:(&)|"[^"]*"|\d+|K[0-9A-Fa-f]{6}|K\d\d[+-]\d{3}|.)', re.S)
_SIDE, _PAGE_NUMBER = re.compile(r"(?<!&)&[LCR]"), re.compile(r"(?<!&)&[PN]")
_DIGITS = "0123456789"
_TRUE = frozenset({"1", "true"})


def sheets_of_workbook(archive: Archive, main: str) -> Iterator[Sheet]:
    """The sheets of the workbook in the part `main`, in order; hidden ones and those of a chart are among them.

    Raises LoadError where a part is damaged, or a sheet has more than MAX_CELLS.
    """
    root = archive.xml(main)
    related = relationships(archive, main)
    strings = [
        _unescaped(plain_text(item)) for table in related_parts(archive, main, "sharedStrings") for item in table
    ]
    formats = _formats(archive, main, since_1904=attribute(child(root, "workbookPr"), "date1904") in _TRUE)
    names = people(archive, main)
    for entry in children(root, "sheets"):
        relation = related.get(relation_id(entry))
        if relation is not None and relation.target in archive:
            part = relation.target
            cells_of = _Cells(strings, formats)
            rows = cells_of.rows(archive.elements(part, "row", "headerFooter"))
            for number, comments in comments_on(archive, part, names).items():
                row = rows.setdefault(number, {})
                row.update({column: f"{row.get(column, '')} {text}" for column, text in comments.items()})
            yield Sheet(entry.get("name", ""), rows, _drawings(archive, part, cells_of.furniture if rows else ()))


def _drawings(archive: Archive, sheet: str, furniture: Sequence[str]) -> Callable[[TextBuilder], None]:
    parts = [relation.target for relation in relationships(archive, sheet).values() if relation.kind == "drawing"]

    def write(builder: TextBuilder) -> None:
        for part in parts:
            root = archive.xml(part)
            if root is not None:
                Drawings(archive, part, builder).write([root])
        seen: set[str] = set()
        for text in furniture:
            write_furniture(text, seen, builder)

    return write


def _formats(archive: Archive, main: str, *, since_1904: bool) -> list[NumberFormat]:
    """What shows the numbers in cells, by the numbers of the cells' styles."""
    codes = dict(BUILT_IN)
    made: dict[int, NumberFormat] = {}
    found = []
    for root in related_parts(archive, main, "styles"):
        for declared in children(root, "numFmts"):
            codes[_number(declared.get("numFmtId"))] = declared.get("formatCode", "")
        for style in children(root, "cellXfs"):
            number = _number(style.get("numFmtId"))
            if number not in made:
                made[number] = NumberFormat(codes.get(number, ""), since_1904=since_1904)
            found.append(made[number])
    return found


def _number(text: str | None) -> int:
    return whole_number(text) or 0


def _unescaped(text: str) -> str:
    """Characters that XML cannot hold, or that someone wrote for it, are `_x000D_` and the like in strings."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text


def _without_codes(text: str) -> str:
    """A header or footer without its fonts and dates, and without a side on which the page number is.

    Such as `Draft` for `&L&"Arial,Bold"&12Draft&RPage &P of &N`.
    """
    sides = (side for side in _SIDE.split(text) if not _PAGE_NUMBER.search(side))
    return " ".join(_CODE.sub(lambda match: match[1] or " ", " ".join(sides)).split())


class _Cells:
    """Reads the cells of one sheet.

    furniture  its headers and footers, which are read with them.
    """

    def __init__(self, strings: Sequence[str], formats: Sequence[NumberFormat]) -> None:
        self._strings, self._formats = strings, formats
        self._plain = NumberFormat("")
        self.furniture: list[str] = []
        self._columns: dict[str, int | None] = {}  # by their letters
        self._shared: dict[
            str, tuple[int, int, str]
        ] = {}  # formulas that cells share: row, column and text of the first

    def rows(self, elements: Iterable[Any]) -> dict[int, Row]:
        found: dict[int, Row] = {}
        number = count = 0
        for element in elements:
            if local_name(element) == "headerFooter":
                self.furniture += [_without_codes(part.text or "") for part in element]
                continue
            number = _number(element.get("r")) or number + 1
            row = self._row(element, number)
            if row:
                found.setdefault(number, {}).update(row)
                count += len(row)
                refuse_too_many(count)
        return found

    def _row(self, element: Any, number: int) -> Row:
        row: Row = {}
        column = -1
        for cell in element:
            if local_name(cell) != "c":
                continue
            letters = cell.get("r", "").rstrip(_DIGITS)
            if letters not in self._columns:
                place = position(f"{letters}1")
                self._columns[letters] = None if place is None else place[1]
            named = self._columns[letters]
            column = column + 1 if named is None else named
            if len(cell) and (text := self._text(cell, number, column)):
                row[column] = text
        return row

    def _text(self, cell: Any, row: int, column: int) -> str:
        parts = {local_name(part): part for part in cell}
        kind = cell.get("t", "n")
        value = parts["v"].text if "v" in parts else None
        if "is" in parts:
            value = plain_text(parts["is"])
        formula = self._formula(parts["f"], row, column) if "f" in parts else ""
        if value is None and not (kind == "str" and "v" in parts):
            return formula  # nobody has worked it out
        style = _number(cell.get("s"))
        shown = self._formats[style] if style < len(self._formats) else self._plain
        return self._shown(kind, value or "", shown)

    def _shown(self, kind: str, value: str, number_format: NumberFormat) -> str:
        if kind == "s":
            index = _number(value)
            return number_format.text(self._strings[index]) if index < len(self._strings) else ""
        if kind in {"str", "inlineStr"}:
            return number_format.text(_unescaped(value))
        if kind == "b":
            return "TRUE" if value in _TRUE else "FALSE"
        if kind == "d":
            return value.replace("T", " ").removesuffix(" 00:00:00")
        try:
            return number_format.number(float(value)) if kind == "n" else value
        except ValueError:
            return value

    def _formula(self, element: Any, row: int, column: int) -> str:
        text = " ".join((element.text or "").split())
        index = element.get("si")
        if element.get("t") == "shared" and index is not None:
            if text:
                self._shared.setdefault(index, (row, column, text))
            elif index in self._shared:
                first_row, first_column, shared = self._shared[index]
                text = moved(shared, row - first_row, column - first_column)
        return f"={text}" if text else ""
