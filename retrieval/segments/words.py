"""The words of a segment as they are written, and their stems, for finding those that are spelled much like another.

Stems alone would not do, since a slip in an ending stems to something else; nor would words alone, since what is
written next to one may be another form of it.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from itertools import filterfalse
from typing import Any, Self

import numpy as np
import regex
from numpy.typing import NDArray

from retrieval.analysis.identifiers import CAPITALS
from retrieval.segments.dictionary import Dictionary
from retrieval.segments.edit_distance import edit_distances
from retrieval.types import Chunk

_SHORTEST, _LONGEST = 3, 40
"""Letters of a word that is kept."""

_ASCII_WORD = re.compile("[A-Za-z]+")
_WORD = regex.compile(
    r"[[\p{L}\p{M}]--[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]]++",
    regex.VERSION1,
)
"""Letters of a script that separates words."""

_CAPITALS = regex.compile(CAPITALS)


def words_of(chunks: Iterable[Chunk]) -> set[str]:
    """The words of texts, titles and headings, in lower case; of parseHttp also parse and http."""
    written: set[str] = set()
    for chunk in chunks:
        for text in (chunk.text, chunk.title or "", *chunk.headings):
            written.update((_ASCII_WORD if text.isascii() else _WORD).findall(text))
    words = {word.lower() for each in written for word in _parts(each)}
    return {word for word in words if _SHORTEST <= len(word) <= _LONGEST}


def stems_of(terms: Iterable[str]) -> set[str]:
    """Of the terms of BM25, those that are stems of such words."""
    return {
        term
        for term in terms
        if _SHORTEST <= len(term) <= _LONGEST and (_ASCII_WORD if term.isascii() else _WORD).fullmatch(term)
    }


def _parts(word: str) -> Iterator[str]:
    yield word
    if not (word[1:].islower() or word.isupper() or len(word) > _LONGEST):
        yield from _CAPITALS.split(word)


def plain(word: str) -> str:
    """The word without accents."""
    if word.isascii():
        return word
    return "".join(filterfalse(unicodedata.combining, unicodedata.normalize("NFKD", word)))


class Words:
    """n distinct words, read-only.

    strings   the words, in UTF-8, ascending
    letters   uint32 [n]: which letters each has, accents aside; letters whose code points differ by 32 count as one
    lengths   uint8 [n]: how many, accents aside
    """

    def __init__(self, strings: Dictionary, letters: NDArray[np.uint32], lengths: NDArray[np.uint8]) -> None:
        self._strings = strings
        self._letters = letters
        self._lengths = lengths

    @classmethod
    def of(cls, words: Iterable[str]) -> Self:
        known = sorted(words)
        letters, lengths = _letters([plain(word) for word in known])
        return cls(Dictionary.of([word.encode() for word in known]), letters, lengths)

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `arrays`."""
        return cls(Dictionary(arrays["data"], arrays["bounds"]), arrays["letters"], arrays["lengths"])

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "data": self._strings.data,
            "bounds": self._strings.bounds,
            "letters": self._letters,
            "lengths": self._lengths,
        }

    def __iter__(self) -> Iterator[str]:
        return (word.decode() for word in self._strings)

    def beginning(self, prefix: str) -> Iterator[str]:
        """The words that begin so."""
        return (self._strings[place].decode() for place in self._strings.places_beginning(prefix))

    def near(self, word: str, *, most: int) -> dict[str, int]:
        """The words at most so many edits away from one, accents aside, and how many; itself is none.

        A substitution takes one letter away and brings another, an insertion or deletion does one of the two: most
        words are told apart by that, and the distance is computed to few.
        """
        wanted = plain(word)
        [letters], [length] = _letters([wanted])
        differing = np.full(256, -1, np.int8)  # letters at most, by a word's length
        for by in range(most + 1):
            for other in {int(length) - by, int(length) + by}:
                if 0 <= other < len(differing):
                    differing[other] = 2 * most - by
        found = np.bitwise_count(self._letters ^ letters).view(np.int8) <= differing[self._lengths]
        others = self._strings.texts(np.flatnonzero(found))
        distances = edit_distances(wanted, [plain(other) for other in others], most=most).tolist()
        near = zip(others, distances, strict=True)
        return {other: distance for other, distance in near if distance <= most and other != word}


def _letters(words: list[str]) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Those of the words, and their lengths."""
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    points = np.frombuffer("".join(words).encode("utf-32-le"), np.uint32)
    bits = np.left_shift(np.uint32(1), points % np.uint32(32))
    starts = np.cumsum(lengths) - lengths
    letters = np.bitwise_or.reduceat(bits, starts) if len(words) else np.empty(0, np.uint32)
    return letters.astype(np.uint32), np.minimum(lengths, 255).astype(np.uint8)
