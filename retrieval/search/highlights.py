"""Which words of a passage match the query.

A passage is taken apart at its blanks. Most such pieces are words that many passages have, and few of them match: those
that do are found among the pieces that are known to have one of the query's terms.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

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
        self.language = language
        self._known: set[str] = set()
        self._by_term: defaultdict[str, set[str]] = defaultdict(set)

    @property
    def is_full(self) -> bool:
        return len(self._known) >= _KNOWN_PIECES

    def having(self, terms: Iterable[str], pieces: set[str]) -> set[str]:
        """Those of the pieces that have one of the terms, and those too long to be known."""
        for piece in (new := pieces - self._known):
            if len(piece) <= _LONGEST_WORD:
                for term in analyzer(self.language).terms(piece):
                    self._by_term[term].add(piece)
                self._known.add(piece)  # last: for other threads, which need not look at it then
        long = {piece for piece in new if len(piece) > _LONGEST_WORD}
        return long.union(*(pieces & self._by_term[term] for term in terms if term in self._by_term))


_met: dict[str, _Pieces] = {}


def _pieces(language: str) -> _Pieces:
    """Those met so far, or where these are many, none: to begin again."""
    pieces = _met.get(language)
    if pieces is None or pieces.is_full:
        pieces = _met[language] = _Pieces(language)
    return pieces


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
