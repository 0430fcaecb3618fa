"""Org files: the file's text as it is, with its headlines, its title and its tables with a header row."""

import re
from collections.abc import Iterator

from ingest.loaders.text.decoding import decode_noting
from retrieval.types import Document, Heading, Table

_MAX_LINE = 1000  # a longer headline is none
_HEADLINE = re.compile(r"(?P<stars>\*+)[ \t]+(?P<text>\S.*)")
_KEYWORD = re.compile(r"#\+(?P<name>TITLE|(?:SEQ_|TYP_)?TODO):[ \t]*(?P<value>.*)", re.I)
_BEGIN = re.compile(r"[ \t]*#\+begin_(?P<name>\S+)", re.I)
_END = re.compile(r"^[ \t]*#\+end_(?P<name>\S+)[ \t]*$", re.I | re.M)
_ROW = re.compile(r"[ \t]*\|")
_RULE = re.compile(r"[ \t]*\|-")
_TAGS = re.compile(r"[ \t]+:[\w@#%:]+:[ \t]*\Z")
_PRIORITY = re.compile(r"\[#\w{1,2}\][ \t]*")
_COOKIE = re.compile(r"\[(?:\d*%|\d*/\d*)\]")
_INLINE = (
    (re.compile(r"\[\[[^\[\]]*\]\[([^\[\]]*)\]\]"), r"\1"),  # links
    (re.compile(r"\[\[([^\[\]]*)\]\]"), r"\1"),
    (re.compile(r"<<+([^<>]*)>>+"), r"\1"),  # targets
    (re.compile(r"(?<![\w*/_=~+])([*/_=~+])(?=\S)([^*/_=~+]+?)(?<=\S)\1(?!\w)"), r"\2"),
)


def load_org(data: bytes, *, source: str) -> Document:
    """The file's text as it is; headings are its headlines without states, priorities and tags, outside blocks.

    The title is that of #+TITLE, else the first headline.
    """
    text, notices = decode_noting(data)
    title = ""
    states = {"TODO", "DONE"}
    headings: list[Heading] = []
    tables: list[Table] = []
    rows: list[tuple[int, str]] = []
    for start, line in (*_lines_outside_blocks(text), (len(text), "")):
        if _ROW.match(line):
            rows.append((start, line))
            continue
        tables += _table(rows)
        rows = []
        if keyword := _KEYWORD.match(line):
            if keyword["name"].upper() == "TITLE":
                title = f"{title} {_plain_words(keyword['value'])}".strip()
            else:
                states.update(re.findall(r"[^\s|(]+(?=\(|\s|\Z)", keyword["value"]))
        elif headline := _HEADLINE.fullmatch(line):
            headings.append(Heading(start, len(headline["stars"]), _words(headline["text"], states)))
    title = title or next((heading.text for heading in headings if heading.text), "")
    return Document(source, text, title=title or None, headings=tuple(headings), tables=tuple(tables), notices=notices)


def _lines_outside_blocks(text: str) -> Iterator[tuple[int, str]]:
    """Where each line starts, and its text; those of blocks of code, examples and the like are empty."""
    last_ends = {end["name"].lower(): end.start() for end in _END.finditer(text)}
    closing = ""  # the name of the block
    start = 0
    for line in text.split("\n"):
        begin = None if closing else _BEGIN.match(line)
        if closing:
            yield start, ""
            end = _END.match(line)
            closing = "" if end and end["name"].lower() == closing else closing
        elif begin and last_ends.get(begin["name"].lower(), 0) > start:
            closing = begin["name"].lower()
            yield start, ""
        else:
            yield start, line[:_MAX_LINE]
        start += len(line) + 1


def _table(rows: list[tuple[int, str]]) -> Iterator[Table]:
    """The table, if a rule below its first row makes that a header row."""
    while rows and _RULE.match(rows[0][1]):
        rows = rows[1:]
    if len(rows) > 2 and _RULE.match(rows[1][1]):
        cells = [_plain_words(cell) for cell in rows[0][1].strip().strip("|").split("|")]
        yield Table(rows[0][0], rows[-1][0] + len(rows[-1][1]), " | ".join(cells))


def _words(headline: str, states: set[str]) -> str:
    state, _, rest = headline.partition(" ")
    words = _PRIORITY.sub("", _TAGS.sub("", rest if state in states else headline), count=1)
    return _plain_words(_COOKIE.sub("", words)).removeprefix("COMMENT ")


def _plain_words(markup: str) -> str:
    for pattern, replacement in _INLINE:
        markup = pattern.sub(replacement, markup)
    return " ".join(markup.split())
