"""HTML: the main content as text, by a walker over lxml's tree that never recurses."""

import re
from typing import Any

from ingest.loaders.markup.html_frames import open_frames
from ingest.loaders.markup.html_navigation import empty_navigation
from ingest.loaders.markup.html_tree import HEADINGS, LINES, PARAGRAPHS, parse_html, tagless_lines
from ingest.loaders.markup.html_visibility import empty_invisible
from ingest.loaders.text.decoding import Decoded, decode_noting
from ingest.loaders.text.front_matter import front_matter, with_front_matter
from ingest.loaders.text_builder import TextBuilder
from retrieval.types import Document

_PHRASES = frozenset({"em", "strong", "code", "b", "i", "tt", "kbd", "samp", "var", "cite", "sub", "sup", "abbr", "u"})
_LAYOUT = (*HEADINGS, "table", "pre")
_VERBATIM = frozenset({"pre", "textarea"})
_PERMALINKS = frozenset({"¶", "#", "§", "\uf0c1", "\u200b", "🔗"})
_CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.I)


def load_html(data: bytes, *, source: str) -> Document:
    """What a reader sees of the page, but for the site's navigation, header, footer and sidebars.

    Headings are kept, `pre` verbatim, a table's rows as lines with " | " between the cells. Where nothing would remain,
    navigation is kept too, and else the text for browsers without JavaScript. The title is that of front matter,
    else of <title>, else the first <h1>. Tables with a row of <th>, or a <thead>, have a header row.
    """
    builder = TextBuilder()
    markup, notices = _decoded(data, None)
    front = front_matter(markup)  # of a generator of sites
    if front is not None and not front.says_something:
        front = None
    title = _write_markup(markup[front.end :] if front else markup, builder, is_chapter=False)
    first_heading = next((heading.text for heading in builder.headings if heading.level == 1), None)
    document = builder.document(source, title=title or first_heading, notices=notices)
    return with_front_matter(document, front) if front else document


def write_html(data: bytes, builder: TextBuilder, *, charset: str | None = None, is_chapter: bool = False) -> str:
    """Write the content of the page `data` as blocks of their own; return the text of its <title>, maybe "".

    charset     what is said outside the page about its encoding, which goes before what it says itself.
    is_chapter  the page is a part of a book, which has no header, footer or sidebar of a site.

    Raises LoadError where the encoding is unknown, and UnsupportedFormatError for what is no text.
    """
    return _write_markup(_decoded(data, charset).text, builder, is_chapter=is_chapter)


def write_markup(markup: str, builder: TextBuilder) -> None:
    """Write HTML that stands inside another document as blocks of their own; navigation alone is left out."""
    _write_markup(markup, builder, is_chapter=True)


def _decoded(data: bytes, charset: str | None) -> Decoded:
    declared = _CHARSET.search(data[:2048])
    return decode_noting(data, declared=charset or (declared[1].decode("ascii", "replace") if declared else None))


def _write_markup(markup: str, builder: TextBuilder, *, is_chapter: bool) -> str:
    builder.paragraph()
    root = parse_html(markup)
    if root is None:
        for line in tagless_lines(markup):
            builder.line()
            builder.write(line)
        return ""
    title = " ".join(_first_title(root).split())
    before = builder.length
    open_frames(root)
    empty_invisible(root)
    empty_navigation(root, is_chapter=is_chapter)
    _walk(root, builder)
    for without_scripts in (False, True):
        if builder.length == before:
            root = parse_html(markup)
            open_frames(root)
            empty_invisible(root, without_scripts=without_scripts)
            _walk(root, builder)
    builder.paragraph()
    return title


def _first_title(root: Any) -> str:
    """The text of the document's <title>, not of one in an <svg>."""
    titles = (title for title in root.iter("title") if next(title.iterancestors("svg"), None) is None)
    return next(("".join(title.itertext()) for title in titles), "")


def _walk(root: Any, builder: TextBuilder) -> None:
    """Write what is under `root`."""
    stack: list[tuple[Any, bool]] = [(root, False)]
    while stack:
        element, seen = stack.pop()
        if seen:
            _end(element, builder)
        elif not _is_noise(element):
            _start(element, builder)
            if len(element):
                stack.append((element, True))
                stack.extend([(child, False) for child in element.iterchildren(reversed=True)])
                continue
            _end(element, builder)
        if element.tail and element is not root:
            builder.write(element.tail)


def _is_noise(element: Any) -> bool:
    tag = element.tag
    if tag in _PHRASES:
        return False
    if not isinstance(tag, str):
        return True
    if tag == "a" and (element.text or "").strip() in _PERMALINKS:
        return True
    return tag in {"td", "div", "span"} and "lineno" in element.get("class", "")


def _start(element: Any, builder: TextBuilder) -> None:
    tag = element.tag
    if tag not in _PHRASES:
        if tag in PARAGRAPHS:
            builder.paragraph()
        elif tag in {"td", "th"} and _is_data(element):
            builder.begin_cell()
        elif tag in LINES:
            builder.line()
        if tag == "table" and _is_data(element):
            builder.begin_table()
        elif tag in HEADINGS:
            builder.begin_heading(HEADINGS[tag])
        elif tag in _VERBATIM:
            builder.begin_verbatim()
        elif tag == "img" and element.get("alt"):
            builder.write(f" {element.get('alt')} ")
        elif tag == "button":
            builder.write(" ")  # its border keeps it apart from the one before
    if element.text:
        builder.write(element.text)


def _end(element: Any, builder: TextBuilder) -> None:
    tag = element.tag
    if tag in _PHRASES:
        return
    if tag in HEADINGS:
        builder.end_heading()
    elif tag in _VERBATIM:
        builder.end_verbatim()
    elif tag == "table" and _is_data(element):
        builder.end_table(has_header=_has_header(element))
    if tag in PARAGRAPHS:
        builder.paragraph()
    elif tag in {"td", "th"} and _is_data(element):
        builder.end_cell()
    elif tag in LINES and tag != "br":
        builder.line()


def _is_data(element: Any) -> bool:
    """Whether a table or one of its cells holds values, rather than a part of the page's layout."""
    return next(element.iterdescendants(*_LAYOUT), None) is None


def _has_header(table: Any) -> bool:
    """Whether the first row stands in a <thead>, or is all <th> but for its corner."""
    row = next(table.iterdescendants("tr"), None)
    if row is None or row.getparent().tag == "thead":
        return row is not None
    cells = [cell.tag for cell in row.iterchildren("td", "th")]
    return "th" in cells and "td" not in cells[1:]
