"""What HTML elements say of themselves, how much text they hold, and how to empty them."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Self

_NAME = re.compile(r"[A-Z]*[a-z]+|[A-Z]+")
_LENGTH = "string-length(normalize-space())"
_FOOTNOTE_ROLES = frozenset({"doc-footnote", "doc-endnote", "doc-endnotes"})
_FOOTNOTE_NAMES = frozenset({"footnote", "footnotes", "endnote", "endnotes", "rearnote", "rearnotes"})
_NOTE_ROLES = frozenset({"note", "doc-tip", "doc-notice", "alert"})
_NOTE_NAMES = frozenset(
    {"admonition", "alert", "annotation", "attention", "callout", "caution", "citation", "danger", "definition",
     "errata", "erratum", "error", "example", "hint", "important", "info", "marginnote", "note", "notes", "notice",
     "pullquote", "quote", "sidenote", "tip", "topic", "warning"}
)  # fmt: skip


class Size(NamedTuple):
    """Characters of text in an element, runs of white space as one: those outside links, and those inside."""

    text: int
    linked: int

    @classmethod
    def of(cls, element: Any) -> Self:
        links = (link for link in element.iter("a") if link.get("href") is not None)
        linked = sum(map(length, links))
        return cls(max(0, length(element) - linked), linked)

    @property
    def is_navigation(self) -> bool:
        """Whether links are more than two thirds of the text."""
        return self.linked > 2 * self.text


class Found(NamedTuple):
    """Elements of one kind in the order of the document, and those that are inside no other of that kind."""

    elements: list[Any]
    outermost: list[Any]


def find(root: Any, kind_of: Callable[[Any], str | None]) -> Mapping[str, Found]:
    """The elements at and below `root` by kind, but for kind None; in linear time, however they are nested."""
    from lxml import etree

    found: defaultdict[str, Found] = defaultdict(lambda: Found([], []))
    ends: dict[str, int] = {}  # of the last outermost element of each kind, counted in elements
    for index, element in enumerate(root.iter(etree.Element)):
        kind = kind_of(element)
        if kind is not None:
            found[kind].elements.append(element)
            if index >= ends.get(kind, 0):
                found[kind].outermost.append(element)
                ends[kind] = index + int(element.xpath("count(descendant-or-self::*)"))
    return found


def inside(elements: Iterable[Any], is_holder: Callable[[Any], bool]) -> set[Any]:
    """Those of the elements that have such an ancestor; in linear time, however they are nested."""
    held: dict[Any, bool] = {}  # whether an element is a holder, or inside one
    found = set()
    for element in elements:
        path: list[Any] = []
        ancestor = element.getparent()
        while ancestor is not None and ancestor not in held:
            path.append(ancestor)
            ancestor = ancestor.getparent()
        is_inside = ancestor is not None and held[ancestor]
        for ancestor in reversed(path):
            is_inside = held[ancestor] = is_inside or is_holder(ancestor)
        if is_inside:
            found.add(element)
    return found


def length(element: Any) -> int:
    """Characters of text in an element, runs of white space as one."""
    return int(element.xpath(_LENGTH))


def empty(elements: Iterable[Any]) -> None:
    """Take everything out of these elements, so that nothing of them is read; what follows them stays.

    Each becomes a <span>: an empty cell or paragraph would still be seen in the layout.
    """
    for element in elements:
        element.clear(keep_tail=True)
        element.tag = "span"


def names(element: Any) -> frozenset[str]:
    """An element's classes, its id, and the words of these, in lower case: {"sitefooter", "site", "footer"}."""
    whole = f"{element.get('class', '')} {element.get('id', '')}"
    return frozenset(map(str.lower, (*whole.split(), *_NAME.findall(whole))))


def is_footnote(element: Any) -> bool:
    """Whether an element says that it is a footnote, by its role, its class or EPUB's type."""
    types = f"{element.get('epub:type', '')} {element.get('{http://www.idpf.org/2007/ops}type', '')}".split()
    return element.get("role") in _FOOTNOTE_ROLES or not _FOOTNOTE_NAMES.isdisjoint(names(element).union(types))


def is_note(element: Any) -> bool:
    """Whether an element says that it belongs to the text, as a footnote or a warning does, not to the page."""
    return element.get("role") in _NOTE_ROLES or not _NOTE_NAMES.isdisjoint(names(element)) or is_footnote(element)
