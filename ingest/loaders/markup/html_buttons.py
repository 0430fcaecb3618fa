"""Empties the buttons of an HTML page that are controls; those that hold a heading or a part of a sentence stay."""

from typing import Any

from ingest.loaders.markup.html_elements import empty, inside, names

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "dt", "summary", "legend", "caption", "th"})
_CONTROL_NAMES = frozenset(
    {"clipboard", "close", "copy", "dropdown", "hamburger", "menu", "nav", "navbar", "next", "prev", "print", "reply",
     "search", "share", "submit", "subscribe", "theme", "toggler", "vote"}
)  # fmt: skip
_OPENING = ("aria-expanded", "data-toggle", "data-bs-toggle")
_PANELS = frozenset({"div", "section", "p", "article", "dd", "table"})
_WORDS = 4  # from which on a button says more than what it does
_LETTERS = 25  # the same, for scripts that put no spaces between words


def empty_buttons(root: Any) -> None:
    buttons = list(root.iter("button"))
    headings = inside(buttons, lambda element: element.tag in _HEADINGS or element.tag == "button")
    empty([button for button in buttons if button not in headings and not _is_text(button)])


def _is_text(button: Any) -> bool:
    text = "".join(button.itertext())
    if not text.strip():
        return True
    if not _CONTROL_NAMES.isdisjoint(names(button)):
        return False
    if len(text.split()) >= _WORDS or len("".join(text.split())) > _LETTERS:
        return True
    if button.get("role") == "tab" or any(button.get(name) is not None for name in _OPENING):
        return True
    return _is_in_sentence(button) or _is_over_panel(button)


def _is_in_sentence(button: Any) -> bool:
    """Whether text stands directly beside a button, as in "press [Save] to store it", though not in code."""
    before = button.getprevious()
    beside = button.getparent().text if before is None else before.tail
    is_beside = any(map(str.isalnum, f"{beside or ''}{button.tail or ''}"))
    return is_beside and next(button.iterancestors("pre", "code"), None) is None


def _is_over_panel(button: Any) -> bool:
    """Whether a button is directly followed by what it opens, like a heading by its section."""
    before, after = button.getprevious(), button.getnext()
    if after is None or after.tag not in _PANELS or (before is not None and before.tag == "button"):
        return False
    return next(after.iter("pre", "button", "input"), None) is None
