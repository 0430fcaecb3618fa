"""Spellings that writers of one language use side by side, made alike before a word is looked up and stemmed."""

import functools
from collections.abc import Mapping

import regex

_Letters = Mapping[int, int | str | None]

# Short vowels, their absence, doubling; and the bar that stretches a word.
_SIGNS: _Letters = dict.fromkeys([*range(0x064B, 0x0653), 0x0670, 0x0640])

_FOREIGN: _Letters = str.maketrans("àáâãçèéêëìíîïñòóôõùúû", "aaaaceeeeiiiinoooouuu")
"""Letters that these languages have in loan words alone, which their stemmers do not know: Cafés was not of Café.
In Danish allé would become a function word."""

_LETTERS: Mapping[str, _Letters] = {
    # Signs that most writers leave out, and letters of a Persian keyboard.
    "arabic": {**_SIGNS, **str.maketrans("یک", "يك")},
    "persian": {**_SIGNS, **str.maketrans("يىك", "ییک")},
    # The nasal sign with and without its moon; the dot below loan sounds and flaps is often left out.
    **dict.fromkeys(("german", "swedish"), _FOREIGN),
    "hindi": {ord("ँ"): "ं", 0x093C: None, ord("ऩ"): "न", ord("ऱ"): "र", ord("ऴ"): "ळ"},
}

_NASAL = r"ङ्(?=[क-घ])|ञ्(?=[च-झ])|ण्(?=[ट-ढ])|न्(?=[त-ध])|म्(?=[प-भ])"
"""A Hindi nasal before a consonant of its own row, for which most write the nasal sign: हिन्दी, हिंदी."""


def unify(word: str, language: str) -> str:
    """The one spelling that stands for all.

    word   in lower case and NFKC
    """
    letters = _LETTERS.get(language)
    if letters is None:
        return word
    word = word.translate(letters)
    return _nasal().sub("ं", word) if language == "hindi" else word


def without_article(word: str) -> str:
    """An Arabic word without "the" and what is written together with it: and, so, with, like, to.

    The stemmer takes the article off long words only, and then treats the rest otherwise than a word without one, so
    that a word and the same with its article would differ. Three letters are left at least, and the name of God whole.
    The dots of a final ya, which some leave out, are set.
    """
    if len(word) > 4 and word[0] in "وف" and word[1:3] in ("ال", "لل") and not word.startswith("والد"):  # parents
        word = word[1:]
    for article in ("بال", "كال", "ال", "لل"):
        if word.startswith(article) and len(word) >= len(article) + 3:
            word = word.removeprefix(article)
            break
    return word.replace("ى", "ي")


@functools.cache
def _nasal() -> "regex.Pattern[str]":
    return regex.compile(_NASAL)
