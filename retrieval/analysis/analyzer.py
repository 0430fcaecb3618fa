"""Text -> terms for BM25.

The same rules read documents and queries: segmentation into words (letters, marks and digits, close to Unicode Standard
Annex #29), case and compatibility folding, one spelling for several (spelling.py), stop words, Snowball stems, accent
folding. Scripts that are written without spaces, and Korean, which glues particles to its nouns, become overlapping
pairs of characters. A name from code or a catalogue is a term as a whole, and so are its parts (identifiers.py).
"""

import functools
import itertools
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import regex
import Stemmer

from retrieval.analysis.identifiers import parts_of
from retrieval.analysis.spelling import unify, without_article
from retrieval.analysis.stopwords import stop_words
from retrieval.analysis.tokens import APOSTROPHES, IGNORABLE, ascii_words, tokens
from retrieval.errors import ConfigError

RULES_VERSION = 4
"""Raise it with every change that can change a term: indexes stored under another version are then rebuilt."""

# Accents, Hebrew points, Arabic vowel signs, variation selectors. The vowel signs of Indic scripts and the voicing
# marks of kana are marks as well, but they spell the word, and stay.
_OPTIONAL_MARKS = (
    r"[\u0300-\u036F\u0483-\u0487\u0591-\u05BD\u05BF\u05C1\u05C2\u05C4\u05C5\u05C7\u0640\u064B-\u065F\u0670"
    r"\u1AB0-\u1AFF\u1DC0-\u1DFF\u20D0-\u20FF\uFE00-\uFE0F\uFE20-\uFE2F\U000E0100-\U000E01EF]+"
)
# Letters with a stroke, and tied ones, which have no decomposition in Unicode.
_PLAIN_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe"})
_SPELLING = str.maketrans(dict.fromkeys(APOSTROPHES, "'") | dict.fromkeys(IGNORABLE + ","))

_ACCENTS_LEFT_OUT = frozenset({"arabic", "french", "portuguese", "spanish"})
"""Languages whose function words go without their accents too. In others that hits nouns: Turkish su, water."""

_KNOWN_TOKENS = 1 << 15
"""Words whose terms are remembered: a few thousand make up nearly all of a text."""

_LONGEST_IDENTIFIER = 100
"""Characters; beyond are dumps and hashes, of which the parts are enough."""

# Where an apostrophe ends a word of its own (l'homme, dell'arte) or begins a suffix (Ankara'da).
_APOSTROPHE_SEPARATES = frozenset({"catalan", "french", "irish", "italian", "turkish"})

_CODES = {
    "ar": "arabic", "hy": "armenian", "eu": "basque", "ca": "catalan", "cs": "czech", "da": "danish", "nl": "dutch",
    "en": "english", "eo": "esperanto", "et": "estonian", "fi": "finnish", "fr": "french", "de": "german",
    "el": "greek", "hi": "hindi", "hu": "hungarian", "id": "indonesian", "ga": "irish", "it": "italian",
    "lt": "lithuanian", "ne": "nepali", "no": "norwegian", "fa": "persian", "pl": "polish", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sr": "serbian", "es": "spanish", "sv": "swedish", "ta": "tamil",
    "tr": "turkish", "yi": "yiddish",
}  # fmt: skip

LANGUAGES = ("none", *Stemmer.algorithms())


@dataclass(frozen=True)
class Analyzer:
    """Turns text into the terms that BM25 counts.

    language   "none" (no stop words, no stems), the English name of a Snowball algorithm, or its two-letter code.
               Those with a file in function_words/ have stop words.

    An instance holds no state and may be shared between threads. Raises ConfigError for an unknown language.
    """

    language: str = "english"

    def __post_init__(self) -> None:
        name = self.language.strip().lower()
        name = _CODES.get(name, name)
        if name not in LANGUAGES:
            hint = ' "auto" is a setting of Config; detect_language(text) names a language.' if name == "auto" else ""
            raise ConfigError(
                f"There is no analysis for language {self.language!r}; choose from {', '.join(LANGUAGES)}.{hint}"
            )
        object.__setattr__(self, "language", name)

    @property
    def fingerprint(self) -> dict[str, str | int]:
        """What decides the terms, JSON-able: indexes whose fingerprints differ must not be mixed."""
        stemmer = "" if self.language == "none" else Stemmer.version()
        return {"language": self.language, "rules": RULES_VERSION, "stemmer": stemmer}

    def terms(self, text: str) -> list[str]:
        """The terms of `text`, in order, repeated as often as they occur."""
        if text.isascii():
            words = ascii_words(text, apostrophe_joins=self._apostrophe_joins)
            return [term for word in words for term, _, _ in _terms(word, self.language)]
        return [term for term, _, _ in self.spans(text)]

    def spans(self, text: str) -> list[tuple[str, int, int]]:
        """The terms with the place of their word: (term, start, end), where text[start:end] is the word as written.

        In order of start. The parts of an identifier follow the whole and lie within it; pairs of characters in
        unspaced scripts overlap by one character; other words do not overlap.
        """
        spans: list[tuple[str, int, int]] = []
        for match in tokens(text, apostrophe_joins=self._apostrophe_joins):
            at = match.start()
            if match.lastgroup is None:
                spans.extend(_character_pairs(match[0], at))
                continue
            for term, start, end in _terms(match[0], self.language):
                spans.append((term, at + start, at + end))
        return spans

    @property
    def _apostrophe_joins(self) -> bool:
        return self.language not in _APOSTROPHE_SEPARATES


