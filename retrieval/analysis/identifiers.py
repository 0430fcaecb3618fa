"""Names from code and catalogues, and the words in them: getMaxBatchSize, max_batch_size, v1.5.9, CVE-2024-3094.

Also words that some write in one and others in two: KB5034441 and KB 5034441, wi-fi and wifi.
"""

import functools
from collections.abc import Iterator
from itertools import pairwise
from typing import Literal, NamedTuple

import regex

from retrieval.analysis.numbers import LONG_WHOLE, around_comma, has_thousands, number_parts, thousands_before_decimals

HYPHENS = "-\u2010\u2011"
"""Hyphen-minus, hyphen, and the hyphen at which no line ends; at the beginning of a class in a pattern."""

CONNECTOR = rf"(?:_++|[{HYPHENS}.]|::)"
"""What may stand between the words of a name, as a pattern. A hyphen makes a name only where there is a digit: GPT-4,
but not well-known."""

SYMBOLS = r"(?:\+\+(?![+\p{L}\p{N}])|(?<=[A-Za-z])(?<![\p{L}\p{N}][A-Za-z])\#(?![\p{L}\p{N}]))"
"""What may stand at a name's end: C++, C#."""

CAPITALS = r"(?<=\p{Ll}\p{M}*)(?=\p{Lu})|(?<=\p{Lu}\p{M}*)(?=\p{Lu}\p{M}*+\p{Ll}\p{M}*+\p{Ll})"
"""Where a word in a word begins: getMax, HTTPServer, but not URLs."""

_ORDINALS = frozenset({"st", "nd", "rd", "th", "s"})
"""Endings of numbers, no words: 1st, 1980s."""

_MOST_JOINED = 6
"""Words with hyphens between them that are one word as well."""

_MOST_WORDS, _MOST_RUNS = 4, 3
"""Words in a name, and runs of letters and of digits in a word, that are cut between letters and digits. Of a hash, and
of a device's address, there are more."""

Form = Literal["word", "name", "joined"]
Span = tuple[int, int]


class Part(NamedTuple):
    """A piece of a token that is to be found.

    form   "word"; "name", a compound of several words, as it is written; "joined", the same without what connects them
    """

    start: int
    end: int
    form: Form


class _Patterns(NamedTuple):
    name: "regex.Pattern[str]"
    word: "regex.Pattern[str]"
    camel: "regex.Pattern[str]"
    digits: "regex.Pattern[str]"
    dimensions: "regex.Pattern[str]"
    side: "regex.Pattern[str]"


def parts_of(token: str) -> list[Part]:
    """What a token is found by, in order of start, each compound before its words and each word before its pieces.

    token   words joined by connectors, perhaps with symbols at the end, without white space

    Single letters that come of cutting within a word (the p of pH, the i of iPhone) are left out, but not those beside
    digits (12V).
    """
    if is_plain(token):
        return [Part(0, len(token), "word")]
    words = [match.span() for match in _patterns().word.finditer(token)]
    one_word = list(_joined(token, words)) if len(words) > 1 else []
    parts = [Part(*span, "joined") for span in one_word]
    known = {*words, *one_word}
    parts += [Part(*name, "name") for name in _names(token) if name not in known]
    for word in words:
        parts.append(Part(*word, "word"))
        if is_plain(written := token[slice(*word)]):
            continue
        parts += [Part(*piece, "word") for piece in _pieces(token, *word, cut_digits=len(words) <= _MOST_WORDS)]
        if "." in written and has_thousands(written):
            parts.append(Part(*word, "joined"))
        fraction, last = around_comma(written)
        if fraction:
            parts += [Part(word[0], word[0] + fraction - 1, "word"), Part(word[0] + fraction, word[0] + last, "word")]
        if whole := thousands_before_decimals(written):
            parts.append(Part(word[0], word[0] + whole, "joined" if "," in written[whole:] else "word"))
    return sorted(parts, key=lambda part: (part.start, -part.end))


def joined(name: str) -> str:
    """A part of the form "joined" as one word: wi-fi as wifi, U.S. as US, 1.234 as 1234."""
    without_hyphens = name.translate(dict.fromkeys(map(ord, HYPHENS)))
    return without_hyphens if without_hyphens != name else name.replace(".", "")


