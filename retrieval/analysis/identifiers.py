"""Names from code and catalogues, and the words in them: getMaxBatchSize, max_batch_size, v1.5.9, CVE-2024-3094."""

import functools
from itertools import pairwise
from typing import NamedTuple

import regex

CONNECTOR = r"(?:_++|[.\-]|::)"
"""What may stand between the words of a name, as a pattern. A hyphen makes a name only where there is a digit: GPT-4,
but not well-known."""

SYMBOLS = r"(?:\+\+(?![+\p{L}\p{N}])|(?<=[A-Za-z])(?<![\p{L}\p{N}][A-Za-z])\#(?![\p{L}\p{N}]))"
"""What may stand at a name's end: C++, C#."""

CAPITALS = r"(?<=\p{Ll}\p{M}*)(?=\p{Lu})|(?<=\p{Lu}\p{M}*)(?=\p{Lu}\p{M}*+\p{Ll}\p{M}*+\p{Ll})"
"""Where a word in a word begins: getMax, HTTPServer, but not URLs."""


class Part(NamedTuple):
    """A word in a token, or a compound of several that is to be found as it is written."""

    start: int
    end: int
    is_compound: bool


class _Patterns(NamedTuple):
    name: "regex.Pattern[str]"
    word: "regex.Pattern[str]"
    camel: "regex.Pattern[str]"
    digits: "regex.Pattern[str]"


def parts_of(token: str) -> list[Part]:
    """The words of a token, in order of start, each compound before its words and each word before its pieces.

    token   words joined by connectors, perhaps with symbols at the end, without white space

    Single letters that come of cutting within a word (the p of pH, the i of iPhone) are left out.
    """
    if token.isdecimal() or (token.isalpha() and (token[1:].islower() or token.isupper())):
        return [Part(0, len(token), False)]  # nearly all words
    parts: list[Part] = []
    for start, end in _names(token):
        words = [match.span() for match in _patterns().word.finditer(token, start, end)]
        if words != [(start, end)]:
            parts.append(Part(start, end, True))
        for word in words:
            parts.append(Part(*word, False))
            parts.extend(Part(*piece, False) for piece in _pieces(token, *word))
    return parts


def _names(token: str) -> list[tuple[int, int]]:
    """The token, cut at its hyphens unless there is a digit in it."""
    if "-" not in token or any(map(str.isdigit, token)):
        return [(0, len(token))]
    return [match.span() for match in _patterns().name.finditer(token)]


def _pieces(token: str, start: int, end: int) -> list[tuple[int, int]]:
    """What a word is made of, where capitals say so: getMaxBatchSize; or digits with a point in them: v1.5.9."""
    cuts = [match.start() for match in _patterns().camel.finditer(token, start, end) if match.start() > start]
    if cuts or "." in token[start:end]:
        cuts += [match.start() for match in _patterns().digits.finditer(token, start, end) if match.start() > start]
    if not cuts:
        return []
    return [(one, other) for one, other in pairwise(sorted({start, *cuts, end})) if other - one > 1]


@functools.cache
def _patterns() -> _Patterns:
    """Compiled on first use, as it takes a while."""
    return _Patterns(
        name=regex.compile(r"[^\-]++"),
        word=regex.compile(r"(?:[^_.\-:+#]|(?<=\p{N})\.(?=\p{N}))++"),
        camel=regex.compile(CAPITALS),
        digits=regex.compile(r"(?<=\p{L}\p{M}*)(?=\p{N})|(?<=\p{N})(?=\p{L})"),
    )
