"""Says that a hyphen before a word was read as text, where it was rather meant to exclude: winch -pawls.

Options of commands look the same (gcc -Wall, ls -la, find -name), so a hint needs two witnesses: the query consists of
plain words and ends with the hyphened ones, and the hits are no text about commands but have what should be excluded.
"""

import logging
from collections.abc import Sequence

import regex

from retrieval.search.clauses import satisfying
from retrieval.search.operators import Clause, Reading
from retrieval.search_hits import SearchHit
from retrieval.segments.reader import IndexReader

log = logging.getLogger(__name__)

_EXAMINED = 10
"""Hits that are looked at."""

_PLAIN = r"""[+"“”„‟«»]*(?P<word>[\p{L}\p{N}][\p{L}\p{M}\p{N}'’-]*)["“”„‟«»,:]*"""
_QUERY = regex.compile(rf"\s*{_PLAIN}(?: +{_PLAIN})*(?: +-(?P<excluded>\p{{Ll}}{{3,}}))+\s*")
"""Plain words, then hyphened ones in small letters: a single letter or two, or a capital, is an option."""

_OPTIONS = frozenset({"help", "name", "type", "verbose", "version"})
"""Words that are rather options of a command, whatever the hits are about."""

_OPTION = regex.compile(r"(?<![^\s`'\"(\[])--?\p{L}")
"""In the text of a hit."""


def exclusion_hints(
    reader: IndexReader, query: str, hits: Sequence[SearchHit], *, operators: Reading
) -> tuple[str, ...]:
    """What there is to say of a query, as it was written, and its hits: a hint or none, which is logged too."""
    match = _QUERY.fullmatch(query) if operators is None or operators == "required" else None
    shown = hits[:_EXAMINED]
    if match is None or not shown or any(_OPTION.search(hit.text) for hit in shown):
        return ()
    first, *_ = match.captures("word")
    if not _is_in(reader, first, shown):  # it is rather the name of a command
        return ()
    excluded = dict.fromkeys(match.captures("excluded"))
    words = [word for word in excluded if word not in _OPTIONS and _is_in(reader, word, shown)]
    if not words:
        return ()
    hint = f"{', '.join(f'-{word}' for word in words)} was read as text and excludes nothing"
    if operators is None:  # who passes "required" has decided
        hint += "; operators=True (--operators) excludes it"
    log.warning("%s.", hint)
    return (hint,)


def _is_in(reader: IndexReader, word: str, hits: Sequence[SearchHit]) -> bool:
    """Whether one of the hits has the word, in any of its forms."""
    found = satisfying(reader, [Clause(word, is_phrase=False, is_excluded=False)])
    return found is not None and bool(found[reader.rows_of_ids([hit.id for hit in hits])].any())
