"""Function words: they say how a sentence is built and not what it is about.

Each language has a file in function_words/, by grammatical category, so that what belongs there can be argued. Words
that also carry a subject (new, work, system, number, right) do not.
"""

import functools
from importlib.resources import files

from retrieval.analysis.folding import fold_accents, fold_case
from retrieval.analysis.spelling import unify

_FILES = files(__package__) / "function_words"

_ACCENTS_LEFT_OUT = frozenset({"arabic", "french", "portuguese", "spanish"})
"""Languages whose function words go without their accents too. In others that hits nouns: Turkish su, water."""


@functools.cache
def stop_words(language: str) -> frozenset[str]:
    """As they are written in lower case, with the straight apostrophe; none for a language without a file."""
    file = _FILES / f"{language}.txt"
    if not file.is_file():
        return frozenset()
    lines = file.read_text("utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


@functools.cache
def function_words(language: str) -> frozenset[str]:
    """Folded, with their accents and, where writers leave them out and no noun is hit, without."""
    words = {unify(fold_case(word, turkish=language == "turkish"), language) for word in stop_words(language)}
    if language in _ACCENTS_LEFT_OUT:
        words |= {fold_accents(word) for word in words}
    return frozenset(words)


@functools.cache
def languages_with_stop_words() -> tuple[str, ...]:
    """Those that have a file, in alphabetical order."""
    return tuple(sorted(file.name.removesuffix(".txt") for file in _FILES.iterdir() if file.name.endswith(".txt")))


@functools.cache
def all_function_words() -> frozenset[str]:
    """Those of all languages, folded."""
    return frozenset[str]().union(*map(function_words, languages_with_stop_words()))
