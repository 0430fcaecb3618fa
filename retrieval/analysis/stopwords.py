"""Function words: they say how a sentence is built and not what it is about.

Each language has a file in function_words/, by grammatical category, so that what belongs there can be argued. Words
that also carry a subject (new, work, system, number, right) do not.
"""

import functools
from importlib.resources import files

_FILES = files(__package__) / "function_words"


@functools.cache
def stop_words(language: str) -> frozenset[str]:
    """As they are written in lower case, with the straight apostrophe; none for a language without a file."""
    file = _FILES / f"{language}.txt"
    if not file.is_file():
        return frozenset()
    lines = file.read_text("utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())
