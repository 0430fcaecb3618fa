"""A query of function words alone, which the postings do not have: to be or not to be. The texts are read instead."""

import math
import re
from collections.abc import Callable, Iterator

import numpy as np

from retrieval.analysis.stopwords import all_function_words
from retrieval.fusion import Scores
from retrieval.search.query import Query, analyzer
from retrieval.segments.reader import IndexReader
from retrieval.topk import Mask, Rows

_WORD = re.compile(r"\w+")

_READ = 200
"""Texts that are read where the query has a vector, the nearest ones, in .5 ms; else all are, 100 MB in .5 s."""

_PLAIN_WORD = re.compile(r"(?<!\S)[a-z]+(?!\S)")
"""A word that all languages take as it is."""

_LIKE_ASCII = "\u017f\u212a\u0131\u0130"
"""Letters that are s, k and i to a pattern that ignores case, but not in lower case."""


def has_function_words_alone(query: Query, language: str) -> bool:
    """Whether the query has words, and none that texts of this language are indexed by."""
    if not all_function_words().issuperset(_PLAIN_WORD.findall(query.text)):  # nearly all queries
        return False
    return not analyzer(language).terms(query.text) and _WORD.search(query.text) is not None


def phrase_scores(
    reader: IndexReader, query: Query, matching: Mask, near: Callable[[int], Rows | None]
) -> tuple[Scores, Mask] | None:
    """float64 [slots] and bool [slots]: the score of the chunks that have the query's words in a row, in the languages
    in which these are function words, and whether they have; None where there is no such language.

    matching   bool [slots]: the chunks that have one of the query's terms, perhaps an acronym; a language that has any
               is not looked through
    near       so many of the rows that are nearest to the query; None where it has no vector
    """
    rows = np.zeros(reader.slots, dtype=np.bool_)
    for number, language in enumerate(reader.languages):
        if has_function_words_alone(query, language):
            of_language = reader.language_of_row == number
            rows |= of_language if not matching[of_language].any() else False
    rows[reader.dead] = False
    if not rows.any():
        return None
    found = _with_phrase(reader, rows, near(_READ), query.text)
    scores = np.zeros(reader.slots)
    if found.any():
        # The idf of a term that these chunks have, less the longer they are: how often they have it is not counted.
        count, lengths = int(found.sum()), np.maximum(reader.tokens_of_row[found], 1)
        scores[found] = math.log(1 + (reader.size - count + 0.5) / (count + 0.5)) / (1 + lengths / lengths.mean())
    return scores, found


def phrase_spans(phrase: str, text: str) -> tuple[tuple[int, int], ...]:
    """(start, end) of each place where the words of the phrase, of which it has one at least, stand in a row."""
    return tuple(match.span() for match in _pattern(phrase).finditer(text))


def _with_phrase(reader: IndexReader, rows: Mask, near: Rows | None, phrase: str) -> Mask:
    """Those of the rows that have the phrase in their text; of those near alone, unless that is None."""
    has_phrase = phrase_finder(phrase)
    found = np.zeros(reader.slots, dtype=np.bool_)
    for row in _likely(reader, phrase) if near is None else near.tolist():
        found[row] = rows[row] and has_phrase(reader.text(row))
    return found


def phrase_finder(phrase: str) -> Callable[[str], bool]:
    """Whether a text has the phrase. In lower case it is found thirty times faster, since it begins with a letter."""
    exact = _pattern(phrase)
    if not phrase.isascii():
        return lambda text: exact.search(text) is not None
    quick = re.compile(r"\W+".join(_WORD.findall(phrase.lower())))

    def has(text: str) -> bool:
        is_possible = quick.search(text.lower()) or (not text.isascii() and any(map(text.count, _LIKE_ASCII)))
        return bool(is_possible) and exact.search(text) is not None

    return has


def _likely(reader: IndexReader, phrase: str) -> Iterator[int]:
    """The rows whose texts have the phrase, and perhaps some more."""
    pattern = _pattern_of_bytes(phrase)
    for segment, start in zip(reader.segments, reader.starts, strict=False):
        yield from (start + at for at in segment.rows_with(pattern))


def _pattern(phrase: str) -> re.Pattern[str]:
    words = map(re.escape, _WORD.findall(phrase))
    return re.compile(r"(?<!\w)" + r"\W+".join(words) + r"(?!\w)", re.IGNORECASE)


def _pattern_of_bytes(phrase: str) -> re.Pattern[bytes]:
    """Matches wherever UTF-8 text has the phrase, and rarely elsewhere: bytes are searched five times faster.

    Only ASCII tells in bytes where a word ends. Of another phrase the longest word alone is looked for: what may stand
    between words would match other words too, and the search take time without bounds.
    """
    words = [b"".join(map(_any_case, word)) for word in _WORD.findall(phrase)]
    return re.compile(rb"[^A-Za-z0-9_]++".join(words) if phrase.isascii() else max(words, key=len))


def _any_case(character: str) -> bytes:
    forms = sorted({form.encode() for form in (character, character.lower(), character.upper())})
    return b"(?:" + b"|".join(map(re.escape, forms)) + b")"
