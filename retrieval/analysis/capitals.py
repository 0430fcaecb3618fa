"""Capitals that tell a name from a function word: the IT department, US law, vitamin A.

They say so in mixed text alone. In a heading all in capitals, and in the one letter that begins a sentence, they say
nothing.
"""

import functools
import re

CONNECTIVES = frozenset({"AND", "NOT", "UND", "ODER", "ET"})
"""What some write in capitals between the words of a query; in a text, they are names: an AND gate."""

_FEW, _SHORT = 2, 5
"""Words in capitals that may be a row of acronyms (US GDP) rather than a heading, and the letters of each."""


def without_idle_capitals(text: str, letters: str) -> str:
    """The text, character for character, but in lower case wherever capitals say nothing about a word.

    letters   the words of one letter that may begin a sentence, in capitals
    """
    if any(map(str.isupper, lines := text.split("\n"))):
        text = "\n".join(_lower(line) if _is_heading(line) else line for line in lines)
    return _first_letters(letters).sub(lambda letter: letter[0].lower(), text) if letters else text


def is_acronym(word: str) -> bool:
    """Whether a function word, in a text without idle capitals, is spelled as an acronym."""
    return word.isupper() and word.isalpha() and word != "I"  # the pronoun always has a capital


def _is_heading(line: str) -> bool:
    words = [word for word in line.split() if word.isupper()]
    return line.isupper() and (len(words) > _FEW or any(sum(map(str.isalpha, word)) > _SHORT for word in words))


def _lower(line: str) -> str:
    return line.replace("İ", "i").lower()  # İ would become two characters


@functools.cache
def _first_letters(letters: str) -> re.Pattern[str]:
    """One alone, before another word and not behind one in its line; or before an apostrophe, as in L'Aquila."""
    word = letters if len(letters) == 1 else f"[{letters}]"
    return re.compile(rf"{word}(?<!\w.)(?:(?=[^\S\n]\S)(?<![\w,)][^\S\n].)|(?=['’]))")
