"""Empties what no reader of an HTML page sees: scripts, hidden elements, closed dialogs, the glyphs of icons."""

import re
from collections.abc import Set
from itertools import chain
from math import inf
from typing import Any

from ingest.loaders.markup.html_elements import Size, empty, find, is_footnote, length, names
from ingest.loaders.markup.html_ruby import reduce_ruby
from ingest.loaders.markup.html_stylesheet import hidden_names, hides

_NEVER_SEEN = frozenset(
    {"head", "script", "style", "object", "iframe", "select", "datalist", "video", "audio", "canvas", "annotation",
     "annotation-xml"}
)  # fmt: skip
_MAYBE_SEEN = frozenset({"noscript", "template", "dialog", "title", "desc", "defs", "metadata"})
# Each of these takes linear time, which unions and steps to parents in XPath do not.
_ICONS = ("descendant::*[@aria-hidden = 'true']", "descendant::*[contains(@class, 'material-')]")
_MAYBE_HIDDEN = "descendant::*[@hidden or @style or @popover]"
_CONTROLLED = (
    "descendant::*/@aria-controls", "descendant::*/@data-target", "descendant::*/@data-bs-target",
    "descendant::*/@onclick", "descendant::a/@href[starts-with(., '#')]",
)  # fmt: skip
_PAGE = frozenset({"html", "body"})
_OPENS = "@aria-expanded or @onclick"
_CONTROL = f"{_OPENS} or @role='button' or self::button or self::a[starts-with(@href, '#')]"
_QUESTION = (
    f"boolean(self::*[{_CONTROL}] | self::*[self::h1 or self::h2 or self::h3 or self::h4 or self::h5 or self::h6 or"
    f" self::dt]//*[{_CONTROL}] | self::*[string-length(normalize-space(.)) < 200]//*[{_OPENS}])"
)
_OPENED_NAMES = frozenset(
    {"accordion", "answer", "collapse", "collapsible", "expand", "expander", "faq", "question", "spoiler", "tab"}
)
_WORD = re.compile(r"[\w-]+")
_STREAMED = re.compile(r"S:[0-9a-f]+")  # the ids of what React sends late and a script moves to its place
_ICON_FONT = re.compile(r"\bmaterial-(?:icons|symbols)\b")
_ICON_CLASS = re.compile(r"icon|symbol|glyph|material", re.I)
_ICON_NAME = re.compile(r"[a-z][a-z0-9_]*")
_WHOLE_PAGE = 0.95  # the share of a page's text that is hidden only until a script shows it
_LONGEST_NOTICE = 400  # characters of a <noscript> that asks for JavaScript


def empty_invisible(root: Any, *, without_scripts: bool = False) -> None:
    """Empty what nobody sees; what a click shows, such as a tab or an answer under its question, is seen.

    without_scripts  see the page as a browser without JavaScript does, with the text of <noscript>.
    """
    has_script = any(map(_runs, root.iter("script"))) or bool(root.xpath("boolean(descendant::*/@onclick)"))
    unused = frozenset() if has_script else hidden_names("".join(style.text or "" for style in root.iter("style")))
    empty(list(root.iter(*_NEVER_SEEN)))
    empty([element for element in root.iter(*_MAYBE_SEEN) if not _is_seen(element, without_scripts=without_scripts)])
    reduce_ruby(root)
    empty([element for path in _ICONS for element in root.xpath(path) if _is_icon(element)])
    _empty_hidden(root, unused, has_script=has_script)


def _runs(script: Any) -> bool:
    return "json" not in script.get("type", "").lower()


def _is_seen(element: Any, *, without_scripts: bool) -> bool:
    match element.tag:
        case "noscript":
            return without_scripts and not _asks_for_scripts(element)
        case "template":
            return element.get("shadowrootmode") is not None or element.get("shadowroot") is not None
        case "dialog":
            return element.get("open") is not None
    return next(element.iterancestors("svg"), None) is None


def _asks_for_scripts(noscript: Any) -> bool:
    text = "".join(noscript.itertext()).strip()
    return len(text) < _LONGEST_NOTICE and "javascript" in text.lower()


def _is_icon(element: Any) -> bool:
    """Whether a decoration is a sign, the name by which a font draws one, or a formula that is also there as MathML."""
    classes = element.get("class", "")
    text = (element.text or "").strip()
    if element.get("aria-hidden") != "true" and not _ICON_FONT.search(classes):
        return False
    if len(element):
        return "katex-html" in classes
    if not any(map(str.isalnum, text)):
        return True
    is_drawn = element.tag == "i" or "_" in text or _ICON_CLASS.search(classes) is not None
    return is_drawn and _ICON_NAME.fullmatch(text) is not None


def _empty_hidden(root: Any, unused: Set[str], *, has_script: bool) -> None:
    if not unused and not any(_is_hidden(element, unused) for element in root.xpath(_MAYBE_HIDDEN)):
        return
    hidden = find(root, lambda element: "hidden" if _is_hidden(element, unused) else None)["hidden"]
    controlled = _controlled(root)
    seen = {element for element in hidden.elements if _can_be_opened(element, controlled)}
    whole_page = _WHOLE_PAGE * length(root) if has_script else inf
    for element in hidden.outermost:
        if element in seen and Size.of(element).is_navigation:
            seen.remove(element)
        elif length(element) >= whole_page and next(element.iter("h1", "h2", "h3", "p"), None) is not None:
            seen.add(element)
    empty([element for element in hidden.elements if element not in seen])


def _is_hidden(element: Any, unused: Set[str]) -> bool:
    if element.tag in _PAGE:  # hidden until a script has run, or against frames
        return False
    if element.get("hidden", "until-found") != "until-found" or element.get("popover") is not None:
        return True
    if hides(element.get("style", "")):
        return True
    if not unused:
        return False
    own = [f"#{element.get('id', '')}", *(f".{name}" for name in element.get("class", "").split())]
    return not unused.isdisjoint(own)


def _controlled(root: Any) -> frozenset[str]:
    """The ids of what a button, a tab or a link within the page shows."""
    controls = chain.from_iterable(map(root.xpath, _CONTROLLED))
    return frozenset(name for value in controls for name in _WORD.findall(str(value)))


def _can_be_opened(element: Any, controlled: frozenset[str]) -> bool:
    """Whether a click, or the script of the page, shows a hidden element."""
    identifier, before = element.get("id", ""), element.getprevious()
    return (
        element.get("role") == "tabpanel"
        or element.tag == "dd"
        or identifier in controlled
        or _STREAMED.fullmatch(identifier) is not None
        or is_footnote(element)
        or not _OPENED_NAMES.isdisjoint(names(element))
        or (before is not None and (not _OPENED_NAMES.isdisjoint(names(before)) or bool(before.xpath(_QUESTION))))
    )
