"""Feeds (RSS, Atom) and WordPress exports: each entry under its title, and the HTML inside XML read as HTML."""

import re
from collections.abc import Iterable, Iterator
from copy import deepcopy
from html import unescape
from html.entities import html5
from typing import Any

from ingest.loaders.markup.html import write_markup
from ingest.loaders.office.xml_elements import child, local_name
from ingest.loaders.text_builder import TextBuilder

_ITEMS = frozenset({"item", "entry"})
_FEEDS = frozenset({"rss", "RDF", "feed", "entry"})
_TAGS = (
    "a|abbr|article|aside|b|blockquote|br|center|cite|code|dd|del|details|div|dl|dt|em|embed|figcaption|figure|font|footer"
    "|h[1-6]|header|hr|i|iframe|img|ins|kbd|li|main|mark|ol|p|picture|pre|q|s|samp|section|small|span|strike|strong|sub"
    "|summary|sup|table|tbody|td|th|thead|tr|tt|u|ul|var|video"
)
_MARKUP = re.compile(rf"<(?:{_TAGS})(?:\s[^<>]*)?/?>|</(?:{_TAGS})\s*>", re.I)
_PAIRED = re.compile(rf"<({_TAGS})(?:\s[^<>]*)?>.*?</\1\s*>", re.I | re.S)
_IS_TAG = re.compile(_TAGS)
_REFERENCE = re.compile(r"&(?:#\d{1,7};|#[xX][0-9a-fA-F]{1,6};|(?P<name>[A-Za-z]\w{1,31};))")
_BLANK_LINES = re.compile(r"(<(pre|table)\b.*?(?:</\2\s*>|\Z))|\n[ \t\r]*\n", re.I | re.S)
_BLOCKS = re.compile(r"<(?:p|br|div)\b", re.I)
_LONGEST_TITLE = 1000  # characters; of longer ones the rest is not looked at
_LITERAL = frozenset({"text", "text/plain"})
_TEXTS = frozenset({"description", "summary", "content", "encoded", "subtitle", "comment_content"})
_VOID = frozenset({"br", "embed", "hr", "img"})
_LABELS = {
    "link": "Link", "pubDate": "Published", "published": "Published", "issued": "Published", "date": "Published",
    "updated": "Updated", "modified": "Updated", "lastBuildDate": "Updated", "author": "Author", "creator": "Author",
    "contributor": "Author", "category": "Category",
}  # fmt: skip
_OTHER_LINKS = frozenset({"self", "edit", "hub", "next", "previous", "first", "last", "replies", "search"})
_FOR_PROGRAMS = frozenset({"postmeta", "image", "textInput", "cloud", "skipHours", "skipDays"})
_WRITTEN_APART = frozenset({"title", *_LABELS, *_FOR_PROGRAMS})


def feed_in(root: Any) -> Any | None:
    """The feed's element if `root` holds one and nothing else; a root of the right name without entries is none."""
    top = root[0] if len(root) == 1 else None
    if top is None or local_name(top) not in _FEEDS:
        return None
    is_feed = child(top, "channel") is not None if local_name(top) in {"rss", "RDF"} else _is_atom(top)
    return top if is_feed else None


def _is_atom(top: Any) -> bool:
    namespace = top.tag.rpartition("}")[0].lower()
    return "atom" in namespace and (local_name(top) == "entry" or child(top, "entry") is not None)


def write_feed(feed: Any, builder: TextBuilder) -> None:
    """Write the feed's title as a heading of the first level, then those of the entries, each above what it says.

    Links, times, authors and categories are a line each, with their name; other values are lines. What WordPress keeps
    for itself and the feed's picture are left out.
    """
    if local_name(feed) == "entry":
        _write_group(feed, builder, level=1)
        return
    channel = child(feed, "channel")
    head = feed if channel is None else channel
    items = _items(head, feed)
    _write_group(head, builder, level=1)
    for item in items:
        _write_group(item, builder, level=2)
        builder.write(item.tail or "")


def _items(head: Any, feed: Any) -> list[Any]:
    """The entries in order; an element that nobody has closed holds those that follow, which are taken out of it."""
    first = next((element for element in (*head, *feed) if local_name(element) in _ITEMS), None)
    items = [] if first is None else list(feed.iter(first.tag))
    for item in items:
        if item.getparent() is not head:
            head.append(item)
    return items


