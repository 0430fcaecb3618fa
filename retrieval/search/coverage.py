"""Coverage: the share of a query's words that a passage has, or that any has, each weighed by its idf."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.analysis import content_words, ignored_words, written_otherwise
from retrieval.analysis.analyzer import JOINED
from retrieval.analysis.requests import asking
from retrieval.fusion import Scores
from retrieval.lexical.similarities import IDF
from retrieval.search.query import analyzer
from retrieval.segments.reader import IndexReader
from retrieval.topk import Rows

_CORRECTED = 0.6
"""What it counts for to have a word in the spelling that was searched for in place of the query's own."""

_PARTS = 0.6
"""What it counts for to have the parts of a word alone: get, max, batch and size of getMaxBatchSize."""

_PAIRED = 0.5
"""What it counts for to lack a pair of characters that shares one with another pair."""


class Word(NamedTuple):
    """A word or a name that is looked for: its term, those that texts may have in its place, those of its parts, and
    where it stands in the query."""

    term: str
    others: tuple[str, ...]
    parts: tuple[str, ...]
    start: int
    end: int


def words_by_language(text: str, languages: tuple[str, ...]) -> dict[str, list[Word]]:
    """The words of a query, in each language; of function words alone, none. Words that ask ("please tell me") are left
    out, unless there are no others.

    languages   those of the index, the most frequent first
    """
    phrases = asking(text)
    words = {
        language: list(_words(text, language, ignored)) for language, ignored in ignored_words(text, languages).items()
    }
    return {language: _without(phrases, found) or found for language, found in words.items()} if phrases else words


def _without(phrases: list[tuple[int, int]], words: list[Word]) -> list[Word]:
    return [word for word in words if not any(start <= word.start and word.end <= end for start, end in phrases)]


def _words(text: str, language: str, ignored: frozenset[str]) -> Iterator[Word]:
    otherwise = written_otherwise(text, analyzer(language), ignored=ignored)
    for (term, start, end), *parts in content_words(text, analyzer(language), ignored=ignored):
        others = tuple(other for other, first, last in otherwise if first <= start and end <= last)
        yield Word(term, others, tuple(part for part, _, _ in parts), start, end)


def index_coverage(reader: IndexReader, text: str) -> float:
    """The share, in [0, 1], of a query's words that any passage has; a word that none has weighs most. In the language
    that knows most of it; 1 for a query of function words alone.

    A question in another language than the passages' has a name or a number in common with them, and a word or two that
    mean something else there: that these are rare makes them no better evidence.
    """
    words = words_by_language(text, reader.languages_by_size).values()
    return max((float(_coverage(reader, of_language, None)[0]) for of_language in words if of_language), default=1.0)


def passage_coverage(reader: IndexReader, words: list[Word], rows: Rows, *, corrected: frozenset[str]) -> Scores:
    """float64 [k], each in [0, 1]: the share of the words, of which there is one at least, that each passage has.

    corrected   the terms of words that stand in another spelling in the query
    """
    return _coverage(reader, words, rows, corrected=corrected)


def _coverage(
    reader: IndexReader, words: list[Word], rows: Rows | None, *, corrected: frozenset[str] = frozenset()
) -> Scores:
    """That of each of the passages; without any, that of all together. Never lower where more of the words are had."""
    forms = [_known_forms(reader, (word.term, *word.others)) for word in words]
    passages = (max(map(reader.lexical.document_frequency, known), default=0) for known in forms)
    idf = np.array([IDF["lucene"](reader.size, count) for count in passages])
    has = np.array([_degree(reader, word, known, rows, corrected) for word, known in zip(words, forms, strict=True)])
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


def _degree(reader: IndexReader, word: Word, known: list[str], rows: Rows | None, corrected: frozenset[str]) -> Scores:
    """float64 [k], each in [0, 1]: how far the passages have a word, of whose forms some are known."""
    has = _has(reader, known, rows).astype(np.float64)
    if word.parts:
        parts = [_has(reader, _known_forms(reader, (part,)), rows) for part in word.parts]
        has = np.maximum(has, _PARTS * np.mean(parts, axis=0))
    return has * (_CORRECTED if word.term in corrected else 1.0)


def _known_forms(reader: IndexReader, terms: tuple[str, ...]) -> list[str]:
    """The terms, with hyphens in them and without, that some passage has."""
    solid = [term.removeprefix(JOINED) for term in terms]
    forms = (*solid, *(JOINED + term for term in solid))
    return [form for form in forms if reader.lexical.document_frequency(form)]


def _has(reader: IndexReader, known: list[str], rows: Rows | None) -> NDArray[np.bool_]:
    """Which have one of these terms, which some passage has."""
    if rows is None:
        return np.array([bool(known)])
    if len(known) == 1:  # nearly all
        return reader.lexical.occurs(known[0], rows)
    has = np.zeros(len(rows), np.bool_)
    for form in known:
        has |= reader.lexical.occurs(form, rows)
    return has
