"""Builds a text out of blocks, lines, table cells and words, and remembers where its headings start."""

from retrieval.types import Heading

_NOTHING, _SPACE, _LINE, _PARAGRAPH = range(4)
_SEPARATORS = ("", " ", "\n", "\n\n")  # by these numbers: the stronger the higher


class TextBuilder:
    """Lays text out as a browser does: white space collapses, lines break, blocks are a blank line apart.

    A separator is written only when text follows it, and of several in a row the strongest wins.

    headings  those ended so far, with their offsets in `text()`.
    length    characters so far.
    """

    def __init__(self) -> None:
        self.headings: list[Heading] = []
        self.length = 0
        self._pieces: list[str] = []
        self._separator = _NOTHING
        self._verbatim: list[str] | None = None
        self._heading: tuple[int, int, int] | None = None  # level; index in _pieces and offset at which it begins
        self._cell_depth = 0
        self._row_cells = 0  # cells begun in this row
        self._bars = 0  # cell borders passed since text was last written

    def text(self) -> str:
        return "".join(self._pieces)

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

    def begin_cell(self) -> None:
        """What follows, up to `end_cell`, stands on the row's line, with " | " between it and the cell before.

        The cells of a table inside a cell are part of that cell.
        """
        self._cell_depth += 1
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
        self._heading = (level, len(self._pieces), self.length)

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
            border = " | " * self._bars
            separator = separator + border.lstrip() if separator.startswith("\n") or not self.length else border
        for piece in (separator, text):
            if piece:
                self._pieces.append(piece)
                self.length += len(piece)
        self._separator = _NOTHING
        self._bars = 0
