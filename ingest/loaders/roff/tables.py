"""Tables in roff, between .TS and .TE, as the preprocessor tbl reads them."""

import re

from ingest.loaders.roff.lines import RoffReader
from ingest.loaders.text_builder import TextBuilder

_TAB_OPTION = re.compile(r"\btab\s*\((.)\)", re.I)
_RULES = frozenset({"_", "=", "\\_", "\\=", "\\^"})


class RoffTable:
    """Takes the lines of a table as text: options that end in ";", formats that end in ".", then its rows."""

    def __init__(self) -> None:
        self._delimiter = "\t"
        self._is_format = True
        self._pieces: list[str] | None = None  # of the row whose text block T{ is not closed yet
        self._rows: list[list[str]] = []

    def begin_format(self) -> None:
        """Formats follow, for the rows behind them."""
        self._is_format = True

    def take(self, line: str) -> None:
        if self._pieces is not None:
            if line.startswith("T}"):
                self._add(f"{' '.join(self._pieces)}{line[2:]}")
            else:
                self._pieces.append(line)
        elif self._is_format:
            if option := _TAB_OPTION.search(line):
                self._delimiter = option[1]
            self._is_format = not line.rstrip().endswith(".")
        elif line.strip() and line.strip() not in _RULES:
            self._add(line)

    def write(self, builder: TextBuilder, reader: RoffReader) -> None:
        """Write the rows as lines of a block of their own."""
        if self._pieces:
            self._rows.append(" ".join(self._pieces).split(self._delimiter))
        builder.paragraph()
        builder.begin_table()
        for row in self._rows:
            builder.line()
            for cell in row:
                builder.begin_cell()
                builder.write("" if cell.strip() in _RULES else reader.text(cell))
                builder.end_cell()
        builder.end_table()
        builder.paragraph()

    def _add(self, row: str) -> None:
        if row.endswith("T{"):
            self._pieces = [row[:-2]]
        else:
            self._pieces = None
            self._rows.append(row.split(self._delimiter))
