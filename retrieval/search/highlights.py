"""Which words of a passage match the query."""

from collections.abc import Collection, Sequence
from functools import lru_cache

from retrieval.search.query import analyzer

_KNOWN_PIECES, _LONGEST_WORD = 1 << 14, 40
"""How many words, with the punctuation around them, have their terms remembered, and of how many characters."""

Spans = Sequence[tuple[int, int]]


class Highlighter:
    """Marks the words that match one of the query's terms, in texts of one language.

    A passage is taken apart at its blanks, and what such a piece has to mark is worked out once for all passages.
    """

    def __init__(self, terms: Collection[str], language: str) -> None:
        self._terms = terms
        self._language = language
        self._known: dict[str, Spans] = {}

    def spans(self, text: str) -> tuple[tuple[int, int], ...]:
        """(start, end) of each word, in order, none within another."""
        found: list[tuple[int, int]] = []
        end = 0
        for piece in text.split() if self._terms else ():
            start = text.index(piece, end)
            end = start + len(piece)
            matching = self._known.get(piece)
            if matching is None:
                matching = self._known[piece] = self._matching(piece)
            for first, last in matching:
                found.append((start + first, start + last))
        return tuple(found)

    def _matching(self, piece: str) -> Spans:
        is_word = len(piece) <= _LONGEST_WORD
        spans: list[tuple[int, int]] = []
        for term, start, end in _terms(piece, self._language) if is_word else analyzer(self._language).spans(piece):
            if term not in self._terms:
                continue
            if spans and start < spans[-1][1]:
                spans[-1] = (spans[-1][0], max(end, spans[-1][1]))  # CJK pairs overlap
            else:
                spans.append((start, end))
        return spans


@lru_cache(maxsize=_KNOWN_PIECES)
def _terms(piece: str, language: str) -> tuple[tuple[str, int, int], ...]:
    return tuple(analyzer(language).spans(piece))
