"""Text -> words, as close as makes sense to Unicode Standard Annex #29, and runs of scripts that have no blanks."""

import functools
import re
from collections.abc import Iterator

import regex

from retrieval.analysis.identifiers import CONNECTOR, SYMBOLS

# Characters inside a word that are no part of its spelling: soft hyphen, zero-width joiners, word joiner.
IGNORABLE = "\u00ad\u200c\u200d\u2060"
APOSTROPHES = "'\u2019\u2018\u02bc\uff07"
_UNSPACED = (
    r"[[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\u30FC\uFF70\uFF9E\uFF9F]"
    r"&&[\p{L}\p{M}\p{N}]]"
)
_BEYOND_ASCII = re.compile(r"(?<!\S)[\x00-\x08\x0e-\x1b\x21-\x7f]*+[^\x00-\x7f\s]\S*")
"""What stands between blanks and is not all ASCII."""

_FEW = 50
"""Characters in ASCII that are no stretch of their own."""

Token = re.Match[str] | regex.Match[str]


def tokens(text: str, *, apostrophe_joins: bool) -> Iterator[Token]:
    """In order: words, perhaps joined to a name and with symbols at its end, as the group "word"; and runs of unspaced
    script, which have no such group.

    apostrophe_joins   whether a word may have one in it, as in don't
    """
    for start, end, is_ascii in _stretches(text):
        pattern = _ascii_tokens if is_ascii else _any_tokens
        yield from pattern(apostrophe_joins).finditer(text, start, end)


def ascii_words(text: str, *, apostrophe_joins: bool) -> list[str]:
    """The tokens of a text in ASCII, all of which are words."""
    words: list[str] = _ascii_tokens(apostrophe_joins).findall(text)
    return words


def _stretches(text: str) -> Iterator[tuple[int, int, bool]]:
    """The text as (start, end, whether it is ASCII), cut at blanks, at which words end."""
    if text.isascii():
        yield 0, len(text), True
        return
    if 16 * (len(text.encode("utf-8", "surrogatepass")) - len(text)) > len(text):  # in most of its words
        yield 0, len(text), False
        return
    start = end = 0  # of the last stretch that is not
    for piece in _BEYOND_ASCII.finditer(text):
        if piece.start() - end > _FEW:
            if end:
                yield start, end, False
            yield end, piece.start(), True
            start = piece.start()
        end = piece.end()
    yield start, end, False
    yield end, len(text), True


@functools.cache
def _any_tokens(apostrophe_joins: bool) -> regex.Pattern[str]:
    """One match is a word (group "word") or a run of unspaced script; compiled on first use, as it takes a while."""
    first, other = rf"[[\p{{L}}\p{{N}}]--{_UNSPACED}]", rf"[[\p{{L}}\p{{M}}\p{{N}}{IGNORABLE}]--{_UNSPACED}]"
    token = _token(first, other, apostrophe_joins=apostrophe_joins)
    return regex.compile(rf"(?P<word>{token})|{_UNSPACED}(?:{_UNSPACED}|\p{{M}})*+", regex.VERSION1)


@functools.cache
def _ascii_tokens(apostrophe_joins: bool) -> re.Pattern[str]:
    """The same for text in ASCII, in a sixth of the time: classes of characters are looked up nowhere."""
    token = _token("[A-Za-z0-9]", "[A-Za-z0-9]", apostrophe_joins=apostrophe_joins)
    for unicode, in_ascii in ((r"\p{L}", "A-Za-z"), (r"\p{M}", ""), (r"\p{N}", "0-9")):
        token = token.replace(unicode, in_ascii)
    # Greedy is as good, since nothing behind a group has to match, and Python before 3.11.5 might not come to the end.
    return re.compile(f"(?P<word>{token.replace(')*+', ')*').replace(')?+', ')?')})")


def _token(first: str, other: str, *, apostrophe_joins: bool) -> str:
    """The pattern of a word, by what its first character may be and the others; Unicode's classes only in brackets."""
    part = rf"{first}{other}*+"
    between_letters = rf"[·{APOSTROPHES}]" if apostrophe_joins else "·"
    not_behind_another = "".join(rf"(?<![.,][\p{{N}}]{{{digits}}})" for digits in range(1, 5))
    joiner = (
        rf"(?:(?<=[\p{{L}}\p{{M}}]){between_letters}(?=[\p{{L}}])"  # don't, l·l
        r"|(?<=[\p{N}])\.(?=[\p{N}])"  # 1.5.9
        r"|(?<=[\p{N}]),(?=[\p{N}]{3}(?![\p{N}]))"  # 1,000
        r"|(?<=\.[\p{N}]{3}),(?=[\p{N}]{1,2}(?![\p{N}]))"  # 1.234,56
        rf"|(?<=[\p{{N}}]){not_behind_another},(?=[\p{{N}}]{{1,2}}(?![\p{{N}},]|\.[\p{{N}}])))"  # 899,50
    )
    word = rf"{part}(?:{joiner}{part})*+"
    return rf"{word}(?:{CONNECTOR}{word})*+{SYMBOLS}?+"
