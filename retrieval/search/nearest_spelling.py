"""Which word of the passages is spelled most like one that none of them has."""

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np
import regex

from retrieval.analysis.analyzer import LANGUAGES
from retrieval.analysis.query_terms import neighbours, query_terms
from retrieval.analysis.stopwords import stop_words
from retrieval.search.clauses import Mask, satisfying
from retrieval.search.operators import Clause
from retrieval.search.query import analyzer
from retrieval.segments.edit_distance import edit_distances
from retrieval.segments.reader import IndexReader
from retrieval.segments.words import plain

LETTERS_FOR = {1: 4, 2: 8}
"""So many letters has a word, at least, for so many edits, and a stem one more: of shorter ones, too many are near."""

_READ = 1000
"""Passages that are read at most, to see whether two words stand side by side in them."""


class Company(Protocol):
    """The passages that have one of some words."""

    def any(self) -> Any:
        """Whether there are any."""
        ...

    def __or__(self, other: Any, /) -> Any:
        """Those of either."""
        ...


class Languages:
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

    def nearest(self, word: str, company: Company) -> str | None:
        """The word with the fewest edits, a blank in it being one; of those alike one that is near in its own letters
        rather than in its stem's, then by _preference. None where there is none, or a function word is as near: then
        that was meant.

        company   the passages that have another word of the query
        """
        for most in (1, 2):
            if len(word) < LETTERS_FOR[most]:
                return None
            for look_up in (self._reader.words_near, self._by_stem):
                near = _with_accents(word, self._found(look_up(word, most=most)))
                if not all_function_words().isdisjoint(near):
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
        return {word: passages for word, passages in counted.items() if passages or word in all_function_words()}

    def _shared(self, word: str, company: Any) -> int:
        """How many of these passages have the word."""
        return int((company & self.having([word])).sum()) if company.any() else 0

    def _apart(self, word: str) -> Iterator[tuple[str, int]]:
        """The word as two that stand side by side in passages, and how many have them so."""
        for at in range(2, len(word) - 1):
            parts = word[:at], word[at:]
            content = [part for part in parts if part not in all_function_words()]
            if content and all(map(self._is_term, content)) and 0 < min(map(self._passages, content)) <= _READ:
                phrase = " ".join(parts)
                if count := self._side_by_side(phrase):
                    yield phrase, count

    def _side_by_side(self, phrase: str) -> int:
        """How many passages have these words in a row."""
        found = satisfying(self._reader, [Clause(phrase, is_phrase=True, is_excluded=False)])
        return int(found.sum()) if found is not None else 0

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
                if len(term) > LETTERS_FOR[most]:
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

    def having(self, words: Iterable[str]) -> Company:
        """bool [slots]: the passages that have one of the words, deleted ones among them."""
        found: Mask = np.zeros(self._reader.slots, np.bool_)
        for word in words:
            for number, language in enumerate(self._reader.languages):
                for slots in map(self._reader.lexical.matching_slots, self._terms(word, language)):
                    found[slots[self._reader.language_of_row[slots] == number]] = True
        return found

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
    says_something = len(parts) > 1 and all_function_words().isdisjoint(parts)
    differs = plain(other[0]) != plain(word[0])
    return differs, not says_something, -shared, -passages, len(parts) == 1, len(other), other


def _is_at(spans: Sequence[tuple[int, int]], match: "regex.Match[str]") -> bool:
    """Whether one of the spans lies in the word."""
    first, last = match.span("word")
    return any(first <= start and end <= last for start, end in spans)


@cache
def all_function_words() -> frozenset[str]:
    """Of all languages, in lower case."""
    return frozenset[str]().union(*map(stop_words, LANGUAGES))
