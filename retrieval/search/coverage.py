"""How much of a query passages have: the share of its words, each weighed by its idf."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.analysis import content_words, ignored_words
from retrieval.analysis.analyzer import JOINED
from retrieval.fusion import Scores
from retrieval.lexical.similarities import IDF
from retrieval.search.query import analyzer
from retrieval.segments.reader import IndexReader
from retrieval.topk import Rows

_CORRECTED = 0.5
"""What it counts for to have a word in the spelling that was searched for in place of the query's own."""

_PARTS = 0.6
"""What it counts for to have the parts of a word alone: get, max, batch and size of getMaxBatchSize."""

_PAIRED = 0.5
"""What it counts for to lack a pair of characters that shares one with another pair."""


class Word(NamedTuple):
    """A word or a name that is looked for: its term, those of its parts, and where it stands in the query."""

    term: str
    parts: tuple[str, ...]
    start: int
    end: int


def words_by_language(text: str, languages: tuple[str, ...]) -> dict[str, list[Word]]:
    """The words of a query, in each language; of function words alone, none.

    languages   those of the index, the most frequent first
    """
    return {
        language: [
            Word(word[0][0], tuple(term for term, _, _ in word[1:]), *word[0][1:])
            for word in content_words(text, analyzer(language), ignored=ignored)
        ]
        for language, ignored in ignored_words(text, languages).items()
    }


def known_share(reader: IndexReader, text: str) -> float:
    """The share, in [0, 1], of a query's words that any passage has; a word that none has weighs most. In the language
    that knows most of it; 1 for a query of function words alone.

    A question in another language than the passages' has a name or a number in common with them, and a word or two that
    mean something else there: that these are rare makes them no better evidence.
    """
    words = words_by_language(text, reader.languages_by_size).values()
    return max((float(_share(reader, of_language, None)[0]) for of_language in words if of_language), default=1.0)


def passage_shares(reader: IndexReader, words: list[Word], rows: Rows, *, corrected: frozenset[str]) -> Scores:
    """float64 [k], each in [0, 1]: the share of the words, of which there is one at least, that each passage has.

    corrected   the terms of words that stand in another spelling in the query
    """
    return _share(reader, words, rows, corrected=corrected)


def _share(
    reader: IndexReader, words: list[Word], rows: Rows | None, *, corrected: frozenset[str] = frozenset()
) -> Scores:
    """That of each of the passages; without any, that of all together. Never lower where more of the words are had."""
    idf = np.array([IDF["lucene"](reader.size, _passages(reader, word.term)) for word in words])
    has = np.array([_degree(reader, word, rows, corrected) for word in words])
    # Of Chinese and the like, a word is each pair of characters: those that share one with a pair that is had are not
    # unknown, and others that overlap count for half.
    overlaps = np.array([word.end > after.start for word, after in pairwise(words)], np.bool_)
    is_excused = np.zeros(has.shape, np.bool_)
    is_excused[1:] |= overlaps[:, None] & (has[:-1] > 0)
    is_excused[:-1] |= overlaps[:, None] & (has[1:] > 0)
    is_paired = np.append(overlaps, False) | np.append(False, overlaps)
    unknown = np.where(is_excused, 0.0, 1 - has) * np.where(is_paired, _PAIRED, 1.0)[:, None]
    known = idf @ has
    return np.asarray(known / (known + idf @ unknown))


def _degree(reader: IndexReader, word: Word, rows: Rows | None, corrected: frozenset[str]) -> Scores:
    """float64 [k], each in [0, 1]: how far the passages have a word."""
    has = _has(reader, word.term, rows).astype(np.float64)
    if word.parts:
        parts = np.mean([_has(reader, part, rows) for part in word.parts], axis=0)
        has = np.maximum(has, _PARTS * parts)
    return has * (_CORRECTED if word.term in corrected else 1.0)


def _has(reader: IndexReader, term: str, rows: Rows | None) -> NDArray[np.bool_]:
    """Which have the term, with hyphens in it or without."""
    if rows is None:
        return np.array([_passages(reader, term) > 0])
    solid = term.removeprefix(JOINED)
    return reader.lexical.occurs(solid, rows) | reader.lexical.occurs(JOINED + solid, rows)


def _passages(reader: IndexReader, term: str) -> int:
    solid = term.removeprefix(JOINED)
    return max(map(reader.lexical.document_frequency, (solid, JOINED + solid)))
