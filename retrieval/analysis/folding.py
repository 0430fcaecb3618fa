"""Characters that count as the same: case, compatibility variants, digits of other scripts, optional accents."""

import functools
import unicodedata

import regex

from retrieval.analysis.identifiers import HYPHENS
from retrieval.analysis.numbers import plain_decimal
from retrieval.analysis.tokens import APOSTROPHES, IGNORABLE

# Accents, Hebrew points, Arabic vowel signs, variation selectors. The vowel signs of Indic scripts and the voicing
# marks of kana are marks as well, but they spell the word, and stay.
_OPTIONAL_MARKS = (
    r"[\u0300-\u036F\u0483-\u0487\u0591-\u05BD\u05BF\u05C1\u05C2\u05C4\u05C5\u05C7\u0640\u064B-\u065F\u0670"
    r"\u1AB0-\u1AFF\u1DC0-\u1DFF\u20D0-\u20FF\uFE00-\uFE0F\uFE20-\uFE2F\U000E0100-\U000E01EF]+"
)
# Letters with a stroke, and tied ones, which have no decomposition in Unicode.
_PLAIN_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe"})
_SPELLING = str.maketrans(
    dict.fromkeys(APOSTROPHES, "'") | dict.fromkeys(HYPHENS, "-") | dict.fromkeys(IGNORABLE + ",")
)


def fold_case(word: str, *, turkish: bool = False) -> str:
    """Lower case without compatibility variants; one apostrophe, one hyphen; the digits of every script as 0 to 9; no
    thousands separators or invisible characters."""
    if "," in word:
        word = plain_decimal(word)
    if word.isascii() and not turkish:
        return word.lower().replace(",", "")
    if any(map(str.isdecimal, word)):
        word = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in word)
    # Case folding makes two letters of İ, and i of I, whose lower case is ı in Turkish.
    word = unicodedata.normalize("NFKC", word).replace("İ", "i")
    if turkish:
        word = word.replace("I", "ı")
    return unicodedata.normalize("NFKC", word.casefold()).translate(_SPELLING)


def fold_accents(word: str) -> str:
    """The word without accents and other marks that readers may leave out."""
    if word.isascii():
        return word
    bare = _optional_marks().sub("", unicodedata.normalize("NFKD", word))
    return unicodedata.normalize("NFC", bare).translate(_PLAIN_LETTERS)


@functools.cache
def _optional_marks() -> "regex.Pattern[str]":
    return regex.compile(_OPTIONAL_MARKS)
