"""The part of a passage that a terminal shows: ten whole passages are more than anyone reads."""

import re
from collections.abc import Sequence

LINES, CHARACTERS = 5, 400
"""Of an excerpt, at most; empty lines are not counted."""

_BEFORE = 60
"""Characters before the first marked word where its line begins far away."""

_BEGINNING = re.compile(r"(?<!\S)\S")
"""Of a word."""


def excerpt(text: str, marked: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The (start, end) of the part of `text` in which most different marked words stand, the first of these parts.

    marked   (start, end) spans of words in `text`

    It begins and ends at words; without marked words it is the beginning, and of a short text the whole.
    """
    best = (0, _end(text, 0))
    if best[1] == len(text):
        return best
    for start, _ in marked:
        begin = _begin(text, start)
        part = (begin, _end(text, begin))
        if _weight(text, marked, part) > _weight(text, marked, best):
            best = part
    return _filled(text, best)


def _begin(text: str, start: int) -> int:
    """Where the line of a marked word begins, if that is near, else a word before it."""
    line = text.rfind("\n", 0, start) + 1
    if start - line <= CHARACTERS // 4:
        return line
    word = _BEGINNING.search(text, start - _BEFORE, start + 1)
    return word.start() if word is not None else start - _BEFORE  # in scripts without spaces


def _end(text: str, begin: int) -> int:
    """The end of the longest part that begins there."""
    lines, at, limit = 0, begin, begin + CHARACTERS
    while at < len(text):
        end = text.find("\n", at) + 1 or len(text)
        lines += bool(text[at:end].strip())
        if lines > LINES:
            return at
        if end > limit:
            blank = max(text.rfind(space, at, limit + 1) for space in " \t\n")
            return blank if blank > begin + CHARACTERS // 2 else limit
        at = end
    return at


def _filled(text: str, part: tuple[int, int]) -> tuple[int, int]:
    """A part that reaches the end of the text may begin earlier."""
    begin, end = part
    if end < len(text):
        return part
    words = (word.start() for word in _BEGINNING.finditer(text, max(0, end - CHARACTERS), begin))
    return next((word for word in words if _end(text, word) == end), begin), end


def _weight(text: str, marked: Sequence[tuple[int, int]], part: tuple[int, int]) -> tuple[int, int]:
    """How many different marked words stand in the part, and how many in all."""
    within = [text[start:end].casefold() for start, end in marked if part[0] <= start and end <= part[1]]
    return len(set(within)), len(within)
