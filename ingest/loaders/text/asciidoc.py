"""AsciiDoc: the file's text with its entities decoded, its section titles, title, and tables with a header row."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ingest.loaders.text.decoding import decode_noting
from ingest.loaders.text.front_matter import described, masked
from ingest.loaders.text.markdown_entities import entities
from ingest.loaders.text.replacements import Replacement, replace_parts
from ingest.whole_numbers import unescape_html
from retrieval.types import Document, Heading, Table

_MAX_LINE = 1000  # a longer title is none
_SECTION = re.compile(r"(?P<marks>={1,6}|#{1,6})[ \t]+(?P<text>\S.*?)(?:[ \t]+(?P=marks))?[ \t]*\Z")
_UNDERLINE = re.compile(r"([-=~^+])\1+[ \t]*\Z")
_UNDERLINES = "=-~^+"  # by level
_VERBATIM = re.compile(r"(?:(?P<fence>-{4,}|\.{4,}|/{4,}|\+{4,})|(?P<ticks>`{3,})\w*)[ \t]*\Z")
_TABLE = re.compile(r"[|,:!]={3,}[ \t]*\Z")
_ATTRIBUTES = re.compile(r"\[.*\][ \t]*\Z")
_NO_PARAGRAPH = re.compile(
    r"(?:\[.*\]|//.*|:!?\w[\w-]*!?:(?:\s.*)?|\w[\w-]*::\S*\[.*\]|\.[^\s.].*"
    r"|\+|--|={4,}|\*{4,}|_{4,}|<<<|'{3,})?[ \t]*\Z"
)
_HAS_HEADER = re.compile(r"%header\b|\bopt(?:ion)?s\s*=\s*(?:\"[^\"]*|[^,\"]*)\bheader\b")
_NO_HEADER = re.compile(r"\bnoheader\b|\bformat\s*=")
_COLUMNS = re.compile(r"\bcols\s*=\s*(?:\"([^\"]*)\"|([^,\]]*))")
_CELL = re.compile(r"(?:(?:^|(?<=\s))(?:\d+(?:\.\d+)?[*+]|\.\d+\+)?[<^>]?(?:\.[<^>])?[a-z]?)?(?<!\\)\|")
_INLINE = (
    (re.compile(r"\[\[[^\[\]]*\]\]|\[#[^\[\]]*\]"), ""),  # anchors
    (re.compile(r"<<[^<>,]*,([^<>]*)>>"), r"\1"),
    (re.compile(r"\b(?:link|xref|https?|mailto):[^\s\[\]]*\[([^\[\]]*)\]"), r"\1"),
    (re.compile(r"(?<![\w\\])([*_`#]{1,2})(?=\S)([^*_`#]+?)(?<=\S)\1(?!\w)"), r"\2"),
)


class _Line(NamedTuple):
    start: int
    text: str


def load_asciidoc(data: bytes, *, source: str) -> Document:
    """The file's text with the characters that its entities stand for, outside verbatim blocks; headings are its
    section titles, of one line or two, the document's title among them.

    A table has a header row where its options say so, or where an empty line follows its first row.
    """
    text, notices = decode_noting(data)
    parts = list(_parts(masked(text)))
    decoded, moved = replace_parts(text, _entities(text) if "&" in text else ())
    headings = tuple(part._replace(char_start=moved(part.char_start)) for part in parts if isinstance(part, Heading))
    tables = (part for part in parts if isinstance(part, Table))
    title = next((heading.text for heading in headings if heading.level == 1), None)
    document = Document(
        source,
        decoded,
        title=title or (headings[0].text if headings else None),
        headings=headings,
        tables=tuple(Table(moved(start), moved(end), header) for start, end, header in tables),
        notices=notices,
    )
    return described(document)


def _parts(text: str) -> Iterator[Heading | Table]:
    """The titles and tables outside verbatim blocks, as Asciidoctor finds them."""
    closing = ""  # the delimiter that ends the block
    rows: list[_Line] = []  # its lines, if it is a table
    attributes = ""
    in_paragraph = False
    first: _Line | None = None  # of the paragraph, which a line below it may turn into a title
    for line in _lines(text):
        if closing:
            if line.text.rstrip() != closing:
                rows += [line] if closing[0] == "|" else []
                continue
            yield from _table(rows, attributes)
            closing, attributes, in_paragraph = "", "", False
        elif first and _underlines(first.text, line.text):
            yield Heading(first.start, _UNDERLINES.index(line.text[0]) + 1, _plain_words(first.text))
            first, in_paragraph, attributes = None, False, ""
        elif delimiter := _delimiter(line.text):
            closing, rows, first = delimiter, [], None
        elif not in_paragraph and (section := _SECTION.match(line.text)):
            yield Heading(line.start, len(section["marks"]), _plain_words(section["text"]))
            attributes = ""
        elif _NO_PARAGRAPH.match(line.text):
            attributes += line.text if _ATTRIBUTES.match(line.text) else ""
            first, in_paragraph = None, False
        else:
            first = None if in_paragraph or line.text[0].isspace() else line
            attributes, in_paragraph = "", True


def _entities(text: str) -> Iterator[Replacement]:
    closing = ""  # the delimiter that ends the verbatim block
    for line in _lines(text):
        if closing:
            closing = "" if line.text.rstrip() == closing else closing
        elif block := _VERBATIM.match(line.text):
            closing = block["fence"] or block["ticks"]
        else:
            end = text.find("\n", line.start)
            yield from entities(text, line.start, len(text) if end < 0 else end)


def _lines(text: str) -> Iterator[_Line]:
    start = 0
    for line in text.split("\n"):
        yield _Line(start, line[:_MAX_LINE])
        start += len(line) + 1


def _delimiter(line: str) -> str:
    """What ends the verbatim block or the table that the line begins; "" where it begins none."""
    if block := _VERBATIM.match(line):
        return block["fence"] or block["ticks"]
    return line.rstrip() if _TABLE.match(line) else ""


def _underlines(title: str, line: str) -> bool:
    """Whether the line below a title makes it one: it is as long, give or take one character."""
    return bool(_UNDERLINE.match(line)) and abs(len(title.rstrip()) - len(line.rstrip())) <= 1


def _table(rows: Sequence[_Line], attributes: str) -> Iterator[Table]:
    """The table, if it has a header row."""
    first = next((index for index, row in enumerate(rows) if row.text.strip()), None)
    if first is None or _NO_HEADER.search(attributes):
        return
    is_set_off = first == 0 and len(rows) > 1 and not rows[1].text.strip()
    if not (is_set_off or _HAS_HEADER.search(attributes)):
        return
    cells: list[str] = []
    for row in rows[first:]:
        cells += _CELL.split(row.text)[1:]
        if len(cells) >= _columns(attributes):
            break
    header = " | ".join(_plain_words(cell.replace("\\|", "|")) for cell in cells)
    last = next(row for row in reversed(rows) if row.text.strip())
    yield Table(rows[first].start, last.start + len(last.text), header)


def _columns(attributes: str) -> int:
    """How many columns the attributes tell of; 1 where they tell nothing, so that the first row is a line."""
    match = _COLUMNS.search(attributes)
    if not match:
        return 1
    columns = re.split("[,;]", match[1] or match[2] or "")
    repeats = (re.match(r"\s*(\d{1,3})\*", column) for column in columns)
    number = sum(int(repeat[1]) if repeat else 1 for repeat in repeats)
    return int(columns[0]) if len(columns) == 1 and re.fullmatch(r"[1-9]\d?", columns[0]) else number


def _plain_words(markup: str) -> str:
    for pattern, replacement in _INLINE:
        markup = pattern.sub(replacement, markup)
    return " ".join(unescape_html(markup).split())
