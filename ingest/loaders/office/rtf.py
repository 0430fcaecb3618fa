r"""RTF: paragraphs, headings by outline level, tables, headers and footers, footnotes and comments."""

import re
from dataclasses import dataclass

from ingest.loaders.office.furniture import write_furniture
from ingest.loaders.office.rtf_syntax import Event, RtfReader
from ingest.loaders.text_builder import TextBuilder
from ingest.loaders.titles import meaningful_title
from retrieval.errors import LoadError
from retrieval.types import Document

_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{\s*\\rtf")
_HEADING_NAME = re.compile(r"heading ([1-9])", re.I)
_BESIDE = ("header", "footer", "footnote", "annotation")
_BODY_TEXT = 9  # the outline level of what is no heading
_ENDS_OF_PARAGRAPHS = frozenset({"par", "sect", "page", "column"})


def load_rtf(data: bytes, *, source: str) -> Document:
    """The text, then headers and footers, once each, then footnotes and comments.

    A table's rows are lines with " | " between the cells. Headings are the paragraphs with an outline level, their own
    or their style's. The title is that of the properties, else the first paragraph in the style "Title", else the first
    heading.

    Raises LoadError for what is no RTF. A file that is cut off is read as far as it goes.
    """
    if not _START.match(data):
        raise LoadError("it is no RTF file; save it again as .rtf")
    writer = _Writer()
    for event in RtfReader(data).events():
        writer.take(event)
    writer.finish()
    builder = writer.builder
    titles = [
        meaningful_title(_joined(writer.title)),
        *writer.titles,
        *(heading.text for heading in builder.headings[:1]),
    ]
    return builder.document(source, title=next(filter(None, titles), None))


@dataclass(slots=True)
class _Properties:
    r"""What \pard resets."""

    level: int | None = None  # from 0
    style: int | None = None
    in_table: bool = False


class _Writer:
    """Lays the stream out as paragraphs and rows of `builder`."""

    def __init__(self) -> None:
        self.builder = TextBuilder()
        self.title: list[str] = []
        self.titles: list[str] = []
        self._styles = _Styles()
        self._properties = _Properties()
        self._paragraph: list[str] = []
        self._cells: list[str] = []
        self._in_table = False
        self._note: list[str] = []  # what stands beside the body, of the kind that is being read
        self._beside: dict[str, list[str]] = {kind: [] for kind in _BESIDE}
        self._author: list[str] = []

    def take(self, event: Event) -> None:
        if event.destination == "body":
            self._take_body(event)
        elif event.destination == "stylesheet":
            self._styles.take(event)
        elif event.destination == "title":
            self.title.append(event.text)
        elif event.destination == "author":
            self._author.append(event.text)
        elif event.destination in self._beside:
            self._note.append("\n" if event.word == "par" else event.text)
            if event.word == "end":
                self._end_note(event.destination)

    def finish(self) -> None:
        self._end_row() if self._cells else self._end_paragraph()
        self._end_table()
        self._end_note("footnote")
        seen: set[str] = set()
        for kind in ("header", "footer"):
            for text in self._beside[kind]:
                write_furniture(text, seen, self.builder)
        for kind in ("footnote", "annotation"):
            for text in self._beside[kind]:
                self._write_lines(text)

    def _end_note(self, kind: str) -> None:
        text = _joined(self._note).strip()
        author = _joined(self._author).strip() if kind == "annotation" else ""
        self._beside[kind].append(f"{author}: {text}" if author and text else text)
        self._note.clear()
        if kind == "annotation":
            self._author.clear()

    def _take_body(self, event: Event) -> None:
        word, properties = event.word, self._properties
        if not word:
            self._paragraph.append(event.text)
        elif word == "pard":
            self._properties = _Properties()
        elif word == "intbl":
            properties.in_table = True
        elif word == "s":
            properties.style = event.number
        elif word == "outlinelevel":
            properties.level = event.number
        elif word == "cell":
            self._cells.append(self._taken())
        elif word == "row":
            self._end_row()
        elif word in _ENDS_OF_PARAGRAPHS and properties.in_table:
            self._paragraph.append(" ")
        elif word in _ENDS_OF_PARAGRAPHS:
            self._end_paragraph()

    def _taken(self) -> str:
        text = _joined(self._paragraph)
        self._paragraph.clear()
        return text

    def _end_row(self) -> None:
        if not self._in_table:
            self.builder.paragraph()
            self.builder.begin_table()
            self._in_table = True
        self.builder.line()
        for cell in (*self._cells, self._taken()):
            self.builder.begin_cell()
            self.builder.write(cell)
            self.builder.end_cell()
        self._cells.clear()

    def _end_table(self) -> None:
        if self._in_table:
            self.builder.end_table()
            self._in_table = False

    def _end_paragraph(self) -> None:
        text = self._taken()
        if not text.strip():
            return
        self._end_table()
        level = self._styles.level(self._properties.style) if self._properties.level is None else self._properties.level
        if self._styles.is_title(self._properties.style):
            self.titles.append(text)
        if level is None or not 0 <= level < _BODY_TEXT:
            self._write_lines(text)
            return
        self.builder.paragraph()
        self.builder.begin_heading(level + 1)
        self.builder.write(text)
        self.builder.end_heading()
        self.builder.paragraph()

    def _write_lines(self, text: str) -> None:
        self.builder.paragraph()
        for line in text.split("\n"):
            self.builder.line()
            self.builder.write(line)
        self.builder.paragraph()


class _Styles:
    """The style sheet: an outline level, or a name that says one, by the number of a style."""

    def __init__(self) -> None:
        self._levels: dict[int | None, int] = {}
        self._titles: set[int | None] = set()
        self._number: int | None = 0
        self._name: list[str] = []

    def take(self, event: Event) -> None:
        if event.word == "s":
            self._number = event.number
        elif event.word == "outlinelevel" and event.number is not None:
            self._levels[self._number] = event.number
        elif not event.word:
            self._name.append(event.text)
            if ";" in event.text:
                self._end()

    def level(self, number: int | None) -> int | None:
        """The outline level, from 0, of that style."""
        return self._levels.get(number)

    def is_title(self, number: int | None) -> bool:
        return number in self._titles

    def _end(self) -> None:
        name = _joined(self._name).partition(";")[0].strip()
        if match := _HEADING_NAME.fullmatch(name):
            self._levels.setdefault(self._number, int(match[1]) - 1)
        if name.lower() == "title":
            self._titles.add(self._number)
        self._number = 0
        self._name.clear()


def _joined(pieces: list[str]) -> str:
    r"""Their text, without NUL, and with the pairs of surrogates joined in which \u writes what lies beyond U+FFFF."""
    text = "".join(pieces).replace("\0", "")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
