"""Empties what leads through a site rather than belongs to a page: navigation, the site's header and footer, sidebars.

Elements that are labelled as navigation go. Of the others a page is read whole, unless its main content, which is
labelled too, holds most of its text; then what stands around that stays only if it is text rather than links.
"""

import re
from collections.abc import Collection, Sequence
from itertools import chain
from typing import Any

from ingest.loaders.markup.html_buttons import empty_buttons
from ingest.loaders.markup.html_elements import Size, empty, find, inside, is_note, length, names
from ingest.loaders.markup.html_footer import empty_footer

_ROLES = {
    "navigation": "nav", "search": "nav", "menubar": "nav", "banner": "header", "contentinfo": "footer",
    "complementary": "aside", "main": "main", "article": "article",
}  # fmt: skip
_LANDMARKS = frozenset(_ROLES.values())
_WITH_ROLE = "descendant::*[@role]"
_DOCBOOK = frozenset({"navheader", "navfooter"})
_SECTIONS = frozenset({"main", "article", "section", "blockquote", "figure"})
_SIDEBAR_NAMES = frozenset({"menu", "nav", "newsletter", "share", "sidebar", "sidenav", "toc", "widget", "widgets"})
_SURELY_SITE_NAMES = frozenset(
    {"breadcrumb", "breadcrumbs", "consent", "cookie", "cookies", "copyright", "footer", "gdpr", "navbar"}
)
_DIALOGS = frozenset({"dialog", "alertdialog"})
_SITE_NAMES = _SURELY_SITE_NAMES | {"menu-bar", "menubar", "nav", "navigation", "sidebar", "topbar"}
_LEAD_NAMES = frozenset({"abstract", "dek", "intro", "lead", "lede", "standfirst", "subtitle", "summary"})
_AUTHOR_NAMES = frozenset({"author", "authors", "byline"})
_PROSE = 40  # characters; the slogans of sites are mostly shorter
_HOME = frozenset({"", "/", ".", "./", "..", "../", "index.html", "/index.html", "index.php", "/index.php"})
_SITE = re.compile(r"^(?:[a-z]+:)?//[^/?#]*", re.I)


def empty_navigation(root: Any, *, is_chapter: bool = False) -> None:
    """Empty what belongs to the site in the page below `root`, from which the invisible is gone.

    is_chapter  the page is a part of a book: navigation alone goes.
    """
    empty([element for element in (*root.iter("nav", "div"), *root.xpath(_WITH_ROLE)) if _is_navigation(element)])
    if is_chapter:
        return
    empty_buttons(root)
    if next(root.iter(*_LANDMARKS), None) is None and not root.xpath(_WITH_ROLE):
        return
    found = find(root, _landmark)
    in_section = inside(
        (element for kind in ("header", "footer", "aside") for element in found[kind].outermost),
        lambda element: _kind(element) in _SECTIONS,
    )
    _empty_headers(root, [header for header in found["header"].outermost if header not in in_section])
    _empty_footers(found["footer"].outermost, in_section)
    sidebars = [aside for aside in found["aside"].outermost if aside not in in_section and not is_note(aside)]
    empty([aside for aside in sidebars if not _SIDEBAR_NAMES.isdisjoint(names(aside))])
    asides = [aside for aside in found["aside"].outermost if not is_note(aside)]
    empty([aside for aside in asides if Size.of(aside).is_navigation])
    for kind in ("main", "article"):
        if _empty_surroundings(found[kind].outermost, kind):
            empty([aside for aside in sidebars if Size.of(aside).linked])
            return


def _kind(element: Any) -> str:
    """The tag of the landmark that an element is, by its role or its tag; else its tag."""
    role = element.get("role")
    return str(element.tag if role is None else _ROLES.get(role, element.tag))


def _is_navigation(element: Any) -> bool:
    return _kind(element) == "nav" or (element.tag == "div" and element.get("class") in _DOCBOOK)


def _landmark(element: Any) -> str | None:
    kind = _kind(element)
    return kind if kind in _LANDMARKS else None


def _empty_headers(root: Any, headers: Sequence[Any]) -> None:
    """Empty the headers of the site; one that holds the title of the page, a lead or an abstract stays."""
    title = "h2" if next(root.iter("h1"), None) is None else "h1"
    for header in headers:
        if _holds_title(header, title) or _is_lead(header):
            links = find(header, lambda element: "list" if element.tag in {"ul", "ol"} else None)["list"].outermost
            empty([menu for menu in links if Size.of(menu).is_navigation and _AUTHOR_NAMES.isdisjoint(names(menu))])
        else:
            empty([header])


def _holds_title(element: Any, tag: str = "h1") -> bool:
    """Whether there is a heading that does more than lead to the site's first page."""
    return any(not _leads_home(heading) for heading in element.iter(tag))


def _leads_home(heading: Any) -> bool:
    link = next(chain(heading.iter("a"), heading.iterancestors("a")), None)
    if link is None or _SITE.sub("", link.get("href", "#")) not in _HOME:
        return False
    return length(link) >= length(heading)


def _is_lead(header: Any) -> bool:
    size = Size.of(header)
    if size.text >= _PROSE and not size.is_navigation:
        return True
    return any(not _LEAD_NAMES.isdisjoint(names(element)) for element in header.iter("p", "div", "section"))


def _empty_footers(footers: Sequence[Any], in_section: Collection[Any]) -> None:
    """Empty the footers of the site but for their prose, and those of sections that are mostly links."""
    for footer in footers:
        if is_note(footer):
            continue
        if footer not in in_section:
            empty_footer(footer)
        elif Size.of(footer).is_navigation:
            empty([footer])


def _empty_surroundings(members: Collection[Any], kind: str) -> bool:
    """Empty what is links or labelled as the site's around the main content; whether that is most of the page."""
    around = {element: Size.of(element) for element in _around(members)}
    outside = sum(
        # Where <main> is said to be the content, lists of links need not be outweighed.
        size.text + (size.linked if kind == "article" else 0)
        for element, size in around.items()
        if not _is_footer(element) and _SURELY_SITE_NAMES.isdisjoint(names(element))
    )
    inside = sum(map(length, members))
    if not inside or inside < outside:
        return False
    for footer in filter(_is_footer, around):
        empty_footer(footer)
    is_titled = any(next(member.iter("h1"), None) is not None for member in members)
    empty(
        [
            element
            for element, size in around.items()
            if (_is_of_site(element) and not _is_footer(element))
            or (size.is_navigation and (is_titled or not _holds_title(element)))
        ]
    )
    return True


def _is_of_site(element: Any) -> bool:
    """Whether an element outside the main content is labelled as a part of the site rather than of the page."""
    if element.tag == "dialog":  # an open one, which the page shows before all else
        return not _SURELY_SITE_NAMES.isdisjoint(names(element))
    return element.get("role") in _DIALOGS or not _SITE_NAMES.isdisjoint(names(element))


def _is_footer(element: Any) -> bool:
    """Whether an element outside the main content is the site's footer, by what it is or is called."""
    return not is_note(element) and (_kind(element) == "footer" or "footer" in names(element))


def _around(members: Collection[Any]) -> list[Any]:
    """The elements that hold none of the members, though their parents do."""
    holders: set[Any] = set()
    for member in members:
        for ancestor in member.iterancestors():
            if ancestor in holders:
                break
            holders.add(ancestor)
    inside = holders.union(members)
    return [child for holder in holders for child in holder if child not in inside]