def is_plain(word: str) -> bool:
    """Whether there is nothing in it to cut: digits, or letters of which the first may be a capital, or all are; or a
    short decimal number, of which the point cannot stand before thousands."""
    if word.isdecimal() or (word.isalpha() and (word.islower() or word[1:].islower() or word.isupper())):
        return True
    whole, _, fraction = word.partition(".")
    return len(fraction) != 3 and len(whole) < LONG_WHOLE and whole.isdecimal() and fraction.isdecimal()


def _names(token: str) -> list[Span]:
    """The token, cut at its hyphens unless there is a digit in it."""
    if any(map(str.isdigit, token)):
        return [(0, len(token))]
    return [match.span() for match in _patterns().name.finditer(token)]


def _joined(token: str, words: list[Span]) -> Iterator[Span]:
    """Words with hyphens between them, all and, of three, two at a time: COVID-19-Test, E-Mail-Adresse, but not a date;
    and letters with points between them: U.S."""
    for row in _rows(token, words):
        if not 2 <= len(row) <= _MOST_JOINED:
            continue
        yield row[0][0], row[-1][1]
        numbers = sum(token[end - 1].isdecimal() for _, end in row)
        if len(row) == 3 and numbers <= 1 and token[row[0][1]] in HYPHENS:
            yield row[0][0], row[1][1]
            yield row[1][0], row[2][1]


def _rows(token: str, words: list[Span]) -> list[list[Span]]:
    """The words of a token in rows of those that hyphens, or points between single letters, connect."""
    rows: list[list[Span]] = [words[:1]]
    for (first, middle), (start, end) in pairwise(words):
        between = token[middle:start]
        are_letters = middle - first == end - start == 1 and not token[first].isdecimal()
        if between in HYPHENS or (between == "." and are_letters):
            rows[-1].append((start, end))
        else:
            rows.append([(start, end)])
    return rows


def _pieces(token: str, start: int, end: int, *, cut_digits: bool) -> Iterator[Span]:
    """What a word is made of, cut where capitals say so (getMaxBatchSize) and where letters and digits meet (10kg, and
    10kW as well); the sides of 200x300mm; and the parts of a number."""
    if _patterns().dimensions.fullmatch(token, start, end):
        for side in _patterns().side.finditer(token, start, end):
            yield side.span()
            yield from _pieces(token, *side.span(), cut_digits=cut_digits)
        return
    cuts = _cuts(_patterns().camel, token, start, end)
    digits = _cuts(_patterns().digits, token, start, end)
    is_simple = not cuts and "." not in token[start:end]
    are_few = cut_digits and len(digits) < _MOST_RUNS
    if is_simple and not are_few:
        return
    bounds = sorted({start, *cuts, *digits, end})
    pieces = dict.fromkeys(pairwise(bounds), is_simple)
    if digits and are_few:  # 3000 and mAh, 15 and iPhone
        runs = pairwise((start, *digits, end))
        pieces |= {run: is_simple or token[run[0]].isdecimal() for run in runs}
    for (one, other), may_be_short in sorted(pieces.items()):
        piece = token[one:other]
        if len(bounds) > 2 and (may_be_short or other - one > 1) and piece.lower() not in _ORDINALS:
            yield one, other
        if "." in piece:
            yield from ((one + first, one + last) for first, last in number_parts(piece))


def _cuts(pattern: "regex.Pattern[str]", token: str, start: int, end: int) -> list[int]:
    return [match.start() for match in pattern.finditer(token, start, end) if match.start() > start]


@functools.cache
def _patterns() -> _Patterns:
    """Compiled on first use, as it takes a while."""
    return _Patterns(
        name=regex.compile(rf"[^{HYPHENS}]++"),
        word=regex.compile(rf"(?:[^{HYPHENS}_.:+#]|(?<=\p{{N}})\.(?=\p{{N}}))++"),
        camel=regex.compile(CAPITALS),
        digits=regex.compile(r"(?<=\p{L}\p{M}*)(?=\p{N})|(?<=\p{N})(?=\p{L})"),
        dimensions=regex.compile(r"[A-Za-z]?[\d.,]+(?:[xX][\d.,]+)+[a-z]{0,2}"),
        side=regex.compile(r"[^xX]+"),
    )
