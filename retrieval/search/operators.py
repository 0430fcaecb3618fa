"""Operators in a query: `"exact phrase"`, `+required`, `-excluded`.

They are filters: a hit has every required word and phrase, and none that is excluded, but its score is that of the
words as such. Plain text stays plain: an operator stands at the beginning of a word, before a letter or a quotation
mark, so that C++, e-mail, --force and -5 mean themselves; and what reads like a sentence, with a full stop, question or
exclamation mark at its end, has no operators unless the caller says so. Quotation marks may be of any shape.

Quotation marks in what is pasted from a program are text too: the value of an option (git commit -m "fix it") or of a
name (owner = "Ada", "port": 80).

A hyphen before a word is an option of a command more often than an operator (gcc -Wall), and would exclude the very
passage that was asked for. So it excludes only where the caller says so, or before a quotation mark; and a plus sign
before a single letter (chmod +x) demands it only where the caller says so.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import regex

from retrieval.errors import QueryError

_CLAUSE = regex.compile(
    r"""(?<!\S)(?:(?P<sign>[+-]?)"(?P<phrase>[^"]*[\p{L}\p{N}][^"]*)"(?![\p{L}\p{N}])|(?P<sign>[+-])(?P<word>\p{L}\S*))"""
)
_PASTED_BEFORE = regex.compile(r"(?:(?<!\S)-{1,2}\p{L}[\w-]*|[=:])\s*$")
_PASTED_BEHIND = regex.compile(r"\s*[=:]")
"""Around quotation marks that belong to a command, a program or its message."""

_LONGEST_OPTION = 40
"""Characters before a quotation that are looked at."""

_WORD = regex.compile(r"[\p{L}\p{N}\p{Extended_Pictographic}]")
_QUOTATION_MARKS = str.maketrans(dict.fromkeys("“”„‟«»", '"'))
_SENTENCE = regex.compile(r"""[.?!…。？！؟।]["”’»)\]]*\s*$""")


@dataclass(frozen=True, slots=True)
class Clause:
    """A word or an exact phrase that every hit must contain, or must not."""

    text: str
    is_phrase: bool
    is_excluded: bool


Reading = bool | Literal["required"] | None
"""Which operators are read. True: all. None: all but those that are options of commands, and none in what reads like a
sentence. "required": as None, and nothing is excluded. False: none."""


class Operators(NamedTuple):
    """What is asked once the operators are taken out, and what they said."""

    text: str
    clauses: tuple[Clause, ...]


def read_operators(query: str, *, operators: Reading) -> Operators:
    """Take a query apart. Raises QueryError where no word is wanted, only excluded."""
    if operators is False or (operators is not True and _is_sentence(query)):
        return Operators(query, ())
    clauses: list[Clause] = []

    def take(match: "regex.Match[str]") -> str:
        phrase, word = match["phrase"], match["word"]
        is_excluded = match["sign"] == "-"
        is_plain = _is_pasted(match) or _is_option(match, excludes=operators != "required")
        if operators is not True and is_plain:
            return match[0]
        clause = Clause(phrase or word, is_phrase=word is None, is_excluded=is_excluded)
        clauses.append(clause)
        return "" if clause.is_excluded else clause.text

    text = _CLAUSE.sub(take, query.translate(_QUOTATION_MARKS)).strip()
    if not clauses:
        return Operators(query, ())
    if not has_word(text):
        raise QueryError(
            f"The query says only what is not wanted: {query!r}; say what is, too, or have it read as plain text: "
            "operators=False (--no-operators)."
        )
    return Operators(text, tuple(clauses))


def _is_pasted(match: "regex.Match[str]") -> bool:
    """Whether it is a quotation without a sign, from a command or a program."""
    if match["sign"] or match["phrase"] is None:
        return False
    before = match.string[max(0, match.start() - _LONGEST_OPTION) : match.start()]
    return bool(_PASTED_BEFORE.search(before) or _PASTED_BEHIND.match(match.string, match.end()))


def _is_option(match: "regex.Match[str]", *, excludes: bool) -> bool:
    """Whether it is to be taken for an option of a command, or would exclude where nothing may be."""
    word = match["word"]
    if match["sign"] == "-":
        return word is not None or not excludes
    return word is not None and len(word) == 1


def has_word(query: str) -> bool:
    """Whether there is anything to look for: a letter, a digit or a pictograph, rather than marks alone."""
    return _WORD.search(query) is not None


def _is_sentence(query: str) -> bool:
    """Whether it ends like one and is more than quotations."""
    return bool(_SENTENCE.search(query)) and bool(_CLAUSE.sub("", query.translate(_QUOTATION_MARKS)).strip())
