"""Words of a query that no passage has are tried in their nearest spelling: "comit" finds "commit", and "nodejs" what
has "Node.js".

What is meant as it is written is left alone: operators, names with digits or signs in them, names in capitals, options
of commands. So are function words, of whichever language, and a query of which most words are unknown: it is in another
language.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import regex

from retrieval.search.nearest_spelling import LETTERS_FOR, Languages, all_function_words
from retrieval.search.operators import Clause
from retrieval.search_hits import Correction

_LONGEST = 40
"""Letters of a word that is corrected."""

_MANY, _MOST = 4, 8
"""Words of a query of which half at least must be known, and those that are corrected at most: each takes a while."""

_QUOTED = re.compile('["“”„‟«»][^"“”„‟«»]*["“”„‟«»]')
_LETTERS = regex.compile(r"[\p{L}\p{M}]+")
_PIECE = re.compile(r"\S+")
_EDGE = r"[\p{P}--[\-@#&/\\_*%]]*+"
_WORD = regex.compile(rf"{_EDGE}(?P<word>\p{{L}}[\p{{L}}\p{{M}}]++){_EDGE}", regex.VERSION1)
"""A word between blanks, with punctuation around it."""


class Replacement(NamedTuple):
    """A word at text[start:end] that no passage has, and its nearest spelling."""

    start: int
    end: int
    correction: Correction


def find_corrections(languages: Languages, text: str, clauses: Sequence[Clause]) -> list[Replacement]:
    """The words of a query to be tried in another spelling, in order.

    languages   of the index
    text      without operators
    clauses   of the same query: their words stay as they are
    """
    exact = {word.lower() for clause in clauses for word in _LETTERS.findall(clause.text)}
    places = [match for match in _plain_words(text) if match["word"].lower() not in exact]
    unknown = languages.unknown(text, places)
    if not unknown:
        return []
    words = {match["word"].lower() for match in places} - all_function_words()
    unknown = unknown & words
    if len(unknown) > _MOST or (len(words) >= _MANY and 2 * len(unknown) > len(words)):
        return []
    others = {word.lower() for word in _LETTERS.findall(text)} - unknown - all_function_words()
    company = languages.having(others)
    nearest: dict[str, str] = {}
    for word in sorted(unknown, key=lambda word: (-len(word), word)):  # the longer, the surer
        if (other := languages.nearest(word, company)) is not None:
            nearest[word] = other
            company = company | languages.having([other])
    return [
        Replacement(*match.span("word"), Correction(match["word"], nearest[word]))
        for match in places
        if (word := match["word"].lower()) in nearest
    ]


def replaced(text: str, replacements: Sequence[Replacement]) -> str:
    """The text in the other spelling."""
    for start, end, correction in reversed(replacements):
        text = text[:start] + correction.searched + text[end:]
    return text


def _plain_words(text: str) -> Iterator["regex.Match[str]"]:
    """Those of letters alone that are neither quoted nor written as names of code or in capitals."""
    is_shouted = text.isupper() and len(text.split()) > 1  # one word may be an acronym
    quoted = [match.span() for match in _QUOTED.finditer(text)]
    for piece in _PIECE.finditer(text):
        match = _WORD.fullmatch(text, *piece.span())
        if match is None or not LETTERS_FOR[1] <= len(match["word"]) <= _LONGEST:
            continue
        at, ending = match.start("word"), match["word"][1:]
        if (ending == ending.lower() or is_shouted) and not any(start <= at < end for start, end in quoted):
            yield match
