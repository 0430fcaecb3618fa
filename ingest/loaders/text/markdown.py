"""Markdown: the file's text with its entities decoded and ruby as its base text, with its ATX and setext headings, its
tables and its title."""

import re
from collections.abc import Iterable, Iterator

from ingest.loaders.text.decoding import decode_noting
from ingest.loaders.text.front_matter import front_matter
from ingest.loaders.text.markdown_entities import decode_entities
from ingest.loaders.text.markdown_inline import plain_words
from ingest.loaders.text.markdown_lines import MAX_LINE, Line, prose_lines
from ingest.loaders.text.markdown_tables import pipe_tables
from retrieval.types import Document, Heading, Table

_ATX = re.compile(r" {0,3}(?P<marks>#{1,6})(?:[ \t]+(?P<text>.*?))??(?:[ \t]+#+)?[ \t]*\Z")
_SETEXT = re.compile(r" {0,3}(?P<mark>=+|-+)[ \t]*\Z")
_BREAK = re.compile(r" {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}\Z")
_CONTAINER = re.compile(
    r"(?! {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}\Z) {0,3}(?:>|[-*+](?:[ \t]|\Z)|\d{1,9}[.)](?:[ \t]|\Z))"
)


def load_markdown(data: bytes, *, source: str) -> Document:
    """The file's text with the characters that its entities stand for, ruby as its base text, and the headings that
    CommonMark sees outside quotes. Code stays as it is written, and each line keeps its number.

    The title is that of YAML or TOML front matter, else the first heading; front matter holds no headings, and what
    else it says is metadata.
    """
    text, notices = decode_noting(data)
    front = front_matter(text)
    decoded, headings, tables = outline(text, front.end if front else 0)
    title = front.title if front else None
    return Document(
        source,
        decoded,
        title=title or (headings[0].text if headings else None),
        headings=headings,
        tables=tables,
        syntax="markdown",
        metadata=front.description.plain.metadata if front else {},
        notices=(*notices, *(front.description.notices if front else ())),
    )


def outline(text: str, start: int = 0) -> tuple[str, tuple[Heading, ...], tuple[Table, ...]]:
    """The text with the entities from offset `start` on decoded, and the headings and tables in it."""
    lines = list(prose_lines(text, start))
    tables = tuple(pipe_tables(lines))
    headings = tuple(_headings(_outside(tables, lines)))
    decoded, moved = decode_entities(text, start)
    return (
        decoded,
        tuple(heading._replace(char_start=moved(heading.char_start)) for heading in headings),
        tuple(table._replace(char_start=moved(table.char_start), char_end=moved(table.char_end)) for table in tables),
    )


def _outside(tables: Iterable[Table], lines: Iterable[Line]) -> Iterator[Line]:
    """The lines, with empty ones in place of tables."""
    ahead = iter(tables)
    table = next(ahead, None)
    for line in lines:
        while table and table.char_end < line.start:
            table = next(ahead, None)
        yield Line(line.start, "") if table and table.char_start <= line.start else line


def _headings(lines: Iterable[Line]) -> Iterator[Heading]:
    """Non-empty headings in order; the scanner's state is the paragraph that a setext underline would end."""
    paragraph: list[Line] = []
    in_container = False  # a line below a list item or a quote continues it, up to the next empty line
    for line in lines:
        if atx := _ATX.match(line.text):
            heading = Heading(line.start, len(atx["marks"]), plain_words(atx["text"] or ""))
        elif paragraph and (setext := _SETEXT.match(line.text)):
            words = plain_words(" ".join(part.text.strip() for part in paragraph)[:MAX_LINE])
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