def _write_group(group: Any, builder: TextBuilder, *, level: int) -> None:
    """Write the title of a feed or an entry, and what stands in it beside other entries."""
    fields = [element for element in group if local_name(element) and local_name(element) not in _ITEMS]
    titles = [element for element in fields if local_name(element) == "title"]
    links = list(dict.fromkeys(filter(None, map(_link, fields))))
    dates = (_words(element) for element in fields if _LABELS.get(local_name(element)) in {"Published", "Updated"})
    names = list(dict.fromkeys(filter(None, map(_plain, titles))))
    heading = next(iter(names), "")
    builder.paragraph()
    builder.begin_heading(level)
    builder.write(heading or next(filter(None, [*links, *dates]), ""))
    builder.end_heading()
    builder.paragraph()
    builder.base_level, before = builder.base_level + level, builder.base_level
    _write_line("Title", names[1:], builder)
    _write_line("Link", links if heading else links[1:], builder)
    for label in ("Published", "Updated", "Author", "Category"):
        values = [_value(element) for element in fields if _LABELS.get(local_name(element)) == label]
        _write_line(label, values, builder)
    seen = {heading, *links}
    for element in fields:
        if local_name(element) not in _WRITTEN_APART:
            _write_field(element, builder, seen)
    builder.base_level = before
    builder.paragraph()


def _write_line(label: str, values: Iterable[str], builder: TextBuilder) -> None:
    values = list(dict.fromkeys(filter(None, values)))
    if values:
        builder.line()
        builder.write(f"{label}: {', '.join(values)}")


def _link(element: Any) -> str:
    if local_name(element) != "link" or element.get("rel") in _OTHER_LINKS:
        return ""
    return _words(element) or " ".join(element.get("href", "").split())


def _value(element: Any) -> str:
    """What a labelled element says: in Atom, categories say it in attributes, and persons in elements."""
    said = element.get("label") or element.get("term") or _words(element) or element.get("text", "")
    return " ".join(_decoded(said).split())


def _write_field(element: Any, builder: TextBuilder, seen: set[str]) -> None:
    """Write an element's text, or that of each element in it; not what is in `seen`, to which it is added."""
    if _holds_tags(element):
        write_markup(_serialized(element), builder)
        return
    for leaf in element.iter():
        text = leaf.text or ""
        if not text.strip() or text.strip() in seen:
            continue
        seen.add(text.strip())
        if local_name(leaf) in _TEXTS or _MARKUP.search(text):
            builder.paragraph()
            _write_text(text, builder, is_literal=leaf.get("type") in _LITERAL)
            builder.paragraph()
        else:
            builder.line()
            builder.write(_decoded(text))


def _write_text(text: str, builder: TextBuilder, *, is_literal: bool) -> None:
    """Write HTML, or plain text by lines. What holds no tag of HTML is text, whatever its type says: List<String>."""
    if not is_literal and _MARKUP.search(text):
        write_markup(text if _BLOCKS.search(text) else _BLANK_LINES.sub(_paragraph, text), builder)
        return
    for line in (text if is_literal else _decoded(text)).split("\n"):
        (builder.line if line.strip() else builder.paragraph)()
        builder.write(line)


def _paragraph(match: re.Match[str]) -> str:
    """WordPress keeps paragraphs as lines with blank lines between them."""
    return match[1] or "\n<p></p>\n"


def _plain(title: Any) -> str:
    """A title in one line. Tags in it are HTML where they are closed again, else what it is about: The <b> element."""
    if _holds_tags(title):
        text = " ".join(title.itertext())
    else:
        text = title.text or ""
        if title.get("type") == "html" or (title.get("type") not in _LITERAL and _PAIRED.search(text[:_LONGEST_TITLE])):
            text = _MARKUP.sub("", text)
        text = text if title.get("type") in _LITERAL else _decoded(text)
    return " ".join(text.split())


def _decoded(text: str) -> str:
    """With the characters that references of HTML stand for; "?a=1&copy=2" and "&copyright;" hold none."""
    return _REFERENCE.sub(_character, text)


def _character(reference: re.Match[str]) -> str:
    is_known = reference["name"] is None or reference["name"] in html5
    return unescape(reference[0]) if is_known else reference[0]


def _words(element: Any) -> str:
    return " ".join(" ".join(element.itertext()).split())


def _holds_tags(element: Any) -> bool:
    """Whether there are elements of HTML in it, rather than HTML in its text: XHTML, or what nobody has escaped."""
    return any(_IS_TAG.fullmatch(name) for name in _names(element))


def _names(element: Any) -> Iterator[str]:
    return (local_name(inner) for inner in element)


def _serialized(element: Any) -> str:
    """The elements in it as HTML, their names without namespaces; others, and what holds what it cannot, as blocks."""
    from lxml import etree

    copy = deepcopy(element)
    copy.tail = None
    for inner in copy.iter(etree.Element):
        name = local_name(inner).lower()
        is_unclosed = name in _VOID and (len(inner) > 0 or inner.text)
        inner.tag = name if _IS_TAG.fullmatch(name) and not is_unclosed else "div"
    copy.tag = "div"
    etree.cleanup_namespaces(copy)
    return str(etree.tostring(copy, method="html", encoding="unicode"))
