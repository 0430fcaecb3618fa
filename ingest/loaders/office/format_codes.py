"""Reads the format codes of spreadsheets, such as `#,##0.00 "€";[Red]-0` or `[h]:mm`: ECMA-376 part 1, 18.8.31."""

import re
from typing import NamedTuple

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_(?P<space>.)|\*(?P<fill>.)|\[(?P<elapsed>h+|m+|s+)\]|\[(?P<bracket>[^\]]*)\]'
    r"|(?P<general>general)|(?P<exponent>e[+-])|(?P<date>am/pm|a/p|y+|m+|d+|h+|s+)|(?P<digit>[0#?])"
    r"|(?P<operator>[.,%/@])|(?P<character>.)",
    re.I | re.S,
)
_SECTION = re.compile(r'((?:"[^"]*"?|\\.|[_*].|\[[^\]]*\]|[^;])*)(?:;|$)', re.S)
_LANGUAGE = re.compile(r"\[\$[^\]-]*-([0-9A-Za-z][^\],]*)")
_CONDITION = re.compile(r"\[(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d+)?)\]")


class Token(NamedTuple):
    """A part of a format code.

    kind   "literal", "digit" (a placeholder), "operator" (one of . , % / @), "exponent", "general", "date" (yyyy,
           AM/PM) or "elapsed" (the hours, minutes or seconds in all).
    """

    kind: str
    text: str


POINT, COMMA, PERCENT, SLASH, TEXT = (Token("operator", sign) for sign in ".,%/@")


class Section(NamedTuple):
    """What stands between two semicolons.

    kinds      of its tokens.
    condition  an operator and the number that values are compared with.
    language   that of the names of months and days, a hexadecimal number or a tag; "" where it does not say.
    """

    tokens: tuple[Token, ...]
    kinds: frozenset[str]
    condition: tuple[str, float] | None
    language: str


def sections(code: str) -> list[Section]:
    """The sections of a format code; at least one."""
    found = [match[1] for match in _SECTION.finditer(code)]
    if len(found) > 1 and not found[-1]:
        found.pop()  # the pattern matches once more at the end
    return [_section(code) for code in found]


def _section(code: str) -> Section:
    tokens = tuple(_tokens(code))
    language = _LANGUAGE.search(code)
    kinds = frozenset(token.kind for token in tokens)
    return Section(tokens, kinds, _condition(code), language[1] if language else "")


def _condition(section: str) -> tuple[str, float] | None:
    match = _CONDITION.search(section)
    return (match[1], float(match[2])) if match else None


def _tokens(section: str) -> list[Token]:
    tokens = []
    for match in _TOKEN.finditer(section):
        kind, text = match.lastgroup or "", match[match.lastgroup or 0]
        if kind in {"quoted", "escaped", "character"}:
            tokens.append(Token("literal", text))
        elif kind in {"space", "fill"}:  # of the width of a character, or of what is left of the cell's
            tokens.append(Token("literal", " "))
        elif kind == "bracket":  # a colour, a condition, or a currency with a language
            tokens += [Token("literal", text[1:].partition("-")[0])] if text.startswith("$") else []
        else:
            tokens.append(Token(kind, text.lower()))
    return tokens
