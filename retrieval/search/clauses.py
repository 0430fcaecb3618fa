"""Which chunks satisfy a query's operators. Postings name the few that can; the text of those decides."""

import unicodedata
from collections.abc import Sequence

import numpy as np
import regex
from numpy.typing import NDArray

from retrieval.context import contextualize
from retrieval.search.operators import Clause
from retrieval.search.query import analyzer
from retrieval.storage.snapshot import Snapshot

Mask = NDArray[np.bool_]

_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
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
    """A single word is there if its terms are, whatever its ending; a phrase if its very words stand in a row."""
    found = np.zeros(snapshot.size, dtype=np.bool_)
    for number, language in enumerate(snapshot.languages):
        rows = snapshot.language_of_row == number
        terms = set(analyzer(language).terms(clause.text))
        for term in terms:
            # The postings have pairs of characters, so that one alone of an unspaced script is not among them.
            if not regex.fullmatch(_UNSPACED, term):
                rows &= snapshot.lexical.matching([term])
        found |= rows if terms and not _is_literal(clause) else _with_words(snapshot, rows, clause.text)
    return found


def _is_literal(clause: Clause) -> bool:
    """Pairs of characters may all be there without standing in a row."""
    return clause.is_phrase or bool(regex.search(_UNSPACED, clause.text))


def _with_words(snapshot: Snapshot, rows: Mask, phrase: str) -> Mask:
    """Those of the rows that contain the phrase, whatever case, accents, white space and punctuation between words."""
    words = regex.findall(r"[\p{L}\p{M}\p{N}]+", _fold(phrase))
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
    return text.lower() if text.isascii() else _MARKS.sub("", unicodedata.normalize("NFKD", text.casefold()))
