"""ODS: the cells of each sheet as a reader sees them, by lxml over the zip."""

from collections.abc import Callable, Iterator
from typing import Any

from ingest.loaders.office.archive import Archive
from ingest.loaders.office.formulas import of_open_document
from ingest.loaders.office.number_formats import general
from ingest.loaders.office.opendocument_body import OpenDocumentWriter, annotation_text, plain_text
from ingest.loaders.office.sheets import Row, Sheet, refuse_too_many
from ingest.loaders.office.xml_elements import attribute, local_name
from ingest.loaders.text_builder import TextBuilder
from ingest.whole_numbers import whole_number

_CELLS = frozenset({"table-cell", "covered-table-cell"})


def sheets_of_open_document(archive: Archive) -> Iterator[Sheet]:
    """The sheets in order, hidden ones included.

    Raises LoadError where the file is damaged, or a sheet has more than MAX_CELLS.
    """
    reader = _SheetReader(archive)
    name, depth = "", 0
    for event, element in archive.events("content.xml", "table", "table-row", "shapes"):
        tag = local_name(element)
        if tag == "table":
            depth += 1 if event == "start" else -1
            if event == "start" and depth == 1:
                name = attribute(element, "name") or ""
            elif event == "end" and not depth:
                yield reader.sheet(name)
                reader = _SheetReader(archive)
        elif event == "end" and depth == 1:
            reader.read(element, tag)


class _SheetReader:
    """Takes in the rows of one sheet, and what floats above them."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._rows: dict[int, Row] = {}
        self._drawings: list[Any] = []
        self._next = 1
        self._cells = 0

    def sheet(self, name: str) -> Sheet:
        return Sheet(name, self._rows, _writes(self._archive, self._drawings))

    def read(self, element: Any, tag: str) -> None:
        if tag == "shapes":
            self._drawings += list(element)
            for drawing in list(element):
                element.remove(drawing)
            return
        row = self._row(element)
        repeats = _number(element, "number-rows-repeated")
        if row:
            self._cells += len(row) * repeats
            refuse_too_many(self._cells)
            self._rows.update(dict.fromkeys(range(self._next, self._next + repeats), row))
        self._next += repeats

    def _row(self, element: Any) -> Row:
        row: Row = {}
        column = 0
        for cell in element:
            if local_name(cell) not in _CELLS:
                continue
            repeats = _number(cell, "number-columns-repeated")
            text = self._text(cell) if local_name(cell) == "table-cell" else ""
            if text:
                refuse_too_many(self._cells + len(row) + repeats)
                row.update(dict.fromkeys(range(column, column + repeats), text))
            column += repeats
        return row

    def _text(self, cell: Any) -> str:
        """What the cell shows, else its value, else its formula; then the comment on it."""
        shown, comments = [], []
        for part in list(cell):
            tag = local_name(part)
            if tag in {"p", "h", "list"}:
                shown.append(plain_text(part))
            elif tag == "annotation":
                comments.append(f"[{annotation_text(part)}]")
            else:
                self._drawings.append(part)
                cell.remove(part)
        text = " ".join(" ".join(shown).split()) or _value(cell)
        return " ".join([text, *comments]).strip()


def _value(cell: Any) -> str:
    """A value that no program has laid out."""
    for name in ("string-value", "date-value", "boolean-value"):
        if found := attribute(cell, name):
            return found.upper() if name == "boolean-value" else found
    if found := attribute(cell, "time-value"):
        return found.removeprefix("PT").replace("H", ":").replace("M", ":").removesuffix("S")
    try:
        return general(float(attribute(cell, "value") or ""))
    except ValueError:
        formula = attribute(cell, "formula")
        return of_open_document(formula) if formula else ""


def _number(element: Any, name: str) -> int:
    return whole_number(attribute(element, name)) or 1


def _writes(archive: Archive, drawings: list[Any]) -> Callable[[TextBuilder], None]:
    def write(builder: TextBuilder) -> None:
        if drawings:
            writer = OpenDocumentWriter(archive, builder)
            for drawing in drawings:
                writer.write(drawing)
            writer.write_notes()

    return write
