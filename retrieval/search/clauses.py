"""Which chunks satisfy a query's operators. Postings name the few that can; the text of those decides."""

import unicodedata
from collections.abc import Sequence

import numpy as np
import regex
from numpy.typing import NDArray

from retrieval.analysis.identifiers import CAPITALS
from retrieval.context import contextualize
from retrieval.search.operators import Clause
from retrieval.search.query import analyzer
from retrieval.storage.snapshot import Snapshot

Mask = NDArray[np.bool_]

_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_CAPITALS = regex.compile(CAPITALS)
_MARKS = regex.compile(r"\p{Mn}+")


def satisfying(snapshot: Snapshot, clauses: Sequence[Clause]) -> Mask | None:
    """bool [n]: the chunks that contain every required clause and none that is excluded, in their text or in the title
    and headings above it; None where nothing is demanded."""
    if not clauses:
        return None
    allowed = np.ones(snapshot.size, dtype=np.bool_)
    for clause in clauses:
        found = _containing(snapshot, clause)
        allowed &= ~found if clause.is_excluded else found
    return allowed


def _containing(snapshot: Snapshot, clause: Clause) -> Mask:
    """A single word is there if its term is, whatever its ending; a phrase, and a name of several words or characters,
    if its very words stand in a row."""
    found = np.zeros(snapshot.size, dtype=np.bool_)
    for number, language in enumerate(snapshot.languages):
        rows = snapshot.language_of_row == number
        spans = analyzer(language).spans(clause.text)
        for term in _smallest(spans):
            # The postings have pairs of characters, so that one alone of an unspaced script is not among them.
            if not regex.fullmatch(_UNSPACED, term):
                rows &= snapshot.lexical.matching([term])
        is_word = len(spans) == 1 and not clause.is_phrase and not regex.search(_UNSPACED, clause.text)
        found |= rows if is_word else _with_words(snapshot, rows, clause.text)
    return found


def _smallest(spans: Sequence[tuple[str, int, int]]) -> set[str]:
    """The terms that contain no other: a name may be part of a longer one, which is another term as a whole."""
    return {
        term
        for at, (term, start, end) in enumerate(spans)
        if not any(start <= one and other <= end for _, one, other in (*spans[:at], *spans[at + 1 :]))
    }


def _with_words(snapshot: Snapshot, rows: Mask, phrase: str) -> Mask:
    """Those of the rows that contain the phrase, whatever case, accents, and what is between the words: white space,
    punctuation, or, as in parseHttpResponse, a capital."""
    words = regex.findall(r"[\p{L}\p{M}\p{N}]+", _fold(phrase))
    if not words:
        return np.zeros(snapshot.size, dtype=np.bool_)
    begins = "" if regex.match(_UNSPACED, words[0]) else r"(?<![\p{L}\p{N}])"
    ends = "" if regex.match(_UNSPACED, words[-1][-1]) else r"(?![\p{L}\p{N}])"
    pattern = regex.compile(begins + r"[^\p{L}\p{N}]+".join(map(regex.escape, words)) + ends)
    found = np.zeros(snapshot.size, dtype=np.bool_)
    for row in np.flatnonzero(rows).tolist():
        chunk = snapshot.chunk(row)
        text = contextualize(chunk.title, chunk.headings, chunk.text, enabled=snapshot.context_header)
        found[row] = pattern.search(_fold(text)) is not None
    return found


def _fold(text: str) -> str:
    text = _CAPITALS.sub(" ", text)
    return text.lower() if text.isascii() else _MARKS.sub("", unicodedata.normalize("NFKD", text.casefold()))
