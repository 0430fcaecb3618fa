"""Builds a text out of blocks, lines, table cells and words, and remembers where headings, tables and pages start."""

from ingest.loaders.tables import looks_like_header
from retrieval.types import Document, Heading, Table

_NOTHING, _SPACE, _LINE, _PARAGRAPH = range(4)
_SEPARATORS = ("", " ", "\n", "\n\n")  # by these numbers: the stronger the higher
_BORDER = " | "


class TextBuilder:
    """Lays text out as a browser does: white space collapses, lines break, blocks are a blank line apart.

    A separator is written only when text follows it, and of several in a row the strongest wins.

    headings  those ended so far, with their offsets in `text()`.
    tables    those ended so far that have a header row; none is inside another.
    length    characters so far.
    base_level   what is added to the levels of headings, for one text inside another.
    """

    def __init__(self) -> None:
        self.headings: list[Heading] = []
        self.tables: list[Table] = []
        self.length = 0
        self.base_level = 0
        self._pieces: list[str] = []
        self._separator = _NOTHING
        self._verbatim: list[str] | None = None
        self._heading: tuple[int, int, int] | None = None  # level; index in _pieces and offset at which it begins
        self._pages: list[int] = []
        self._pages_begun = 0  # since text was last written
        self._table_depth = 0
        self._table: tuple[int, int] | None = None  # index in _pieces and offset at which its first row begins
        self._cell_depth = 0
        self._row_cells = 0  # cells begun in this row
        self._bars = 0  # cell borders passed since text was last written

    def text(self) -> str:
        return "".join(self._pieces)

    def pages(self) -> tuple[int, ...]:
        """The offsets in `text()` at which the pages begun so far start."""
        return (*self._pages, *[self.length] * self._pages_begun)

    def document(self, source: str, *, title: str | None, notices: tuple[str, ...] = ()) -> Document:
        """What has been written, with all that was noted of it; `notices` as in Document."""
        return Document(
            source,
            self.text(),
            title=title,
            pages=self.pages(),
            headings=tuple(self.headings),
            tables=tuple(self.tables),
            notices=notices,
        )

    def write(self, text: str) -> None:
        if self._verbatim is not None:
            self._verbatim.append(text)
            return
        words = " ".join(text.split())
        if words:
            if text[0].isspace():
                self._separate(_SPACE)
            self._append(words)
        if text[-1:].isspace():
            self._separate(_SPACE)

    def paragraph(self) -> None:
        """What follows is a block of its own."""
        self._break(_PARAGRAPH)

    def line(self) -> None:
        """What follows stands on a new line."""
        if self._verbatim is None:
            self._break(_LINE)
        else:
            self._verbatim.append("\n")

    def begin_page(self) -> None:
        """What follows stands on a page of its own."""
        self.paragraph()
        self._pages_begun += 1

    def begin_table(self) -> None:
        """The rows that follow, up to `end_table`, are one table; a table inside it is part of it."""
        self._table_depth += 1
        if self._table_depth == 1:
            self._table = None

    def end_table(self, *, has_header: bool | None = None) -> None:
        """Note the table if its first row is a header row; with None, that is judged by its cells."""
        self._table_depth -= 1
        if self._table_depth or self._table is None:
            return
        index, offset = self._table
        written = "".join(self._pieces[index:])
        lines = written.strip().split("\n")
        if len(lines) < 2:
            return
        if has_header is None:
            has_header = looks_like_header(lines[0].split(_BORDER.strip()), rows=len(lines))
        if has_header:
            offset += len(written) - len(written.lstrip())
            self.tables.append(Table(offset, self.length, lines[0]))

    def begin_cell(self) -> None:
        """What follows, up to `end_cell`, stands on the row's line, with " | " between it and the cell before.

        The cells of a table inside a cell are part of that cell.
        """
        self._cell_depth += 1
        if self._table_depth and self._table is None:
            self._table = (len(self._pieces), self.length)
        if self._cell_depth == 1:
            self._bars += self._row_cells > 0
            self._row_cells += 1
        else:
            self._separate(_SPACE)

    def end_cell(self) -> None:
        self._cell_depth -= 1

    def begin_verbatim(self) -> None:
        """What follows, up to `end_verbatim`, keeps its white space."""
        if self._verbatim is None:
            self._verbatim = []

    def end_verbatim(self) -> None:
        block = "".join(self._verbatim or ()).replace("\r", "").strip("\n")
        self._verbatim = None
        if block.strip():
            self._append(block)

    def begin_heading(self, level: int) -> None:
        self._heading = (self.base_level + level, len(self._pieces), self.length)

    def end_heading(self) -> None:
        """Note what was written since `begin_heading` as a heading, if there was anything."""
        if self._heading is None:
            return
        level, index, offset = self._heading
        written = "".join(self._pieces[index:])
        if written.strip():
            offset += len(written) - len(written.lstrip())
            self.headings.append(Heading(offset, level, " ".join(written.split())))
        self._heading = None

    def _break(self, separator: int) -> None:
        if self._cell_depth:
            self._separate(_SPACE)
        else:
            self._separate(separator)
            self._row_cells = self._bars = 0

    def _separate(self, separator: int) -> None:
        if separator > self._separator:
            self._separator = separator

    def _append(self, text: str) -> None:
        separator = _SEPARATORS[self._separator] if self.length else ""
        if self._bars:
            border = _BORDER * self._bars
            separator = separator + border.lstrip() if separator.startswith("\n") or not self.length else border
        if separator:
            self._pieces.append(separator)
            self.length += len(separator)
        self._pages += [self.length] * self._pages_begun
        self._pieces.append(text)
        self.length += len(text)
        self._separator = _NOTHING
        self._bars = self._pages_begun = 0
