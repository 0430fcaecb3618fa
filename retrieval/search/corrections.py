"""Words of a query that no passage has are tried in their nearest spelling: "comit" finds "commit", and "nodejs" what
has "Node.js".

What is meant as it is written is left alone: operators, names with digits or signs in them, names in capitals, options
of commands. So are function words, of whichever language, and a query of which most words are unknown: it is in another
language.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import regex

from retrieval.analysis.analyzer import LANGUAGES
from retrieval.analysis.query_terms import neighbours, query_terms
from retrieval.analysis.stopwords import stop_words
from retrieval.search.clauses import satisfying
from retrieval.search.operators import Clause
from retrieval.search.query import analyzer
from retrieval.search_hits import Correction
from retrieval.segments.edit_distance import edit_distances
from retrieval.segments.reader import IndexReader
from retrieval.segments.words import plain
from retrieval.topk import Rows

_LETTERS_FOR = {1: 4, 2: 8}
"""So many letters has a word, at least, for so many edits, and a stem one more: of shorter ones, too many are near."""

_LONGEST = 40
"""Letters of a word that is corrected."""

_READ = 1000
"""Passages that are read at most, to see whether two words stand side by side in them."""

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


def find_corrections(reader: IndexReader, text: str, clauses: Sequence[Clause]) -> list[Replacement]:
    """The words of a query to be tried in another spelling, in order.

    text      without operators
    clauses   of the same query: their words stay as they are
    """
    languages = _Languages(reader)
    exact = {word.lower() for clause in clauses for word in _LETTERS.findall(clause.text)}
    places = [match for match in _plain_words(text) if match["word"].lower() not in exact]
    unknown = languages.unknown(text, places)
    if not unknown:
        return []
    words = {match["word"].lower() for match in places} - _function_words()
    unknown = unknown & words
    if len(unknown) > _MOST or (len(words) >= _MANY and 2 * len(unknown) > len(words)):
        return []
    others = {word.lower() for word in _LETTERS.findall(text)} - unknown - _function_words()
    company = languages.slots(others)
    nearest: dict[str, str] = {}
    for word in sorted(unknown, key=lambda word: (-len(word), word)):  # the longer, the surer
        if (other := languages.nearest(word, company)) is not None:
            nearest[word] = other
            company = np.union1d(company, languages.slots([other]))
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
        if match is None or not _LETTERS_FOR[1] <= len(match["word"]) <= _LONGEST:
            continue
        at, ending = match.start("word"), match["word"][1:]
        if (ending == ending.lower() or is_shouted) and not any(start <= at < end for start, end in quoted):
            yield match


class _Languages:
    """How the languages of an index see a word."""

    def __init__(self, reader: IndexReader) -> None:
        self._reader = reader

    def unknown(self, text: str, places: Sequence["regex.Match[str]"]) -> set[str]:
        """The words at these places that no passage has; what all languages take for a function word is none."""
        seen: list[tuple[int, int]] = []
        known: list[tuple[int, int]] = []
        for language in self._reader.languages_by_size:
            for term, start, end in analyzer(language).spans(text):
                seen.append((start, end))
                if (start, end) not in known and self._has(term, language):
                    known.append((start, end))
        words = {match["word"].lower() for match in places if _is_at(seen, match) and not _is_at(known, match)}
        words = {word for word in words if not self._passages(word)}
        return words - self._written_in_one(text) if words else words

    def _written_in_one(self, text: str) -> set[str]:
        """The words that passages have joined to their neighbour: flow and chart, where they have flowchart."""
        pairs = (pair for pair in neighbours(text.lower()) if self._passages("".join(pair)))
        return {word for pair in pairs for word in pair}

    def nearest(self, word: str, company: Rows) -> str | None:
        """The word with the fewest edits, a blank in it being one; of those alike one that is near in its own letters
        rather than in its stem's, then by _preference. None where there is none, or a function word is as near: then
        that was meant.

        company   slots of the passages that have another word of the query
        """
        for most in (1, 2):
            if len(word) < _LETTERS_FOR[most]:
                return None
            in_letters = _with_accents(word, self._found(self._reader.words_near(word, most=most)))
            for near in (in_letters, self._found(self._by_stem(word, most=most))):
                if not _function_words().isdisjoint(near):
                    return None
                if most == 1:
                    near.update(self._apart(word))
                if near:
                    return min(
                        near, key=lambda other: _preference(word, other, near[other], self._shared(other, company))
                    )
        return None

    def _found(self, words: Iterable[str]) -> dict[str, int]:
        """Those that passages have, and how many; function words, which count in none, with them."""
        counted = {word: self._passages(word) for word in words}
        return {word: passages for word, passages in counted.items() if passages or word in _function_words()}

    def _shared(self, word: str, company: Rows) -> int:
        """How many of these passages have the word."""
        return len(np.intersect1d(company, self.slots([word]))) if len(company) else 0

    def _apart(self, word: str) -> Iterator[tuple[str, int]]:
        """The word as two that stand side by side in passages, and how many have them so."""
        for at in range(2, len(word) - 1):
            parts = word[:at], word[at:]
            content = [part for part in parts if part not in _function_words()]
            if content and all(map(self._is_term, content)) and 0 < min(map(self._passages, content)) <= _READ:
                phrase = " ".join(parts)
                found = satisfying(self._reader, [Clause(phrase, is_phrase=True, is_excluded=False)])
                if found is not None and found.any():
                    yield phrase, int(found.sum())

    def _is_term(self, word: str) -> bool:
        """Whether any passage may have the word; less work than to count those that do."""
        terms = {term for language in self._reader.languages for term in analyzer(language).terms(word)}
        return any(map(self._reader.lexical.document_frequency, terms))

    def _by_stem(self, word: str, *, most: int) -> set[str]:
        """The words whose stems are near its own: other forms of what was meant."""
        near: set[str | None] = set()
        stems: dict[str, dict[str, int]] = {}
        for language in self._reader.languages:
            for term in analyzer(language).terms(word):
                if len(term) > _LETTERS_FOR[most]:
                    if term not in stems:
                        stems[term] = self._reader.stems_near(term, most=most)
                    near |= {self._written(stem, language) for stem in stems[term]}
        return {other for other in near if other is not None}

    def _written(self, stem: str, language: str) -> str | None:
        """The shortest word with this stem; its last letter may differ: polici, policy."""
        words = sorted(self._reader.words_beginning(stem[:-1]), key=lambda word: (len(word), word))
        return next((word for word in words if stem in self._terms(word, language)), None)

    def _terms(self, word: str, language: str) -> Collection[str]:
        return query_terms(word, analyzer(language)).keys()

    def slots(self, words: Iterable[str]) -> Rows:
        """The passages that have one of the words, ascending, deleted ones among them."""
        found = [
            slots[self._reader.language_of_row[slots] == number]
            for number, language in enumerate(self._reader.languages)
            for word in words
            for slots in map(self._reader.lexical.matching_slots, self._terms(word, language))
        ]
        return np.unique(np.concatenate(found)).astype(np.intp) if found else np.empty(0, np.intp)

    def _passages(self, word: str) -> int:
        return sum(
            max((self._count(term, language) for term in self._terms(word, language)), default=0)
            for language in self._reader.languages
        )

    def _has(self, term: str, language: str) -> bool:
        """Whether any passage of the language has a term of the query, which is remembered for the search."""
        is_only = len(self._reader.languages) == 1
        return term in self._reader.lexical and (is_only or self._count(term, language) > 0)

    def _count(self, term: str, language: str) -> int:
        """How many passages of the language have the term: in those of another, it may stand for another word."""
        lexical = self._reader.lexical
        if len(self._reader.languages) == 1:
            return lexical.document_frequency(term)
        slots = lexical.matching_slots(term)
        slots = slots[self._reader.language_of_row[slots] == self._reader.languages.index(language)]
        return len(slots) if self._reader.alive is None else int(self._reader.alive[slots].sum())


def _with_accents(word: str, near: dict[str, int]) -> dict[str, int]:
    """Of words that are alike accents aside: for a word with accents, those with the fewest edits when these count,
    since few type them by mistake; for one without, all, since many leave them out."""
    if not near or word == plain(word):
        return near
    others = [unicodedata.normalize("NFC", other) for other in near]
    edits = edit_distances(unicodedata.normalize("NFC", word), others, most=len(word)).tolist()
    return {other: near[other] for other, count in zip(near, edits, strict=True) if count == min(edits)}


def _preference(word: str, other: str, passages: int, shared: int) -> tuple[bool, bool, int, int, bool, int, str]:
    """What sorts the words alike in edits: first one with the same first letter, which is seldom wrong; one of two
    words that say something, in which no letter differs; the one that most passages have beside another word of the
    query; the one that most have; one with a blank; the shortest; the first in alphabetical order."""
    parts = other.split()
    says_something = len(parts) > 1 and _function_words().isdisjoint(parts)
    differs = plain(other[0]) != plain(word[0])
    return differs, not says_something, -shared, -passages, len(parts) == 1, len(other), other


def _is_at(spans: Sequence[tuple[int, int]], match: "regex.Match[str]") -> bool:
    """Whether one of the spans lies in the word."""
    first, last = match.span("word")
    return any(first <= start and end <= last for start, end in spans)


@cache
def _function_words() -> frozenset[str]:
    """Of all languages, in lower case."""
    return frozenset[str]().union(*map(stop_words, LANGUAGES))
