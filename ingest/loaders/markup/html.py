"""HTML: the main content as text, by a walker over lxml's tree that never recurses."""

import re
from typing import Any

from ingest.loaders.markup.html_tree import HEADINGS, INVISIBLE, LINES, PARAGRAPHS, parse_html, tagless_lines
from ingest.loaders.text.decoding import decode
from ingest.loaders.text_builder import TextBuilder
from retrieval.types import Document

_CHROME = frozenset({"nav", "footer", "aside", "header", "button", "select", "textarea", "dialog"})
_CHROME_ROLES = frozenset({"navigation", "banner", "contentinfo", "complementary", "search"})
_PHRASES = frozenset({"em", "strong", "code", "b", "i", "tt", "kbd", "samp", "var", "cite", "sub", "sup", "abbr", "u"})
_LAYOUT = (*HEADINGS, "table", "pre")
_NOTE_CLASSES = frozenset({"footnote-list", "footnote", "topic", "admonition"})
_PERMALINKS = frozenset({"¶", "#", "§", "\uf0c1", "🔗"})
_CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.I)


def load_html(data: bytes, *, source: str) -> Document:
    """The main content: headings kept, `pre` verbatim, a table's rows as lines with " | " between the cells.

    Navigation, scripts, headers, footers and asides are left out, unless nothing would remain. The title is that of
    <title>, else the first <h1>. Tables with a row of <th>, or a <thead>, have a header row.
    """
    builder = TextBuilder()
    title = write_html(data, builder)
    first_heading = next((heading.text for heading in builder.headings if heading.level == 1), None)
    return builder.document(source, title=title or first_heading)


def write_html(data: bytes, builder: TextBuilder, *, charset: str | None = None) -> str:
    """Write the main content of the page `data` as blocks of their own; return the text of its <title>, maybe "".

    charset   what is said outside the page about its encoding, which goes before what it says itself.

    Raises LoadError where the encoding is unknown, and UnsupportedFormatError for what is no text.
    """
    declared = _CHARSET.search(data[:2048])
    markup = decode(data, declared=charset or (declared[1].decode("ascii", "replace") if declared else None))
    builder.paragraph()
    root = parse_html(markup)
    if root is None:
        for line in tagless_lines(markup):
            builder.line()
            builder.write(line)
        return ""
    before = builder.length
    _walk(_main(root), builder, everything=False)
    if builder.length == before:
        _walk(root, builder, everything=True)
    builder.paragraph()
    return " ".join(_first_title(root).split())


def _first_title(root: Any) -> str:
    """The text of the document's <title>, not of one in an <svg>."""
    titles = (title for title in root.iter("title") if next(title.iterancestors("svg"), None) is None)
    return next(("".join(title.itertext()) for title in titles), "")


def _main(root: Any) -> Any:
    """The element that says it is the main content, else the only article, else the root."""
    for element in root.iter("main", "div", "section", "article", "td"):
        if element.tag == "main" or element.get("role") == "main":
            return element
    articles = list(root.iter("article"))
    return articles[0] if len(articles) == 1 else root


def _walk(root: Any, builder: TextBuilder, *, everything: bool) -> None:
    """Write what is under `root`; with `everything`, navigation and the like too."""
    stack: list[tuple[Any, bool]] = [(root, False)]
    while stack:
        element, seen = stack.pop()
        if seen:
            _end(element, builder)
        elif not _is_noise(element, everything):
            _start(element, builder)
            if len(element):
                stack.append((element, True))
                stack.extend([(child, False) for child in element.iterchildren(reversed=True)])
                continue
            _end(element, builder)
        if element.tail and element is not root:
            builder.write(element.tail)


def _is_noise(element: Any, everything: bool) -> bool:
    tag = element.tag
    if tag in _PHRASES:
        return False
    if not isinstance(tag, str) or tag in INVISIBLE:
        return True
    if tag == "a" and (element.text or "").strip() in _PERMALINKS:
        return True
    if tag in {"td", "div", "span"} and "lineno" in element.get("class", ""):
        return True
    if everything:
        return False
    role = element.get("role", "")
    if tag == "header":  # that of an article or of the main content holds its title
        return next(element.iterancestors("main", "article", "section"), None) is None
    return role in _CHROME_ROLES or (tag in _CHROME and not (tag == "aside" and _is_note(element)))


def _is_note(aside: Any) -> bool:
    """Whether an aside belongs to the text, as docutils' footnotes and boxes do, rather than to the page."""
    role = aside.get("role", "")
    return role == "note" or role.startswith("doc-") or not _NOTE_CLASSES.isdisjoint(aside.get("class", "").split())


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
        elif tag == "pre":
            builder.begin_verbatim()
        elif tag == "img" and element.get("alt"):
            builder.write(f" {element.get('alt')} ")
    if element.text:
        builder.write(element.text)


def _end(element: Any, builder: TextBuilder) -> None:
    tag = element.tag
    if tag in _PHRASES:
        return
    if tag in HEADINGS:
        builder.end_heading()
    elif tag == "pre":
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
