"""Where a text may be broken, best places first, for each syntax."""

import re
import unicodedata
from functools import cache
from typing import NamedTuple

from langchain_text_splitters import Language, RecursiveCharacterTextSplitter

from retrieval.errors import ConfigError


class Separator(NamedTuple):
    """A kind of place to break at: before each match of `pattern`.

    reach  how far back from the budget's end such a place is looked for, as a share of the chunk: the rarer and the
           better the kind, the more of the budget it is worth.
    """

    pattern: re.Pattern[str]
    reach: float


_STRUCTURE, _PARAGRAPH, _LINE, _SENTENCE, _SPACE = 0.5, 0.5, 0.4, 0.4, 0.2

# langchain writes these languages' separators as regular expressions and the others' as plain strings: Haskell's
# "\n| " means a guard, not "newline or space".
_WRITTEN_AS_REGEX = frozenset({Language.MARKDOWN, Language.RST, Language.R, Language.LATEX, Language.VISUALBASIC6})
_MARKDOWN_HEADING, _MARKDOWN_FENCE = "\n#{1,6} ", "```\n"

_PARAGRAPH_END = Separator(re.compile(r"\n\s*\n"), _PARAGRAPH)
_SENTENCE_END = Separator(
    re.compile(
        r"""(?:(?<=[.!?…])|(?<=[.!?…]["'”’»)\]]))(?=\s+[^\sa-z])"""  # a small letter follows "e.g.", not a sentence
        r"""|(?:(?<=[。！？．｡])|(?<=[。！？．｡][」』”’）】]))(?![。！？．｡」』”’）】])"""
    ),
    _SENTENCE,
)
_LINE_OF_ITS_OWN = Separator(re.compile(r"(?<=[.!?:;…。！？])\s*\n|\n(?=\s*(?:[-*+•‣–]|\d{1,3}[.)])\s)"), _LINE)
_LINE_END = Separator(re.compile("\n"), _LINE)
_WORD_END = Separator(re.compile("\\s|\u200b"), _SPACE)  # the zero-width space ends words in Thai, Khmer, Burmese

# In prose a line may end anywhere, where an editor wrapped it; in code it is a statement, and a full stop is nothing.
_PROSE = (_PARAGRAPH_END, _LINE_OF_ITS_OWN, _SENTENCE_END, _LINE_END, _WORD_END)
_CODE = (_PARAGRAPH_END, _LINE_END, _SENTENCE_END, _WORD_END)
_IN_EVERY_LIST = frozenset({"\n\n", "\n", " ", ""})


@cache
def separators_for(syntax: str, *, headings_known: bool) -> tuple[Separator, ...]:
    """langchain's separators for `syntax`, then blank lines, lines, sentences and words, best first.

    `syntax` is "text" or the value of a langchain_text_splitters.Language; one that langchain has no separators for is
    split like code. With `headings_known`, Markdown's own pattern for headings is left out, as it also finds the
    comments in its code. Raises ConfigError for any other name.
    """
    if syntax == "text":
        return _PROSE
    try:
        language = Language(syntax)
    except ValueError:
        known = ", ".join(sorted(language.value for language in Language))
        raise ConfigError(f"Nothing is known of the syntax {syntax!r}; use text, {known}.") from None
    is_prose = language in {Language.MARKDOWN, Language.RST, Language.LATEX, Language.HTML}
    own = [
        Separator(_compile(separator, language), _STRUCTURE)
        for separator in _langchain_separators(language)
        if separator not in _IN_EVERY_LIST
        and separator != _MARKDOWN_FENCE  # it would leave the closing fence to the next chunk
        and not (headings_known and separator == _MARKDOWN_HEADING)
    ]
    return (*own, *(_PROSE if is_prose else _CODE))


def _langchain_separators(language: Language) -> list[str]:
    try:
        return RecursiveCharacterTextSplitter.get_separators_for_language(language)
    except ValueError:  # a member of Language without a list, as Perl is
        return []


def _compile(separator: str, language: Language) -> re.Pattern[str]:
    pattern = re.compile(separator)
    if language not in _WRITTEN_AS_REGEX or pattern.search(""):  # LaTeX's "$$" is no end of line
        return re.compile(re.escape(separator))
    return pattern


_JOINERS = frozenset("\u200d\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
_LONGEST_CLUSTER = 64
"""Characters; a longer pile of accents is cut like a word."""


def whole_cluster(text: str, offset: int, *, after: int) -> int:
    """The nearest offset in (after, offset] at which no character a reader sees is cut in two, if `after` cuts none.

    Knows of combining marks, variation selectors, emoji sequences, flags, conjoining jamo and "\\r\\n"; `offset` itself
    where there is no such place within reach.
    """
    lowest = max(after + 1, offset - _LONGEST_CLUSTER)
    for candidate in range(offset, lowest - 1, -1):
        if not _inside_cluster(text, candidate, after):
            return candidate
    return offset


def _inside_cluster(text: str, offset: int, after: int) -> bool:
    if not 0 < offset < len(text):
        return False
    before, here = text[offset - 1], text[offset]
    if here < "\u0300":
        return before == "\r" and here == "\n"
    if here in _JOINERS or before == "\u200d" or unicodedata.category(here).startswith("M"):
        return True
    if "\u1160" <= here <= "\u11ff" or "\U000e0020" <= here <= "\U000e007f":  # vowels and finals of jamo; flag tags
        return True
    return _is_flag_letter(here) and _flag_letters_before(text, offset, after) % 2 == 1


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_letters_before(text: str, offset: int, after: int) -> int:
    start = offset
    while start > max(0, after) and _is_flag_letter(text[start - 1]):
        start -= 1
    return offset - start
