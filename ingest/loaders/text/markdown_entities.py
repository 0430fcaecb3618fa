"""Markdown's entities: the characters that &ouml;, &#246; and &#xF6; stand for, and the base text of ruby, outside
code."""

import re
from collections.abc import Iterator
from html import unescape
from html.entities import html5

from ingest.loaders.text.markdown_lines import block_lines
from ingest.loaders.text.replacements import Moved, Replacement, on_one_line, replace_parts
from ingest.loaders.text.ruby import RUBY_PART, holds_ruby

_ENTITY = re.compile(r"(?<!\\)&(?:#\d{1,7};|#[xX][0-9a-fA-F]{1,6};|(?P<name>[A-Za-z][A-Za-z0-9]{1,31};))")
_ENTITY_OR_RUBY = re.compile(f"{_ENTITY.pattern}|{RUBY_PART}", re.I)
_TICKS = re.compile(r"(?<![\\`])`+")
_CODE_INDENT = re.compile(r"(?: {4}| {0,3}\t)")
_LIST_ITEM = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])(?:[ \t]|\Z)")


def decode_entities(text: str, start: int) -> tuple[str, Moved]:
    """The text with its entities from offset `start` on decoded and its ruby reduced to the base text, and a function
    from offsets in `text` to those in it.

    Fenced and indented code, code spans, scripts and comments stay as they are. No line begins or ends elsewhere.
    """
    pattern = _ENTITY_OR_RUBY if holds_ruby(text) else _ENTITY
    return replace_parts(text, _replacements(text, start, pattern) if "&" in text or pattern is _ENTITY_OR_RUBY else ())


def _replacements(text: str, start: int, pattern: re.Pattern[str]) -> Iterator[Replacement]:
    for first, last in _prose_spans(text, start):
        yield from entities(text, first, last, pattern)


def entities(text: str, start: int, end: int, pattern: re.Pattern[str] = _ENTITY) -> Iterator[Replacement]:
    """What stands for the entities in `text[start:end]`; those that nobody knows, and escaped ones, stay.

    pattern  of what is replaced; what it finds besides entities is left out.
    """
    for found in pattern.finditer(text, start, end):
        if found["name"] is None or found["name"] in html5:
            characters = unescape(found[0]) if found[0].startswith("&") else ""
            yield Replacement(*found.span(), on_one_line(characters))


def _prose_spans(text: str, start: int) -> Iterator[tuple[int, int]]:
    """The spans of `text` from `start` on that are neither code nor scripts."""
    paragraph: list[int] = []  # where it starts and, so far, ends: a code span may go on over its lines
    is_below_blank, in_list = True, False
    for line, kind, _ in block_lines(text, start):
        newline = text.find("\n", line.start)
        end = len(text) if newline < 0 else newline
        is_blank = not line.text.strip()
        is_indented = bool(_CODE_INDENT.match(line.text))
        if kind != "prose" or is_blank or (is_indented and is_below_blank and not in_list):
            yield from _outside_code_spans(text, *paragraph) if paragraph else ()
            paragraph = []
            if kind == "html":
                yield line.start, end
        else:
            paragraph = [paragraph[0] if paragraph else line.start, end]
            is_below_blank = False
        if kind != "prose" or is_blank:
            is_below_blank = True
        elif _LIST_ITEM.match(line.text):
            in_list = True
        elif not line.text.startswith((" ", "\t")):
            in_list = False
    yield from _outside_code_spans(text, *paragraph) if paragraph else ()


def _outside_code_spans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """What is between code spans: each ends at the next run of as many backticks as it starts with."""
    runs = [match.span() for match in _TICKS.finditer(text, start, end)]
    closing: dict[int, list[int]] = {}
    for number, (first, last) in reversed(list(enumerate(runs))):
        closing.setdefault(last - first, []).append(number)
    number = 0
    while number < len(runs):
        first, last = runs[number]
        same = closing[last - first]
        while same and same[-1] <= number:
            same.pop()
        if same:
            yield start, first
            number = same[-1]
            start = runs[number][1]
        number += 1
    yield start, end
