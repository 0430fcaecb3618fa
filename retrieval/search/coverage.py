"""Coverage: the share of a query's words that a passage has, or that any has, each weighed by its idf."""

from collections.abc import Collection, Iterator
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


def _words(text: str, language: str, ignored: Collection[str]) -> Iterator[Word]:
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
    """That of each of the passages; without any, that of all together."""
    known = np.zeros(1 if rows is None else len(rows))
    unknown, counted = known.copy(), known.copy()  # the last: up to which character
    for word in words:
        forms = _known_forms(reader, (word.term, *word.others))
        has = _has(reader, forms, rows).astype(np.float64)
        if word.parts:
            parts = [_has(reader, _known_forms(reader, (part,)), rows) for part in word.parts]
            has = np.maximum(has, _PARTS * np.mean(parts, axis=0))
        if word.term in corrected:
            has *= _CORRECTED
        idf = IDF["lucene"](reader.size, max(map(reader.lexical.document_frequency, forms), default=0))
        # Of Chinese and the like, a word is each pair of characters: what a pair before has counted, is not unknown.
        counts = (has > 0) | (word.start >= counted)
        known += idf * has
        unknown += idf * (1 - has) * counts
        counted[counts] = word.end
    return known / (known + unknown)


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
