"""Replaces parts of a text, and says where what stood behind them stands now."""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import NamedTuple

Moved = Callable[[int], int]
"""From an offset in the old text, not inside a part that was replaced, to that in the new one."""


class Replacement(NamedTuple):
    """What stands in place of `text[start:end]`."""

    start: int
    end: int
    text: str


def replace_parts(text: str, replacements: Iterable[Replacement]) -> tuple[str, Moved]:
    """The text with all of the replacements, which are in order and do not overlap."""
    pieces: list[str] = []
    ends: list[int] = []
    lost: list[int] = [0]  # characters, up to each end
    position = 0
    for start, end, new in replacements:
        pieces += [text[position:start], new]
        position = end
        ends.append(end)
        lost.append(lost[-1] + end - start - len(new))
    pieces.append(text[position:])
    return "".join(pieces), lambda offset: offset - lost[bisect_right(ends, offset)]


def on_one_line(characters: str) -> str:
    """The characters, with a space for each line break or control character: so that no line begins elsewhere."""
    return "".join(" " if one < " " or one in "\x7f\x85\u2028\u2029" else one for one in characters)
