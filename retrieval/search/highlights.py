"""Which words of a passage match the query.

A passage is taken apart at its blanks. Most such pieces are words that many passages have, and few of them match: those
that do are found among the pieces that are known to have one of the query's terms.
"""

from collections.abc import Collection, Iterable, Iterator
from functools import cache

from retrieval.search.query import analyzer

_KNOWN_PIECES, _LONGEST_WORD = 1 << 15, 40
"""How many words, with the punctuation around them, have their terms remembered, and of how many characters."""

Spans = list[tuple[int, int]]


class Highlighter:
    """Marks the words that match one of the query's terms, in texts of one language."""

    def __init__(self, terms: Collection[str], language: str) -> None:
        self._terms = terms
        self._language = language
        self._marks: dict[str, Spans] = {}

    def spans(self, text: str) -> tuple[tuple[int, int], ...]:
        """(start, end) of each word, in order, none within another."""
        if not self._terms:
            return ()
        return tuple(
            sorted(
                (at + start, at + end)
                for piece in _pieces(self._language).having(self._terms, set(text.split()))
                for at in _places(piece, text)
                for start, end in self._marks_of(piece)
            )
        )

    def _marks_of(self, piece: str) -> Spans:
        if piece not in self._marks:
            self._marks[piece] = []
            for term, start, end in analyzer(self._language).spans(piece):
                if term in self._terms:
                    _append(self._marks[piece], start, end)
        return self._marks[piece]


class _Pieces:
    """The pieces of one language that were met so far, by their terms. Threads may share it."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._met: tuple[set[str], dict[str, set[str]]] = set(), {}

    def having(self, terms: Iterable[str], pieces: set[str]) -> set[str]:
        """Those of the pieces that have one of the terms, and those too long to be known."""
        known, by_term = self._met
        for piece in (new := pieces - known):
            if len(piece) <= _LONGEST_WORD:
                for term in analyzer(self._language).terms(piece):
                    by_term.setdefault(term, set()).add(piece)
                known.add(piece)  # last: for other threads, which need not look at it then
        if len(known) >= _KNOWN_PIECES:
            self._met = set(), {}
        long = {piece for piece in new if len(piece) > _LONGEST_WORD}
        return long.union(*(pieces & by_term[term] for term in terms if term in by_term))


@cache
def _pieces(language: str) -> _Pieces:
    return _Pieces(language)


def _places(piece: str, text: str) -> Iterator[int]:
    """Where the piece stands between blanks."""
    at = text.find(piece)
    while at >= 0:
        end = at + len(piece)
        if not (text[at - 1 : at].strip() or text[end : end + 1].strip()):
            yield at
        at = text.find(piece, end)


def _append(spans: Spans, start: int, end: int) -> None:
    """The next span; in CJK, where pairs of characters overlap, into one with the last."""
    if spans and start < spans[-1][1]:
        spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
    else:
        spans.append((start, end))
