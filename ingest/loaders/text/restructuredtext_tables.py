"""reStructuredText's grid tables and simple tables that have header rows."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from retrieval.types import Table

_GRID_BORDER = re.compile(r"[ \t]*\+(?:-+\+)+[ \t]*\Z")
_GRID_RULE = re.compile(r"[ \t]*\+(?:=+\+)+[ \t]*\Z")
_SIMPLE_RULE = re.compile(r"[ \t]*=+(?:[ \t]+=+)+[ \t]*\Z")
_MAX_HEADER = 20  # lines
_MAX_LINE = 10_000


class _Line(NamedTuple):
    start: int
    text: str


def tables_with_headers(text: str) -> Iterator[Table]:
    """The tables whose header row is set off from the others by a rule."""
    if "==" in text:
        lines = list(_lines(text))
        yield from _grid_tables(lines)
        yield from _simple_tables(lines)


def _lines(text: str) -> Iterator[_Line]:
    start = 0
    for line in text.split("\n"):
        yield _Line(start, line[:_MAX_LINE])
        start += len(line) + 1


def _grid_tables(lines: Sequence[_Line]) -> Iterator[Table]:
    """A table is lines that begin with "+" or "|", a border the first of them."""
    index = 0
    while index < len(lines):
        if not _GRID_BORDER.match(lines[index].text):
            index += 1
            continue
        top = index
        while index < len(lines) and lines[index].text.lstrip(" \t").startswith(("+", "|")):
            index += 1
        rule = next((i for i in range(top + 1, min(index, top + _MAX_HEADER)) if _GRID_RULE.match(lines[i].text)), top)
        edges = [position for position, character in enumerate(lines[top].text) if character == "+"]
        columns = [(left + 1, right) for left, right in pairwise(edges)]
        if header := _header([line.text for line in lines[top + 1 : rule]], columns):
            yield Table(lines[top + 1].start, _end(lines[index - 1]), header)


def _simple_tables(lines: Sequence[_Line]) -> Iterator[Table]:
    """A table with a header row has three rules; behind the last is an empty line."""
    rules = [index for index, line in enumerate(lines) if _SIMPLE_RULE.match(line.text)]
    first = 0
    while first + 2 < len(rules):
        top, rule, bottom = rules[first : first + 3]
        if not _is_blank_below(lines, rule) and 1 < rule - top <= _MAX_HEADER:
            columns = [match.span() for match in re.finditer("=+", lines[top].text)]
            columns[-1] = (columns[-1][0], _MAX_LINE)
            if header := _header([line.text for line in lines[top + 1 : rule]], columns):
                yield Table(lines[top + 1].start, _end(lines[bottom]), header)
            first += 3
        else:
            first += 2 if _is_blank_below(lines, rule) else 1


def _is_blank_below(lines: Sequence[_Line], index: int) -> bool:
    return index + 1 == len(lines) or not lines[index + 1].text.strip()


def _header(lines: Sequence[str], columns: Sequence[tuple[int, int]]) -> str:
    """The words of each column, from top to bottom; lines of dashes are rules between the rows of a header."""
    rows = [line for line in lines if line.strip(" \t+-|")]
    cells = (" ".join(" ".join(row[start:end] for row in rows).split()) for start, end in columns)
    return " | ".join(cells) if rows else ""


def _end(line: _Line) -> int:
    return line.start + len(line.text)
