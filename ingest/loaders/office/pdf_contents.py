"""The table of contents that a PDF prints: lines such as "Pumps ........ 17"."""

import re
from collections.abc import Collection, Sequence
from itertools import chain, groupby, pairwise
from typing import NamedTuple

_NUMBER_AT_END = re.compile(r"(?<![^\W_])(?:\d{1,5}|[ivxlc]{1,7})$", re.I)
_LEADER = " \t.·•_…"
_LEAST_DOTS = 4
_LEAST_ENTRIES = 2
_MOST_ENTRIES = 200
"""Entries that are looked for in the text to tell whether they are contents: more would only cost time."""

SECTION_NUMBER = re.compile(r"(?:(?:chapter|section|part|appendix)\s+)?(?:\d+|[A-Z])(?:\.\d+)*[.:)]?\s+", re.I)
"""What may stand before the words of a heading."""


class _Entry(NamedTuple):
    words: str
    page: str


def without_contents_lines(pages: Sequence[str]) -> list[str]:
    """The pages without the lines of a table of contents whose words stand in the text too.

    Lines with dot leaders on a page, or on pages in a row, are such a table where the page numbers never fall and most
    entries are found in the text, in their order: a price list is none.
    """
    entries = [[entry for line in page.split("\n") if (entry := _entry(line))] for page in pages]
    if sum(map(len, entries)) < _LEAST_ENTRIES:
        return list(pages)
    lines = (line for page in pages for line in page.split("\n"))
    text = " ".join(word for line in lines if not _entry(line) for word in line.split()).casefold()
    known = frozenset(re.findall(r"\w+", text))
    cleaned: list[str] = []
    for has_entries, run in groupby(range(len(pages)), lambda page: bool(entries[page])):
        numbers = list(run)
        is_table = has_entries and _are_contents(list(chain.from_iterable(entries[page] for page in numbers)), text)
        cleaned += [_without_told(pages[page], known) if is_table else pages[page] for page in numbers]
    return cleaned


def _entry(line: str) -> _Entry | None:
    """What a line with dot leaders says; None for any other."""
    stripped = line.rstrip()
    number = _NUMBER_AT_END.search(stripped[-8:])
    if number is None:
        return None
    before = stripped[: len(stripped) - len(number[0])]
    words = before.rstrip(_LEADER)
    leader = before[len(words) :]
    dots = len(leader) - sum(map(leader.count, " \t")) + 2 * leader.count("…")
    return _Entry(" ".join(words.split()).casefold(), number[0]) if words.strip() and dots >= _LEAST_DOTS else None


def _are_contents(entries: Sequence[_Entry], text: str) -> bool:
    if len(entries) < _LEAST_ENTRIES:
        return False
    numbers = [int(entry.page) for entry in entries if entry.page.isdigit()]
    if sum(one > other for one, other in pairwise(numbers)) > len(numbers) // 10:
        return False
    some = entries[:_MOST_ENTRIES]
    found = at = 0
    for entry in some:
        place = max(text.find(words, at) for words in (entry.words, SECTION_NUMBER.sub("", entry.words, count=1)))
        if place >= 0:
            found, at = found + 1, place
    return 2 * found >= len(some)


def _without_told(page: str, known: Collection[str]) -> str:
    """The page without the entries whose words all stand in the text."""
    kept = [line for line in page.split("\n") if not ((entry := _entry(line)) and _are_known(entry.words, known))]
    return "\n".join(kept).strip("\n")


def _are_known(words: str, known: Collection[str]) -> bool:
    return all(word in known for word in re.findall(r"\w+", words))
