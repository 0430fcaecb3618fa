"""Manual pages, in the man or the mdoc macros of roff: paragraphs, headings, verbatim blocks and tables."""

import re

from ingest.loaders.roff import mdoc
from ingest.loaders.roff.lines import Line, RoffReader, arguments
from ingest.loaders.roff.tables import RoffTable
from ingest.loaders.text.decoding import UnsupportedFormatError, decode_noting
from ingest.loaders.text_builder import TextBuilder
from retrieval.types import Document

_HEADINGS = {"SH": 1, "Sh": 1, "SS": 2, "Ss": 2}
_TITLES = frozenset({"TH", "Dt"})
_PARAGRAPHS = frozenset({"PP", "P", "LP", "HP", "Pp", "Lp", "sp", "Sp", "Bl", "El"})
_LINES = frozenset(
    {"br", "RS", "RE", "TQ", "SY", "YS", "ce", "ti", "in", "It", "D1", "Dl", "Rs", "Re", "Fo", "Ft", "Fd", "In"}
)
_VERBATIM = frozenset({"nf", "EX", "Vb", "CS"})
_VERBATIM_END = frozenset({"fi", "EE", "Ve", "CE", "Ed"})
_ALIAS = re.compile(r"^[.']\s*so\s+(\S+)", re.M)
_UNFILLED = re.compile(r"-(?:literal|unfilled)")
_ALTERNATING = frozenset({"BR", "RB", "BI", "IB", "IR", "RI"})
_LINKS = frozenset({"URL", "MTO"})
_WITHOUT_TEXT = frozenset(
    {"AS", "AT", "BE", "BS", "Bd", "Bf", "Bk", "DE", "DS", "DT", "Db", "Dd", "Ef", "Ek", "INDENT", "IX", "LINKSTYLE",
     "Os", "PD", "RE", "RS", "Sm", "UC", "UE", "UNINDENT", "Ud", "VE", "VS"}
)  # fmt: skip
_LONGEST_BULLET = 3  # characters of a tag that its text follows on the same line


def load_manpage(data: bytes, *, source: str) -> Document:
    r"""The text as it is read, without fonts; headings are the sections, and the title is such as "ls(1)".

    Lines are joined to paragraphs, but for those between .nf and .fi; a tag stands on a line above its text.

    Raises UnsupportedFormatError for a page that only names another (.so).
    """
    text, notices = decode_noting(data)
    page = _Page(RoffReader(text))
    page.read()
    document = page.builder.document(source, title=page.title, notices=notices)
    if not document.text.strip() and (alias := _ALIAS.search(text)):
        raise UnsupportedFormatError(f"it only names another page, {alias[1]}, which is read where it is")
    return document


