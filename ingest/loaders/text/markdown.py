"""Markdown: the file's text as it is, with its ATX and setext headings, its tables and its title."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ingest.descriptions import read_front_matter
from ingest.loaders.text.decoding import decode
from ingest.loaders.text.markdown_inline import plain_words
from ingest.loaders.text.markdown_tables import pipe_tables
from retrieval.types import Document, Heading, Table

_MAX_LINE = 1000  # a longer "heading" is data, and cleaning it would cost more than it is worth
_FRONT_MATTER = re.compile(
    r"(?P<fence>---|\+\+\+)[ \t]*\n(?P<body>.*?)^(?:(?P=fence)|\.\.\.)[ \t]*(?:\n|\Z)", re.S | re.M
)
_FRONT_TITLE = re.compile(
    r"""^title\s*[:=]\s*(?:"(?P<double>(?:[^"\\\n]|\\.)*)"|'(?P<single>(?:[^'\n]|'')*)'|(?P<plain>[^\s"'>|\n].*))""",
    re.M,
)
_ATX = re.compile(r" {0,3}(?P<marks>#{1,6})(?:[ \t]+(?P<text>.*?))??(?:[ \t]+#+)?[ \t]*\Z")
_SETEXT = re.compile(r" {0,3}(?P<mark>=+|-+)[ \t]*\Z")
_FENCE = re.compile(
    r" {0,3}(?P<container>(?:(?:>|[-*+][ \t]|\d{1,9}[.)][ \t])[ \t]*)*)(?P<fence>`{3,}(?=[^`]*\Z)|~{3,})"
)
_FENCE_END = re.compile(r"[ \t>]*(?P<fence>`{3,}|~{3,})[ \t]*\Z")
_BREAK = re.compile(r" {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}\Z")
_CONTAINER = re.compile(
    r"(?! {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}\Z) {0,3}(?:>|[-*+](?:[ \t]|\Z)|\d{1,9}[.)](?:[ \t]|\Z))"
)
_RAW_HTML = tuple(
    (re.compile(start, re.I), re.compile(end, re.I))
    for start, end in (
        (r" {0,3}<!--", r"-->"),
        (r" {0,3}<(?:script|pre|style|textarea)(?=[\s>]|\Z)", r"</(?:script|pre|style|textarea)>"),
        (r" {0,3}<\?", r"\?>"),
        (r" {0,3}</?(?:address|article|aside|blockquote|center|details|div|dl|fieldset|figure|footer|form|h[1-6]|header"
         r"|li|main|nav|ol|p|section|summary|table|tbody|td|th|thead|tr|ul)(?=[\s/>]|\Z)", r"\A\s*\Z"),
    )
)  # fmt: skip


class _Line(NamedTuple):
    start: int
    text: str


def load_markdown(data: bytes, *, source: str) -> Document:
    """The file's text as it is, with the headings that CommonMark sees outside quotes.

    The title is that of YAML or TOML front matter, else the first heading; front matter holds no headings, and what
    else it says is metadata.
    """
    text = decode(data)
    front = _FRONT_MATTER.match(text)
    headings, tables = outline(text, front.end() if front else 0)
    title = _front_title(front["body"]) if front else None
    described = read_front_matter(front["fence"], front["body"]) if front else None
    return Document(
        source,
        text,
        title=title or (headings[0].text if headings else None),
        headings=headings,
        tables=tables,
        syntax="markdown",
        metadata=described.plain.metadata if described else {},
        notices=described.notices if described else (),
    )


def outline(text: str, start: int = 0) -> tuple[tuple[Heading, ...], tuple[Table, ...]]:
    """The headings and the tables from offset `start` on."""
    lines = list(_prose_lines(text, start))
    tables = tuple(pipe_tables(lines))
    return tuple(_headings(_outside(tables, lines))), tables


def _front_title(body: str) -> str | None:
    match = _FRONT_TITLE.search(body)
    if not match:
        return None
    if match["plain"]:
        return re.sub(r"\s+#.*", "", match["plain"]).strip()
    return (match["double"] or "").replace('\\"', '"') or (match["single"] or "").replace("''", "'")


def _outside(tables: Iterable[Table], lines: Iterable[_Line]) -> Iterator[_Line]:
    """The lines, with empty ones in place of tables."""
    ahead = iter(tables)
    table = next(ahead, None)
    for line in lines:
        while table and table.char_end < line.start:
            table = next(ahead, None)
        yield _Line(line.start, "") if table and table.char_start <= line.start else line


def _headings(lines: Iterable[_Line]) -> Iterator[Heading]:
    """Non-empty headings in order; the scanner's state is the paragraph that a setext underline would end."""
    paragraph: list[_Line] = []
    in_container = False  # a line below a list item or a quote continues it, up to the next empty line
    for line in lines:
        if atx := _ATX.match(line.text):
            heading = Heading(line.start, len(atx["marks"]), plain_words(atx["text"] or ""))
        elif paragraph and (setext := _SETEXT.match(line.text)):
            words = plain_words(" ".join(part.text.strip() for part in paragraph)[:_MAX_LINE])
            heading = Heading(paragraph[0].start, 1 if setext["mark"][0] == "=" else 2, words)
        else:
            begins_container = bool(_CONTAINER.match(line.text))
            ends = not line.text.strip() or bool(_BREAK.match(line.text))
            in_container = begins_container or (in_container and not ends)
            if begins_container or ends:
                paragraph = []
            elif paragraph or not (in_container or line.text.startswith(("    ", "\t"))):
                paragraph.append(line)
            continue
        paragraph = []
        in_container = False
        if heading.text:
            yield heading


def _prose_lines(text: str, start: int) -> Iterator[_Line]:
    """The lines from `start` on that are neither fenced code nor raw HTML; each such block is one empty line."""
    fence: re.Match[str] | None = None
    html_end: re.Pattern[str] | None = None
    for line in _lines(text, start):
        if fence:
            if _closes(line.text, fence):
                fence = None
        elif html_end:
            if html_end.search(line.text):
                html_end = None
        elif fence := _FENCE.match(line.text):
            yield _Line(line.start, "")
        elif html_end := _raw_html_end(line.text):
            yield _Line(line.start, "")
            if html_end.search(line.text):
                html_end = None
        else:
            yield line


def _lines(text: str, start: int) -> Iterator[_Line]:
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield _Line(start, text[start : min(end, start + _MAX_LINE)])
        start = end + 1


def _closes(line: str, fence: re.Match[str]) -> bool:
    if ">" in fence["container"] and not line.lstrip().startswith(">"):
        return True
    end = _FENCE_END.match(line)
    return bool(end and end["fence"].startswith(fence["fence"]))


def _raw_html_end(line: str) -> re.Pattern[str] | None:
    if "<" not in line[:4]:
        return None
    return next((end for start, end in _RAW_HTML if start.match(line)), None)
