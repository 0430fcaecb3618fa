"""Which chunks satisfy a query's operators. Postings name the few that can; the text of those decides."""

import unicodedata
from collections.abc import Sequence

import numpy as np
import regex
from numpy.typing import NDArray

from retrieval.analysis.analyzer import JOINED
from retrieval.analysis.identifiers import CAPITALS, SYMBOLS
from retrieval.context import embedded_text
from retrieval.search.operators import Clause
from retrieval.search.query import analyzer
from retrieval.segments.reader import IndexReader
from retrieval.time_limit import check_time

Mask = NDArray[np.bool_]

_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\u30FC]"
_BREAKABLE = regex.compile(rf"(?<={_UNSPACED})(?={_UNSPACED})")
_LINE_BREAK = r"[^\S\n]*\n[^\S\n]*"
_SPELLED = r"\p{L}\p{M}\p{N}"
_WORD = regex.compile(rf"[{_SPELLED}]+(?P<symbols>{SYMBOLS})?")
_CAPITALS = regex.compile(CAPITALS)
# Soft hyphen, zero-width joiners, word joiner, variation selectors.
_INVISIBLE = regex.compile(r"[\u00AD\u200C\u200D\u2060\uFE00-\uFE0F\U000E0100-\U000E01EF]+")
# Those that readers may leave out. In other scripts the marks spell the word: vowel signs, the voicing of kana.
_ACCENTS = regex.compile(r"[\p{Latin}\p{Greek}\p{Cyrillic}\p{Hebrew}\p{Arabic}]\K\p{Mn}+")


def satisfying(reader: IndexReader, clauses: Sequence[Clause]) -> Mask | None:
    """bool [n]: the chunks that contain every required clause and none that is excluded, in their text or in the title
    and headings above it; None where nothing is demanded."""
    if not clauses:
        return None
    allowed = np.ones(reader.slots, dtype=np.bool_)
    allowed[reader.dead] = False
    for clause in clauses:
        found = _containing(reader, clause)
        allowed &= ~found if clause.is_excluded else found
    return allowed


def _containing(reader: IndexReader, clause: Clause) -> Mask:
    """A single word is there if its term is, whatever its ending; a phrase, and a name of several words or characters,
    if its very words stand in a row."""
    found = np.zeros(reader.slots, dtype=np.bool_)
    for number, language in enumerate(reader.languages):
        rows = reader.language_of_row == number
        rows[reader.dead] = False
        spans = analyzer(language).spans(clause.text)
        for term in _smallest(spans):
            # A phrase is found in capitals and without.
            if clause.is_phrase and term.isupper():
                continue
            # The postings have pairs of characters, so that one alone of an unspaced script is not among them.
            if regex.fullmatch(_UNSPACED, term):
                continue
            has_term = np.zeros(reader.slots, dtype=np.bool_)
            for form in (term, JOINED + term):  # wifi, wi-fi
                has_term[reader.lexical.matching_slots(form)] = True
            if regex.match(_UNSPACED, term):
                has_term |= _with_broken(reader, rows & ~has_term, term)
            rows &= has_term
        is_word = len(spans) == 1 and not clause.is_phrase and not regex.search(_UNSPACED, clause.text)
        found |= rows if is_word else _with_words(reader, rows, clause.text)
    return found


def _smallest(spans: Sequence[tuple[str, int, int]]) -> set[str]:
    """The terms that contain no other: a name may be part of a longer one, which is another term as a whole."""
    return {
        term
        for at, (term, start, end) in enumerate(spans)
        if not any(
            start <= one and other <= end and (start, end) != (one, other)
            for _, one, other in (*spans[:at], *spans[at + 1 :])
        )
    }


def _with_broken(reader: IndexReader, rows: Mask, pair: str) -> Mask:
    """Those of the rows in whose text a line ends between two characters, which are no term then."""
    pattern = regex.compile(_LINE_BREAK.join(map(regex.escape, regex.findall(r"\X", pair))))
    found = np.zeros(reader.slots, dtype=np.bool_)
    for row in np.flatnonzero(rows).tolist():
        check_time()
        found[row] = pattern.search(reader.text(row)) is not None
    return found


def _with_words(reader: IndexReader, rows: Mask, phrase: str) -> Mask:
    """Those of the rows that contain the phrase, whatever case, accents, and what is between the words: white space,
    punctuation, or, as in parseHttpResponse, a capital. A line may end between characters of an unspaced script."""
    words = list(_WORD.finditer(_fold(phrase)))
    if not words:
        return np.zeros(reader.slots, dtype=np.bool_)
    begins = "" if regex.match(_UNSPACED, words[0][0]) else rf"(?<![{_SPELLED}])"
    ends = r"(?!\p{M})" if regex.search(rf"{_UNSPACED}\p{{M}}*$", words[-1][0]) else rf"(?![{_SPELLED}])"
    pattern = regex.compile(begins + rf"[^{_SPELLED}]+".join(map(_pattern, words)) + ends)
    found = np.zeros(reader.slots, dtype=np.bool_)
    for row in np.flatnonzero(rows).tolist():
        check_time()
        chunk = reader.chunk(row)
        text = embedded_text(chunk, context_header=reader.context_header)
        found[row] = pattern.search(_fold(text)) is not None
    return found


def _pattern(word: "regex.Match[str]") -> str:
    """As it is spelled: neither is C++ a C, nor the other way round."""
    spelled = f"(?:{_LINE_BREAK})?".join(map(regex.escape, _BREAKABLE.split(word[0])))
    return spelled if word["symbols"] else f"{spelled}(?!{SYMBOLS})"


def _fold(text: str) -> str:
    if text.isascii():
        return _CAPITALS.sub(" ", text).lower()
    text = unicodedata.normalize("NFKD", _CAPITALS.sub(" ", _INVISIBLE.sub("", text)))
    return unicodedata.normalize("NFC", _ACCENTS.sub("", text).casefold())
