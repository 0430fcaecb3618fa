"""British and American spellings of English words: colour and color, organised and organized, centre and center."""

import functools
import re

_VERB = r"(?:e|es|ed|er|ers|ing|ation|ations)$"
_RULES = [
    (re.compile(rf"(?<=[aeiouy]){before}(?={after})"), british, american)
    for before, after, british, american in (
        (r"([^aeiouy]{1,3}|vi)(?:our|or)", r"(?:s|ed|ing|ings|able|ful|less|al|hoods?|ite|ites)?$", r"\1our", r"\1or"),
        (r"([^aeiouy]{1,3})i[sz]", _VERB, r"\1is", r"\1iz"),
        (r"(l)y[sz]", _VERB, r"\1ys", r"\1yz"),
        (r"([^aeiouy]?[bt])(?:re|er)", r"s?$", r"\1re", r"\1er"),
        (r"([lt])og(?:ue)?", r"s?$", r"\1ogue", r"\1og"),
        (r"(n)[cs]e", r"[sd]?$", r"\1ce", r"\1se"),
    )
]
"""A vowel before, so that hour and size are left alone. What comes out may be no word: no text has it then."""


@functools.lru_cache(maxsize=1 << 12)
def other_spellings(word: str) -> tuple[str, ...]:
    """As writers of the other country spell an English word.

    word   in lower case
    """
    others = (pattern.sub(spelling, word) for pattern, *spellings in _RULES for spelling in spellings)
    return tuple(other for other in others if other != word)