class _Page:
    """Lays the lines of a page out."""

    def __init__(self, reader: RoffReader) -> None:
        self.builder = TextBuilder()
        self.title: str | None = None
        self._reader = reader
        self._name = ""  # what the page describes, by its first .Nm
        self._heading = 0  # the level of the heading that the next text is; 0 if it is none
        self._is_tag = False  # whether the next text is a tag
        self._is_verbatim = False
        self._is_synopsis = False
        self._table: RoffTable | None = None

    def read(self) -> None:
        for line in self._reader.lines():
            if self._table is not None:
                self._take_row(line)
            elif line.name:
                self._request(line.name, line.rest)
            else:
                self._write(line.rest)
        self._end_table()
        self._end_verbatim()

    def _request(self, name: str, rest: str) -> None:
        if name in _HEADINGS:
            self._begin_heading(_HEADINGS[name], rest)
        elif name in _TITLES:
            words = [self._reader.text(word) for word in arguments(rest)]
            if words and self.title is None:
                self.title = f"{words[0]}({words[1]})" if len(words) > 1 else words[0]
        elif name in _VERBATIM or (name == "Bd" and _UNFILLED.search(rest)):
            self._begin_verbatim()
        elif name in _VERBATIM_END:
            self._end_verbatim()
        elif name == "TS":
            self._end_verbatim()
            self._table = RoffTable()
        else:
            self._flow(name, rest)

    def _flow(self, name: str, rest: str) -> None:
        """What parts the text, and macros that print their arguments."""
        if name in _PARAGRAPHS or name in {"TP", "IP"}:
            self._break(paragraph=True)
        elif name in _LINES or (name == "Nm" and self._is_synopsis):
            self._break(paragraph=False)
        if name in {"TP", "TQ"}:
            self._is_tag = True
        elif name == "IP":
            self._write_tag(arguments(rest)[:1])
        elif text := self._words(name, rest):
            self._write(text)
            if name in {"It", "Ft", "Fd", "In"}:
                self._break(paragraph=False)

    def _words(self, name: str, rest: str) -> str:
        """What a macro prints, its escapes unresolved; "" for a request."""
        if name in _WITHOUT_TEXT or name in _PARAGRAPHS or not (name[0].isupper() or name[0] == "%"):
            return ""
        words = arguments(rest)
        if name == "Nm" and words and not self._name:
            self._name = words[0]
        if name == "It":
            return mdoc.inline("No", words, name=self._name) if words else ""
        if name in mdoc.INLINE:
            return mdoc.inline(name, words, name=self._name)
        if name in _LINKS:
            return f"{' '.join(words[1:2])} <{''.join(words[:1])}>{''.join(words[2:])}"
        if name == "OP":
            return f"[{' '.join(words)}]"
        return ("" if name in _ALTERNATING else " ").join(words)

    def _write(self, escaped: str) -> None:
        """Write a line of text, which may be the heading or the tag that was announced."""
        text = self._reader.text(escaped)
        if self._is_verbatim:
            self.builder.write(f"{text}\n")
        elif not text.strip():
            if not (self._heading or self._is_tag):
                self._break(paragraph=True)
        elif self._heading:
            self._write_heading(text)
        else:
            if text[0].isspace():
                self.builder.line()
            self.builder.write(text if escaped.endswith("\\c") else f"{text} ")
            if self._is_tag and not escaped.endswith("\\c"):
                self._is_tag = False
                self.builder.line()

    def _write_tag(self, words: list[str]) -> None:
        tag = self._reader.text("".join(words)).strip()
        if not tag:
            return
        self.builder.write(f"{tag}\n" if self._is_verbatim else f"{tag} ")
        if len(tag) > _LONGEST_BULLET:
            self._break(paragraph=False)

    def _begin_heading(self, level: int, rest: str) -> None:
        self._end_verbatim()
        self._is_tag = False
        self._heading = level
        if text := " ".join(arguments(rest)):
            self._write(text)

    def _write_heading(self, text: str) -> None:
        self.builder.paragraph()
        self.builder.begin_heading(self._heading)
        self.builder.write(text)
        self.builder.end_heading()
        self.builder.paragraph()
        self._heading = 0
        self._is_synopsis = text.strip().upper() == "SYNOPSIS"

    def _break(self, *, paragraph: bool) -> None:
        self._is_tag = False
        if self._is_verbatim:
            self.builder.write("\n" if paragraph else "")
        elif paragraph:
            self.builder.paragraph()
        else:
            self.builder.line()

    def _begin_verbatim(self) -> None:
        if not self._is_verbatim:
            self._break(paragraph=False)
            self.builder.begin_verbatim()
            self._is_verbatim = True

    def _end_verbatim(self) -> None:
        if self._is_verbatim:
            self.builder.end_verbatim()
            self._is_verbatim = False
            self.builder.line()

    def _take_row(self, line: Line) -> None:
        if self._table is None or line.name == "TE":
            self._end_table()
        elif line.name == "T&":
            self._table.begin_format()
        else:
            self._table.take(self._words(line.name, line.rest) if line.name else line.rest)

    def _end_table(self) -> None:
        if self._table is not None:
            self._table.write(self.builder, self._reader)
            self._table = None
