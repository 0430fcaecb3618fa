"""HTML: the main content as text, by a walker over lxml's tree that never recurses."""

import re
from collections.abc import Iterator
from typing import Any

from ingest.loaders.decoding import decode
from ingest.loaders.text_builder import TextBuilder
from retrieval.types import Document

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_INVISIBLE = frozenset({"script", "style", "template", "noscript", "head", "svg", "annotation", "object", "iframe"})
_CHROME = frozenset({"nav", "footer", "aside", "header", "button", "select", "textarea", "dialog"})
_CHROME_ROLES = frozenset({"navigation", "banner", "contentinfo", "complementary", "search"})
_PARAGRAPHS = frozenset(
    {"p", "div", "section", "article", "main", "blockquote", "pre", "ul", "ol", "dl", "table", "figure", "details",
     "fieldset", "form", "hr", "address", "center", "body", "header", *_HEADINGS}
)  # fmt: skip
_LINES = frozenset({"br", "li", "dt", "dd", "tr", "td", "th", "caption", "figcaption", "summary", "legend", "option"})
_PHRASES = frozenset({"em", "strong", "code", "b", "i", "tt", "kbd", "samp", "var", "cite", "sub", "sup", "abbr", "u"})
_LAYOUT = (*_HEADINGS, "table", "pre")
_NOTE_CLASSES = frozenset({"footnote-list", "footnote", "topic", "admonition"})
_PERMALINKS = frozenset({"¶", "#", "§", "\uf0c1", "🔗"})
_CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.I)


def load_html(data: bytes, *, source: str) -> Document:
    """The main content: headings kept, `pre` verbatim, a table's rows as lines with " | " between the cells.

    Navigation, scripts, headers, footers and asides are left out, unless nothing would remain. The title is that of
    <title>, else the first <h1>.
    """
    declared = _CHARSET.search(data[:2048])
    markup = decode(data, declared=declared[1].decode("ascii", "replace") if declared else None)
    root = _parse(markup)
    if root is None:
        return Document(source, _tagless(markup))
    builder = TextBuilder()
    _walk(_main(root), builder, everything=False)
    if not builder.length:
        _walk(root, builder, everything=True)
    headings = builder.headings
    title = " ".join(_first_title(root).split())
    return Document(
        source,
        builder.text(),
        title=title or next((heading.text for heading in headings if heading.level == 1), None),
        headings=tuple(headings),
    )


def _parse(markup: str) -> Any | None:
    """The root element; None where there is none, or the markup is nested too deeply for a whole tree."""
    from lxml import etree

    # Encoded again, because lxml refuses a str that carries an XML declaration.
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(markup.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError:
        return None
    return None if any("depth" in error.message for error in parser.error_log) else root


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
    if not isinstance(tag, str) or tag in _INVISIBLE:
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
        if tag in _PARAGRAPHS:
            builder.paragraph()
        elif tag in {"td", "th"} and _is_data(element):
            builder.begin_cell()
        elif tag in _LINES:
            builder.line()
        if tag in _HEADINGS:
            builder.begin_heading(_HEADINGS[tag])
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
    if tag in _HEADINGS:
        builder.end_heading()
    elif tag == "pre":
        builder.end_verbatim()
    if tag in _PARAGRAPHS:
        builder.paragraph()
    elif tag in {"td", "th"} and _is_data(element):
        builder.end_cell()
    elif tag in _LINES and tag != "br":
        builder.line()


def _is_data(cell: Any) -> bool:
    """Whether a table cell holds a value, rather than a part of the page's layout."""
    return next(cell.iterdescendants(*_LAYOUT), None) is None


class _Tagless:
    """A parser target that keeps the text between tags and builds no tree, so that no depth is too deep."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.invisible = 0

    def start(self, tag: str, attributes: object) -> None:
        self.invisible += tag in _INVISIBLE
        if tag in _PARAGRAPHS or tag in _LINES:
            self.pieces.append("\n")

    def end(self, tag: str) -> None:
        self.invisible -= tag in _INVISIBLE

    def data(self, data: str) -> None:
        if not self.invisible:
            self.pieces.append(data)

    def close(self) -> str:
        return "".join(self.pieces)


def _tagless(markup: str) -> str:
    from lxml import etree

    text = etree.fromstring(markup.encode("utf-8", "replace"), etree.HTMLParser(encoding="utf-8", target=_Tagless()))
    return "\n".join(_nonempty_lines(text))


def _nonempty_lines(text: str) -> Iterator[str]:
    return (line for line in (" ".join(line.split()) for line in text.split("\n")) if line)
