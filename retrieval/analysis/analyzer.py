"""Text -> terms for BM25.

The same rules read documents and queries: segmentation into words (letters, marks and digits, close to Unicode Standard
Annex #29), case and compatibility folding, one spelling for several (spelling.py), stop words, Snowball stems, accent
folding. Scripts that are written without spaces, and Korean, which glues particles to its nouns, become overlapping
pairs of characters. A name from code or a catalogue is a term as a whole, and so are its parts (identifiers.py).
"""

import functools
import itertools
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import regex
import Stemmer

from retrieval.analysis.capitals import is_acronym, without_idle_capitals
from retrieval.analysis.folding import fold_accents, fold_case
from retrieval.analysis.identifiers import is_plain, joined, parts_of
from retrieval.analysis.numbers import phone_numbers
from retrieval.analysis.spelling import unify, without_article
from retrieval.analysis.stopwords import function_words
from retrieval.analysis.tokens import ascii_words, tokens
from retrieval.errors import ConfigError

RULES_VERSION = 6
"""Raise it with every change that can change a term: indexes stored under another version are then rebuilt."""

JOINED = "-"
"""Before a term that is written with hyphens or points in it: wi-fi is -wifi, and its sides. wifi is another term, so
that a query can ask for the one form more than for the other."""

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
        if text.isascii() and next(phone_numbers(text), None) is None:
            words = ascii_words(self._without_idle_capitals(text), apostrophe_joins=self._apostrophe_joins)
            return [term for word in words for term, _, _ in _terms(word, self.language)]
        return [term for term, _, _ in self.spans(text)]

    def spans(self, text: str) -> list[tuple[str, int, int]]:
        """The terms with the place of their word: (term, start, end), where text[start:end] is the word as written.

        In order of start. The parts of an identifier, and the groups of a telephone number, follow the whole and lie
        within it; pairs of characters in unspaced scripts overlap by one character; other words do not overlap.
        """
        spans: list[tuple[str, int, int]] = []
        for match in tokens(self._without_idle_capitals(text), apostrophe_joins=self._apostrophe_joins):
            at = match.start()
            if match.lastgroup is None:
                spans.extend(_character_pairs(match[0], at))
                continue
            for term, start, end in _terms(match[0], self.language):
                spans.append((term, at + start, at + end))
        phones = [(_joined_digits(text[start:end]), start, end) for start, end in phone_numbers(text)]
        return sorted(phones + spans, key=lambda span: span[1]) if phones else spans

    def _without_idle_capitals(self, text: str) -> str:
        return without_idle_capitals(text, _capital_letters(self.language))

    @property
    def _apostrophe_joins(self) -> bool:
        return self.language not in _APOSTROPHE_SEPARATES


@functools.lru_cache(maxsize=_KNOWN_TOKENS)
def _terms(token: str, language: str) -> tuple[tuple[str, int, int], ...]:
    """The terms of one token, with their places in it."""
    if is_plain(token):  # nearly all
        return ((term, 0, len(token)),) if (term := _term(token, language)) else ()
    parts = parts_of(token)
    terms = [_term(token[start:end], language) if form == "word" else "" for start, end, form in parts]
    if len(parts) > 1:
        content = sorted((start, end) for (start, end, _), term in zip(parts, terms, strict=True) if term)
        for number, (start, end, form) in enumerate(parts):
            if form == "name":
                terms[number] = _fold_identifier(token[start:end])
            elif form == "joined" and (token[start].isdecimal() or _has_within(content, start, end)):
                term = _term(joined(token[start:end]), language)
                terms[number] = term and JOINED + term
    return tuple((term, start, end) for (start, end, _), term in zip(parts, terms, strict=True) if term)


def _has_within(spans: list[tuple[int, int]], start: int, end: int) -> bool:
    """Whether one of the sorted spans lies within these bounds: est-ce has function words alone."""
    first = bisect_left(spans, (start, start))
    return first < len(spans) and spans[first][1] <= end


@functools.lru_cache(maxsize=_KNOWN_TOKENS)
def _term(word: str, language: str) -> str:
    """The term a word stands for; empty for a function word, and for an acronym that is spelled like one as it is."""
    if language == "none":
        return fold_accents(fold_case(word)).replace("'", "")
    # A Snowball stemmer may not be shared between threads; a new one costs less than stemming one word.
    stem: Callable[[str], str] = Stemmer.Stemmer(language).stemWord
    folded = unify(fold_case(word, turkish=language == "turkish"), language)
    stop = function_words(language)
    if language == "english":
        folded = fold_accents(folded)
        base = folded.removesuffix("'s")
        if folded in stop or base in stop:
            return _acronym(word[: len(base)])
        return stem(base.replace("'", ""))
    if folded in stop:
        return _acronym(word)
    if language == "arabic":
        folded = without_article(folded)
    # The stemmers know their language's accents (é, ü, й), so those are folded last.
    return fold_accents(stem(folded)).replace("'", "")


def _joined_digits(phone: str) -> str:
    return JOINED + "".join(filter(str.isdecimal, phone))


def _acronym(word: str) -> str:
    return word if is_acronym(word) else ""


@functools.cache
def _capital_letters(language: str) -> str:
    """The function words of one letter, in capitals."""
    return "".join(sorted(word.upper() for word in function_words(language) if len(word) == 1 and word != "i"))


def _fold_identifier(word: str) -> str:
    """As it is written, but for case and accents; neither stemmed nor a stop word."""
    folded = fold_accents(fold_case(word)).removesuffix("'s")
    return folded if len(folded) <= _LONGEST_IDENTIFIER else ""


def _character_pairs(run: str, offset: int) -> Iterator[tuple[str, int, int]]:
    """Overlapping pairs of the user-perceived characters of a run; a character alone stands for itself."""
    characters = []
    for match in regex.finditer(r"\X", run):
        form = fold_accents(fold_case(match[0]))
        if form:
            characters.append((form, offset + match.start(), offset + match.end()))
    if len(characters) == 1:
        yield characters[0]
    for (first, start, _), (second, _, end) in itertools.pairwise(characters):
        yield first + second, start, end
