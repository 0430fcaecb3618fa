"""Lays the text of an XML tree out, by the names that DocBook gives to elements, and others after it."""

from itertools import islice
from typing import Any, NamedTuple

from ingest.loaders.office.xml_elements import attribute, local_name
from ingest.loaders.text_builder import TextBuilder

_TITLES = frozenset({"title", "refentrytitle"})
_INFO = frozenset({"refmeta", "front", "article-meta", "title-group", "title-info", "description"})
_TITLE_REACH = 10  # children among which an element's title is looked for
_WITHOUT_SECTION = frozenset(
    {"figure", "table", "informaltable", "example", "informalexample", "formalpara", "equation", "note", "tip",
     "warning", "caution", "important", "sidebar", "blockquote", "procedure", "step", "itemizedlist", "orderedlist",
     "variablelist", "listitem", "qandaentry", "fig", "table-wrap"}
)  # fmt: skip
_DROPPED = frozenset(
    {"indexterm", "titleabbrev", "remark", "script", "style", "binary", "binary-data", "svg", "index-term"}
)
_PARAGRAPHS = frozenset(
    {"para", "simpara", "p", "subtitle", "cmdsynopsis", "funcsynopsis", "itemizedlist", "orderedlist", "variablelist",
     "simplelist", "calloutlist", "procedure", "ul", "ol", "dl", "table", "informaltable", "simpletable", "note", "tip",
     "warning", "caution", "important", "blockquote", "figure", "example", "informalexample", "formalpara", "Table"}
)  # fmt: skip
_LINES = frozenset(
    {"listitem", "varlistentry", "li", "dt", "dd", "member", "step", "callout", "term", "row", "tr", "strow", "sthead",
     "funcprototype", "sbr", "br", "lb", "Row"}
)  # fmt: skip
_TEXTS = frozenset(
    {"para", "simpara", "p", "subtitle", "cmdsynopsis", "funcprototype", "term", "member", "refname",
     "refpurpose"}
)  # fmt: skip
_ITEMS = frozenset({"listitem", "li", "dd", "step", "callout"})
_SPACED = frozenset({"arg", "group", "funcdef", "paramdef", "Comment"})
_VERBATIM = frozenset({"programlisting", "screen", "literallayout", "synopsis", "pre", "codeblock", "funcsynopsisinfo"})
_TABLES = frozenset({"table", "informaltable", "simpletable", "Table"})
_HEADS = frozenset({"thead", "sthead"})
_CELLS = frozenset({"entry", "td", "th", "stentry", "Cell"})  # with a capital, those of Excel 2003
_SHEET = "Worksheet"


_BLOCKS = _PARAGRAPHS | _LINES | _VERBATIM


class _Opened(NamedTuple):
    """What an element began: "heading", "cell", "verbatim", "block", "line" or "phrase"; and what it counts as."""

    kind: str
    is_text: bool
    is_section: bool


class XmlWalker:
    """Writes a tree to `builder`, without recursion.

    An element is one text if DocBook says so, or if it holds text itself. What is inside it is a phrase, unless DocBook
    says that it is a block; elsewhere each element is a line.
    """

    def __init__(self) -> None:
        self.builder = TextBuilder()
        self._sections = 0  # open elements of each sort
        self._texts = 0
        self._tables = 0
        self._cells = 0
        self._items = 0
        self._has_head = False  # the table

    def walk(self, root: Any) -> None:
        """Write what is inside `root`, which has no meaning of its own."""
        self.builder.write(root.text or "")
        stack: list[tuple[Any, _Opened | None]] = [(child, None) for child in root.iterchildren(reversed=True)]
        while stack:
            element, opened = stack.pop()
            name = local_name(element)
            if opened:
                self._end(name, opened)
            elif name and not _is_dropped(name, element):
                stack.append((element, self._start(name, element)))
                stack.extend([(child, None) for child in element.iterchildren(reversed=True)])
                continue
            if element.tail:
                self.builder.write(element.tail)

    def _start(self, name: str, element: Any) -> _Opened:
        kind = self._kind(name, element)
        in_text = self._texts > 0
        is_section = not in_text and name not in _WITHOUT_SECTION and not _is_info(name) and _has_title(element)
        is_text = name in _TEXTS or kind in {"heading", "verbatim", "cell"} or (not in_text and _is_text(element))
        self._count(name, _Opened(kind, is_text, is_section), 1)
        self._begin(name, kind)
        if name == _SHEET:
            self._write_heading(attribute(element, "Name") or "")
        self.builder.write(element.text or "")
        return _Opened(kind, is_text, is_section)

    def _kind(self, name: str, element: Any) -> str:
        if name in _TITLES and not (self._texts or self._cells):
            return "line" if local_name(element.getparent()) in _WITHOUT_SECTION else "heading"
        if name in _CELLS and self._tables:
            return "cell"
        if name in _VERBATIM and not self._cells:
            return "verbatim"
        if name in _PARAGRAPHS and not self._items:
            return "block"
        return "phrase" if self._texts and name not in _BLOCKS else "line"

    def _count(self, name: str, opened: _Opened, step: int) -> None:
        self._sections += step * opened.is_section
        self._texts += step * opened.is_text
        self._tables += step * (name in _TABLES)
        self._cells += step * (opened.kind == "cell")
        self._items += step * (name in _ITEMS)

    def _begin(self, name: str, kind: str) -> None:
        builder = self.builder
        if kind in {"heading", "verbatim", "block"}:
            builder.paragraph()
        elif kind == "line":
            builder.line()
        elif name in _SPACED:
            builder.write(" ")
        if kind == "heading":
            builder.begin_heading(max(1, self._sections))
        elif kind == "verbatim":
            builder.begin_verbatim()
        elif kind == "cell":
            builder.begin_cell()
        if name in _TABLES:
            builder.begin_table()
            self._has_head = self._has_head and self._tables > 1
        elif name in _HEADS and self._tables == 1:
            self._has_head = True

    def _write_heading(self, words: str) -> None:
        self.builder.paragraph()
        self.builder.begin_heading(1)
        self.builder.write(words)
        self.builder.end_heading()
        self.builder.paragraph()

    def _end(self, name: str, opened: _Opened) -> None:
        builder, kind = self.builder, opened.kind
        if name in _TABLES:
            builder.end_table(has_header=self._has_head or None)
        if kind == "heading":
            builder.end_heading()
        elif kind == "verbatim":
            builder.end_verbatim()
        elif kind == "cell":
            builder.end_cell()
        if kind in {"heading", "verbatim", "block"}:
            builder.paragraph()
        elif kind == "line":
            builder.line()
        self._count(name, opened, -1)


def _is_dropped(name: str, element: Any) -> bool:
    """Whether an element is no text of its own: an index entry, a picture, the reading beside ruby's base text."""
    return name in _DROPPED or (name in {"rt", "rp"} and local_name(element.getparent()) == "ruby")


def _is_info(name: str) -> bool:
    """Whether the titles in an element are those of the one around it."""
    return name in _INFO or name.endswith("info")


def _has_title(element: Any) -> bool:
    for child in islice(element, _TITLE_REACH):
        name = local_name(child)
        if name in _TITLES:
            return True
        if _is_info(name) and any(local_name(inner) in _TITLES for inner in islice(child, _TITLE_REACH)):
            return True
    return False


def _is_text(element: Any) -> bool:
    """Whether an element holds text beside its children, and these are no blocks."""
    holds_text = bool((element.text or "").strip()) or any((child.tail or "").strip() for child in element)
    return holds_text and not any(local_name(child) in _BLOCKS or _has_title(child) for child in element)
