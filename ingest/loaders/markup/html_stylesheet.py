"""Finds what the stylesheets inside an HTML page hide for good."""

import re
from collections import Counter

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.S)
_BRACES = re.compile(r"[{}]")
_NAME = re.compile(r"[.#][\w-]+")
_SIMPLE = re.compile(r"\s*[a-z0-9]*([.#][\w-]+)\s*", re.I)
_DECLARATION = re.compile(r"(?:^|;)\s*(display|visibility|mso-hide)\s*:\s*([\w-]+)", re.I)
_HIDING = frozenset(
    {
        ("display", "none"),
        ("visibility", "hidden"),
        ("visibility", "collapse"),
        ("mso-hide", "all"),
    }  # the last is Word's
)


def hides(declarations: str) -> bool:
    """Whether declarations, as in a style attribute, keep an element from being displayed."""
    if not declarations:
        return False
    last = {name.lower(): value.lower() for name, value in _DECLARATION.findall(declarations)}
    return not _HIDING.isdisjoint(last.items())


def hidden_names(stylesheet: str) -> frozenset[str]:
    """The classes and ids, as ".name" and "#name", that one rule hides and no other mentions, such as one for :target.

    Rules for some media only hide nothing.
    """
    hidden: set[str] = set()
    mentions: Counter[str] = Counter()
    stylesheet = _COMMENT.sub(" ", stylesheet)
    depth = end = 0
    selectors = ""
    for brace in _BRACES.finditer(stylesheet):
        between = stylesheet[end : brace.start()]
        end = brace.end()
        if brace[0] == "{":
            depth += 1
            selectors = between.rpartition(";")[2]
            mentions.update(_NAME.findall(selectors))
            continue
        if depth == 1 and hides(between):
            simple = map(_SIMPLE.fullmatch, selectors.split(","))
            hidden.update(match[1] for match in simple if match)
        depth = max(0, depth - 1)
        selectors = ""
    return frozenset(name for name in hidden if mentions[name] == 1)
