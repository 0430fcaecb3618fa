"""Empties a site's footer but for its prose: where someone is found and when, and what the site says of itself."""

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

from ingest.loaders.markup.html_elements import empty, find, names
from ingest.loaders.markup.html_tree import HEADINGS, LINES, PARAGRAPHS

_BLOCKS = (PARAGRAPHS | LINES) - {"br", "text"}
_CELLS = frozenset({"td", "th", "tr"})
_CONTACT_NAMES = frozenset(
    {"address", "adr", "contact", "contacts", "hcard", "h-card", "hours", "impressum", "imprint", "kontakt", "opening",
     "openinghours", "vcard"}
)  # fmt: skip
_CONTACT_PROPERTIES = frozenset({"address", "email", "openinghours", "openinghoursspecification", "telephone"})
_NO_PROSE = frozenset({"consent", "cookie", "cookies", "gdpr", "newsletter"})
_HOUR = r"\d{1,2}(?:[:.]\d\d)?"
_OF_DAY = r"(?:[ap]\.?m\b|h\b|uhr\b)"
_CONTACT = re.compile(
    r"\w@[\w-]+\.\w"
    r"|(?<![\w.,/-])(?:\+\d|\(?0\d{1,5}\)?[ /-]?\d)[\d ()-]{4,}\d"  # telephones, here and below
    r"|\(?\b\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b"
    r"|\b(?:tel|fon|phone|fax)\w{0,5}\b\W{0,5}\d"
    rf"|\b{_HOUR}\s?{_OF_DAY}?\.?\s?(?:-|–|—|to|bis|à)\s?\d{{1,2}}(?::\d\d|\s?{_OF_DAY})"
    r"|\b(?:\w{2,6}day|mo|mon|tue|wed|thu|fri|sat|sun|di|mi|do|fr|sa|so|\w{3,7}tag)\b\D{0,30}\d{1,2}\s?[-–—]\s?\d"
    r"|\b(?:[A-Z]{1,2}\d[\dA-Z]? \d[A-Z]{2}|[A-Z]{2},? \d{5}|(?<![\d.,-])\d{5} [^\W\d_]{3})",  # towns
    re.I,
)
_LEGAL = re.compile(r"©|\(c\)|\b(?:copyright|creative commons|licen[cs]|lizenz|cookie|all rights)", re.I)
_LONG = 80  # characters of a text about the site; when a page was edited, and with what it was made, is told in fewer


def empty_footer(footer: Any) -> None:
    """Empty lists of links, legal lines and slogans in a site's footer; addresses, hours and longer texts stay."""
    blocks = _blocks(footer)
    for container in blocks:
        _wrap_loose_text(container, blocks)
    units = list(_units(footer))
    unread, labelled = _below(footer, _is_of_no_interest), _below(footer, _is_contact)
    prose = {unit for unit in units if unit not in unread and unit.tag not in HEADINGS and not _is_links(unit)}
    kept = {unit for unit in prose if _is_prose(unit) or (unit in labelled and not _LEGAL.search(_text(unit)))}
    groups = {_group(unit) for unit in kept if not _is_long(unit)}
    kept |= {unit for unit in prose if _group(unit) in groups and not _LEGAL.search(_text(unit))}
    headings: list[Any] = []
    for unit in units:  # a heading stays with what follows it
        if unit.tag in HEADINGS:
            headings.append(unit)
        elif unit in kept:
            kept.update(headings)
            headings = []
        elif _text(unit):
            headings = []
    empty([unit for unit in units if unit not in kept])


def _blocks(footer: Any) -> dict[Any, None]:
    """The elements that hold blocks, in order."""
    found: dict[Any, None] = {}
    for block in footer.iterdescendants(*_BLOCKS):
        above = []
        for ancestor in block.iterancestors():
            if ancestor in found:
                break
            above.append(ancestor)
            if ancestor is footer:
                break
        found |= dict.fromkeys(reversed(above))
    return found


def _wrap_loose_text(container: Any, blocks: Collection[Any]) -> None:
    """Put what stands beside blocks into blocks of its own."""
    children = list(container)
    loose, container.text = _new_block(container, container.text), None
    if loose is not None:
        container.insert(0, loose)
    for child in children:
        if child.tag in _BLOCKS or child in blocks:
            loose, child.tail = _new_block(container, child.tail), None
            if loose is not None:
                child.addnext(loose)
        else:
            if loose is None:
                loose = container.makeelement("div")
                child.addprevious(loose)
            loose.append(child)


def _new_block(container: Any, text: str | None) -> Any | None:
    """None where there is no text to be put into it."""
    if not (text or "").strip():
        return None
    block = container.makeelement("div")
    block.text = text
    return block


def _units(footer: Any) -> Iterator[Any]:
    """The blocks that hold no others."""
    holders = _blocks(footer)
    if not holders:
        yield footer
    yield from (block for block in footer.iterdescendants(*_BLOCKS) if block not in holders)


def _text(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())


def _is_links(unit: Any) -> bool:
    """Whether nothing is in it but links, or more than beside them; addresses to write to and to call are none."""
    links = (link for link in unit.iter("a") if not link.get("href", "").startswith(("mailto:", "tel:")))
    linked = sum(len(_text(link)) for link in links)
    return 2 * linked >= len(_text(unit))


def _below(footer: Any, is_holder: Callable[[Any], bool]) -> set[Any]:
    """The elements at and below those of which that is true."""
    found = find(footer, lambda element: "holder" if is_holder(element) else None)["holder"]
    return {element for holder in found.outermost for element in holder.iter()}


def _is_of_no_interest(element: Any) -> bool:
    return element.tag == "form" or not _NO_PROSE.isdisjoint(names(element))


def _is_contact(element: Any) -> bool:
    if element.tag == "address" or not _CONTACT_NAMES.isdisjoint(names(element)):
        return True
    return not _CONTACT_PROPERTIES.isdisjoint(element.get("itemprop", "").lower().split())


def _is_prose(unit: Any) -> bool:
    calls = any(link.get("href", "").startswith(("mailto:", "tel:")) for link in unit.iter("a"))
    return calls or _CONTACT.search(_text(unit)) is not None or _is_long(unit)


def _is_long(unit: Any) -> bool:
    text = _text(unit)
    return len(text) >= _LONG and not _LEGAL.search(text)


def _group(unit: Any) -> Any:
    """What belongs together: the blocks beside it, or the rows of its table."""
    above = unit.getparent()
    while unit.tag in _CELLS and above is not None and above.tag != "table":
        above = above.getparent()
    return above
