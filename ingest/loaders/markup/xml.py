"""XML: DocBook, with its sections, tables and verbatim blocks, feeds, and the text of any other."""

import re
from html.entities import html5
from typing import Any

from ingest.loaders.markup.feed import feed_in, write_feed
from ingest.loaders.markup.xml_walker import XmlWalker
from ingest.loaders.office.xml_elements import local_name
from ingest.loaders.text.decoding import UnsupportedFormatError, decode_noting
from ingest.loaders.text_builder import TextBuilder
from ingest.whole_numbers import unescape_html
from retrieval.errors import LoadError
from retrieval.types import Document

_ENCODING = re.compile(rb"""<\?xml\b[^>]{0,200}?\bencoding\s*=\s*["']([\w.:-]+)""")
_DECLARATION = re.compile(r"<\?xml\b[^<>]*>")
_DOCTYPE = re.compile(r"<!DOCTYPE\b[^\[>]*(?:\[.*?\]\s*)?>", re.S)
_REFERENCE = re.compile(
    r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)|&#(?:\d{1,7}|x[0-9a-fA-F]{1,6});"
    r"|(?P<stray>&(?:(?P<entity>\w{1,32};))?|<(?![A-Za-z_:/!?\x80-\U0010ffff]))",
    re.S,
)
_PREDEFINED = {"amp;": "&#38;", "lt;": "&#60;", "gt;": "&#62;", "quot;": "&#34;", "apos;": "&#39;"}
"""As numbers, since libxml2 drops the names behind an error."""
_CONTROLS = dict.fromkeys([code for code in range(32) if chr(code) not in "\t\n\r"] + [0xFFFE, 0xFFFF])
_NO_TEXT = re.compile(r"<!--.*?(?:-->|\Z)|<!\[CDATA\[|\]\]>|<[^<>]*>?", re.S)
_LOST = 0.1  # the share of a damaged file's text beyond which its tree is worth less than its mere text


def load_xml(data: bytes, *, source: str) -> Document:
    """The text between the tags: each element that holds text is a line, and in DocBook a paragraph is a block.

    Headings are the titles of sections, or of whatever else has one, by their nesting; `programlisting` and its like
    are verbatim, and rows are lines with " | " between the cells. The document's title is the only heading of the
    first level. A feed is read as write_feed says. Nothing is fetched, and entities stay as they are written, but for
    HTML's. A damaged file is read as far as it makes sense. What holds no text between its tags is read as it is
    written.

    Raises UnsupportedFormatError for an SVG image, LoadError for a damaged file in which no text is found.
    """
    declared = _ENCODING.search(data[:1024])
    markup, notices = decode_noting(data, declared=declared[1].decode("ascii", "replace") if declared else None)
    prepared = _prepared(markup)
    root, is_well_formed = _parse(prepared)
    if root is not None and len(root) and local_name(root[0]) == "svg":
        raise UnsupportedFormatError(
            "it is an SVG image, which no loader reads; set a converter for its suffix, or ignore it in "
            ".retrievalignore"
        )
    if not is_well_formed:
        text = _without_tags(prepared)
        if not text and markup:
            raise LoadError("it is damaged XML without any text; save it again")
        if root is None or _size("".join(root.itertext())) < (1 - _LOST) * _size(text):
            return Document(source, text, notices=notices)
    if (feed := feed_in(root)) is not None:
        builder = TextBuilder()
        write_feed(feed, builder)
    else:
        walker = XmlWalker()
        walker.walk(root)
        builder = walker.builder
    first_level = [heading.text for heading in builder.headings if heading.level == 1]
    return Document(
        source,
        builder.text() or markup,
        title=first_level[0] if len(first_level) == 1 else None,
        headings=tuple(builder.headings),
        tables=tuple(builder.tables),
        notices=notices,
    )


def _prepared(markup: str) -> str:
    """In an element of its own, without what stands before the root, and with no reference but to characters.

    So no entity is ever expanded, one that is not declared costs nothing, and neither does a second root.
    """
    markup = _DECLARATION.sub("", markup, count=1).translate(_CONTROLS)
    start = markup.find("<!DOCTYPE")
    if start >= 0 and (doctype := _DOCTYPE.match(markup, start)):
        markup = markup[:start] + markup[doctype.end() :]
    return f"<document>{_REFERENCE.sub(_escaped, markup)}</document>"


def _escaped(match: re.Match[str]) -> str:
    if not match["stray"]:
        return match[0]
    if match["stray"] == "<":
        return _PREDEFINED["lt;"]
    entity = match["entity"] or ""
    return _PREDEFINED.get(entity) or html5.get(entity, "") or f"{_PREDEFINED['amp;']}{entity}"


def _parse(markup: str) -> tuple[Any | None, bool]:
    """The root, if anything can be made of it, and whether the markup is well-formed."""
    from lxml import etree

    parser = etree.XMLParser(
        recover=True, resolve_entities=False, no_network=True, huge_tree=True, remove_comments=True, remove_pis=True
    )
    root = etree.fromstring(markup.encode("utf-8", "replace"), parser)
    return root, all(error.domain_name == "NAMESPACE" for error in parser.error_log)


def _without_tags(markup: str) -> str:
    lines = (" ".join(unescape_html(line).split()) for line in _NO_TEXT.sub("\n", markup).split("\n"))
    return "\n".join(filter(None, lines))


def _size(text: str) -> int:
    return len("".join(text.split()))