@functools.lru_cache(maxsize=_KNOWN_TOKENS)
def _terms(token: str, language: str) -> tuple[tuple[str, int, int], ...]:
    """The terms of one word, or of an identifier and its parts, with their places in it."""
    terms = []
    for start, end, is_compound in parts_of(token):
        word = token[start:end]
        term = _fold_identifier(word) if is_compound else _term(word, language)
        if term:
            terms.append((term, start, end))
    return tuple(terms)


def _term(word: str, language: str) -> str:
    """The term a word stands for; empty for a function word."""
    if language == "none":
        return _fold_accents(_fold_case(word)).replace("'", "")
    # A Snowball stemmer may not be shared between threads; a new one costs less than stemming one word.
    stem: Callable[[str], str] = Stemmer.Stemmer(language).stemWord
    word = unify(_fold_case(word, turkish=language == "turkish"), language)
    function_words = _function_words(language)
    if language == "english":
        word = _fold_accents(word)
        base = word.removesuffix("'s")
        return "" if word in function_words or base in function_words else stem(base.replace("'", ""))
    if word in function_words:
        return ""
    if language == "arabic":
        word = without_article(word)
    # The stemmers know their language's accents (é, ü, й), so those are folded last.
    return _fold_accents(stem(word)).replace("'", "")


@functools.cache
def _optional_marks() -> regex.Pattern[str]:
    return regex.compile(_OPTIONAL_MARKS)


@functools.cache
def _function_words(language: str) -> frozenset[str]:
    """Folded, with their accents and, where writers leave them out and no noun is hit, without."""
    words = {unify(_fold_case(word, turkish=language == "turkish"), language) for word in stop_words(language)}
    if language in _ACCENTS_LEFT_OUT:
        words |= {_fold_accents(word) for word in words}
    return frozenset(words)


def _fold_case(word: str, *, turkish: bool = False) -> str:
    """Lower case without compatibility variants; one apostrophe; the digits of every script as 0 to 9; no thousands
    separators or invisible characters."""
    if word.isascii() and not turkish:
        return word.lower().replace(",", "")
    if any(map(str.isdecimal, word)):
        word = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in word)
    # Case folding makes two letters of İ, and i of I, whose lower case is ı in Turkish.
    word = unicodedata.normalize("NFKC", word).replace("İ", "i")
    if turkish:
        word = word.replace("I", "ı")
    return unicodedata.normalize("NFKC", word.casefold()).translate(_SPELLING)


def _fold_identifier(word: str) -> str:
    """As it is written, but for case and accents; neither stemmed nor a stop word."""
    folded = _fold_accents(_fold_case(word)).removesuffix("'s")
    return folded if len(folded) <= _LONGEST_IDENTIFIER else ""


def _fold_accents(word: str) -> str:
    """The word without accents and other marks that readers may leave out."""
    if word.isascii():
        return word
    bare = _optional_marks().sub("", unicodedata.normalize("NFKD", word))
    return unicodedata.normalize("NFC", bare).translate(_PLAIN_LETTERS)


def _character_pairs(run: str, offset: int) -> Iterator[tuple[str, int, int]]:
    """Overlapping pairs of the user-perceived characters of a run; a character alone stands for itself."""
    characters = []
    for match in regex.finditer(r"\X", run):
        form = _fold_accents(_fold_case(match[0]))
        if form:
            characters.append((form, offset + match.start(), offset + match.end()))
    if len(characters) == 1:
        yield characters[0]
    for (first, start, _), (second, _, end) in itertools.pairwise(characters):
        yield first + second, start, end
