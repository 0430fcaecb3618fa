"""A query -> the terms to look for, each with its weight, in texts of one language."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from retrieval.analysis.analyzer import JOINED, Analyzer
from retrieval.analysis.capitals import CONNECTIVES
from retrieval.analysis.folding import fold_case
from retrieval.analysis.number_forms import other_forms
from retrieval.analysis.stopwords import function_words

_PART = 0.6
"""Of a part of a word: kg in 10kg, wi in wi-fi."""

_WITH_PARTS, _LEAST = 1.7, 0.5
"""Of wi-fi, where the query has it with its hyphen, together with its parts: less than two words; and of it alone, at
least."""

_SOLID, _HYPHENATED = 0.9, 0.8
"""Of wifi, where the query has wi-fi; and the other way round: what is written as in the query weighs most."""

_OTHER_FORM = 0.6
"""Of 2024-03-14, where the query has 14.03.2024."""

_APART = 0.4
"""Of two words as one: signoff, where the query has sign off."""

_ACRONYM, _MOST_WORDS = 0.3, 4
"""Of IT, where the query has it and no other function word; and how many words such a query has at most: a question has
more."""

_PLAIN = Analyzer("none")

Span = tuple[str, int, int]

_NEIGHBOURS = re.compile(r"(?<![^\s(])(?=((?:[^\W\d_]+) [^\W\d_]+)(?![^\s?!.,;:)]))")
_DIGITS = re.compile(r"(?<!\S)\d+(?: \d+)+(?!\S)")


def query_terms(text: str, analyzer: Analyzer, *, ignored: frozenset[str] = frozenset()) -> Mapping[str, float]:
    """term -> weight. A word that stands in the query more than once weighs as often.

    ignored   words that are not looked for, in lower case
    """
    weights: defaultdict[str, float] = defaultdict(float)
    for word in content_words(text, analyzer, ignored=ignored):
        parts = sum(not term.startswith(JOINED) for term, _, _ in word)
        for number, (term, _, _) in enumerate(word):
            weight = _PART if number else 1.0
            if not term.startswith(JOINED):
                weights[term] += weight
                weights[JOINED + term] += _HYPHENATED * weight
                continue
            solid = term.removeprefix(JOINED)
            weight *= max(_LEAST, _WITH_PARTS - _PART * parts)
            weights[term] += weight
            # KB5034441 has the parts of KB-5034441 as well, wifi has not those of wi-fi.
            weights[solid] += _SOLID * (1 if solid.isalpha() else weight)
    for term, _, _ in _joined_neighbours(text, analyzer, ignored):
        weights[term] = max(weights[term], _APART)
    for term, _, _ in other_forms(text):
        weights[term] = max(weights[term], _OTHER_FORM)
    acronym, weight = _acronym(text, analyzer.language, alone=not weights)
    if acronym and acronym not in weights:
        weights[acronym], weights[JOINED + acronym] = weight, _HYPHENATED * weight
    return dict(weights)


@lru_cache(maxsize=256)
def content_words(
    text: str, analyzer: Analyzer, *, ignored: frozenset[str] = frozenset()
) -> tuple[tuple[Span, ...], ...]:
    """Of each word or name that is looked for, its terms, those of its parts last, and where each stands.

    A search asks for them twice: for what to look for, and for what passages cover.

    ignored   as in `query_terms`
    """
    words = (
        tuple(
            (term, start, end)
            for term, start, end in word
            if term not in CONNECTIVES and (term.isupper() or fold_case(text[start:end]) not in ignored)
        )
        for word in _words(analyzer.spans(text))
    )
    return tuple(filter(None, words))


def written_otherwise(text: str, analyzer: Analyzer, *, ignored: frozenset[str] = frozenset()) -> list[Span]:
    """The terms that texts have in place of words of the query, and where those stand: dates and times in other forms,
    and two words in one.

    ignored   as in `content_words`
    """
    return [*_joined_neighbours(text, analyzer, ignored), *other_forms(text)]


def _acronym(text: str, language: str, *, alone: bool) -> tuple[str, float]:
    """What the one function word of a short query may stand for, and its weight: IT, for it support; or "".

    alone   whether the query has nothing else
    """
    words = _PLAIN.terms(text)
    spelled_alike = [word for word in words if word in function_words(language)]
    if len(spelled_alike) != 1 or len(words) > _MOST_WORDS:
        return "", 0.0
    return spelled_alike[0].upper(), 1.0 if alone else _ACRONYM


def _words(spans: Iterable[Span]) -> Iterator[list[Span]]:
    """The terms in groups: a word or a name, and what lies within it."""
    word: list[Span] = []
    for span in spans:
        if word and span[2] > word[0][2]:
            yield word
            word = []
        word.append(span)
    if word:
        yield word


def neighbours(text: str) -> Iterator[tuple[str, str]]:
    """Each two words that have nothing but a blank between them, and that some may write in one."""
    for match in _NEIGHBOURS.finditer(text):
        first, second = match[1].split(" ")
        yield first, second


@lru_cache(maxsize=256)
def _joined_neighbours(text: str, analyzer: Analyzer, ignored: frozenset[str]) -> tuple[Span, ...]:
    """Two words that some write in one, of which the first is no function word; and groups of digits."""
    joined: list[Span] = []
    for match in _NEIGHBOURS.finditer(text):
        first, second = match[1].split(" ")
        if not CONNECTIVES & {first, second} and fold_case(first) not in ignored and analyzer.terms(first):
            whole = analyzer.terms(first + second)[:1]  # NewYork has new and york as well
            joined += [(term, *match.span(1)) for term in whole]
    joined += [(match[0].replace(" ", ""), *match.span()) for match in _DIGITS.finditer(text)]
    return tuple(joined)
