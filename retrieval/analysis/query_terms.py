"""A query -> the terms to look for, each with its weight, in texts of one language."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from retrieval.analysis.analyzer import JOINED, Analyzer
from retrieval.analysis.folding import fold_case

_PART = 0.6
"""Of a part of a word: kg in 10kg, wi in wi-fi."""

_WITH_PARTS, _LEAST = 1.7, 0.5
"""Of wi-fi, where the query has it with its hyphen, together with its parts: less than two words; and of it alone, at
least."""

_SOLID, _HYPHENATED = 0.9, 0.8
"""Of wifi, where the query has wi-fi; and the other way round: what is written as in the query weighs most."""

_APART = 0.4
"""Of two words as one: signoff, where the query has sign off."""

_PLAIN = Analyzer("none")

Span = tuple[str, int, int]

_NEIGHBOURS = re.compile(r"(?<![^\s(])(?=((?:[^\W\d_]+) [^\W\d_]+)(?![^\s?!.,;:)]))")
_DIGITS = re.compile(r"(?<!\S)\d+(?: \d+)+(?!\S)")


def query_terms(text: str, analyzer: Analyzer, *, ignored: Collection[str] = ()) -> Mapping[str, float]:
    """term -> weight. A word that stands in the query more than once weighs as often.

    ignored   words that are not looked for, in lower case
    """
    weights: defaultdict[str, float] = defaultdict(float)
    for word in _words(analyzer.spans(text)):
        wanted = [term for term, start, end in word if term.isupper() or fold_case(text[start:end]) not in ignored]
        for number, term in enumerate(wanted):
            weight = _PART if number else 1.0
            if not term.startswith(JOINED):
                weights[term] += weight
                weights[JOINED + term] += _HYPHENATED * weight
                continue
            solid = term.removeprefix(JOINED)
            weight *= max(_LEAST, _WITH_PARTS - _PART * sum(not other.startswith(JOINED) for other in wanted))
            weights[term] += weight
            # KB5034441 has the parts of KB-5034441 as well, wifi has not those of wi-fi.
            weights[solid] += _SOLID * (1 if solid.isalpha() else weight)
    for term in _joined_neighbours(text, analyzer, ignored):
        weights[term] = max(weights[term], _APART)
    return dict(weights) or _acronym(text, analyzer)


def _acronym(text: str, analyzer: Analyzer) -> dict[str, float]:
    """A function word that is all the query has, as the acronym that it may be spelled like: WHO, for who."""
    words = _PLAIN.terms(text)
    if len(words) != 1 or analyzer.language == "none":
        return {}
    acronym = words[0].upper()
    return {acronym: 1.0, JOINED + acronym: _HYPHENATED}


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


def _joined_neighbours(text: str, analyzer: Analyzer, ignored: Collection[str]) -> Iterator[str]:
    """Two words that some write in one, of which the first is no function word; and groups of digits."""
    for match in _NEIGHBOURS.finditer(text):
        first, second = match[1].split(" ")
        if fold_case(first) not in ignored and analyzer.terms(first):
            yield from analyzer.terms(first + second)
    for match in _DIGITS.finditer(text):
        yield match[0].replace(" ", "")
