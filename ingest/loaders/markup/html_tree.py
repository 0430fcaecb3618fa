"""HTML and XHTML as lxml's trees, and as bare text where no tree can be had."""

import re
from collections.abc import Iterator
from html.entities import html5
from typing import Any

from ingest.loaders.office.archive import parse_xml

HEADINGS = {f"h{level}": level for level in range(1, 7)}
_INVISIBLE = frozenset(
    {"script", "style", "template", "noscript", "head", "svg", "annotation", "object", "iframe", "rt", "rp"}
)
PARAGRAPHS = frozenset(
    {"p", "div", "section", "article", "main", "blockquote", "pre", "ul", "ol", "dl", "table", "figure", "details",
     "fieldset", "form", "hr", "address", "center", "body", "header", "footer", "aside", "nav", "dialog", "textarea",
     "template", *HEADINGS}
)  # fmt: skip
LINES = frozenset(
    {"br", "li", "dt", "dd", "tr", "td", "th", "caption", "figcaption", "summary", "legend", "text"}
)  # "text" is that of SVG
_XHTML = re.compile(r"\A\s*<\?xml\b|<html\b[^>]*\bxmlns\s*=", re.I)
_XML_DECLARATION = re.compile(r"<\?xml\b[^<>]*>")
_ENTITY = re.compile(r"&(\w{1,32};)")
_XML_ENTITIES = frozenset({"amp;", "lt;", "gt;", "quot;", "apos;"})


def parse_html(markup: str) -> Any | None:
    """The root element; None where there is none, or the markup is nested too deeply for a whole tree."""
    root = _parse_xhtml(markup) if _XHTML.search(markup[:2048]) else None
    return _parse_as_html(markup) if root is None else root


def _parse_xhtml(markup: str) -> Any | None:
    """The root of well-formed XHTML, its tags without namespaces; in HTML, <title/> would swallow the page."""
    from lxml import etree

    markup = _XML_DECLARATION.sub("", markup, count=1)  # it may name an encoding that no longer holds
    try:
        root = parse_xml(_ENTITY.sub(_character, markup).strip().encode("utf-8", "replace"))
    except (etree.XMLSyntaxError, ValueError):
        return None
    for element in root.iter(etree.Element):
        element.tag = etree.QName(element).localname
    return root if root.tag == "html" else None


def _character(entity: re.Match[str]) -> str:
    """What a named entity stands for; XML knows only five without fetching a DTD."""
    return entity[0] if entity[1] in _XML_ENTITIES else html5.get(entity[1], entity[0])


def _parse_as_html(markup: str) -> Any | None:
    from lxml import etree

    # Encoded again, because lxml refuses a str that carries an XML declaration.
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(markup.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError:
        return None
    return None if any("depth" in error.message for error in parser.error_log) else root


class _Tagless:
    """A parser target that keeps the text between tags and builds no tree, so that no depth is too deep."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.invisible = 0

    def start(self, tag: str, attributes: object) -> None:
        self.invisible += tag in _INVISIBLE
        if tag in PARAGRAPHS or tag in LINES:
            self.pieces.append("\n")

    def end(self, tag: str) -> None:
        self.invisible -= tag in _INVISIBLE

    def data(self, data: str) -> None:
        if not self.invisible:
            self.pieces.append(data)

    def close(self) -> str:
        return "".join(self.pieces)


def tagless_lines(markup: str) -> Iterator[str]:
    """The text of markup of any depth, line by line, without empty ones."""
    from lxml import etree

    parser = etree.HTMLParser(encoding="utf-8", target=_Tagless())
    text = str(etree.fromstring(markup.encode("utf-8", "replace"), parser))
    return (line for line in (" ".join(line.split()) for line in text.split("\n")) if line)
