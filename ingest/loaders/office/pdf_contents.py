"""The table of contents that a PDF prints: lines such as "Pumps ........ 17"."""

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import chain, groupby, pairwise
from typing import NamedTuple

_NUMBER_AT_END = re.compile(r"(?<![^\W_])(?:\d{1,5}|[ivxlc]{1,7})$", re.I)
_LEADER = " \t.·•_…"
_LEAST_DOTS = 4

_SECTION_NUMBER = re.compile(r"(?:(?:chapter|section|part|appendix)\s+)?(?:\d+|[A-Z])(?:\.\d+)*[.:)]?\s+", re.I)

_NUMBERED = re.compile(r"(?:chapter|section|part|appendix|kapitel|teil|chapitre|parte?|cap[ií]tulo|capitolo)?\s*\d+\b")
_PARTED = re.compile(r"\s*[:–—]\s|\.\s")


class _Entry(NamedTuple):
    words: str
    page: str


def bare(line: str) -> str:
    """A line's words to compare them by: without a section number in front, nor a mark at the end."""
    return _folded(_SECTION_NUMBER.sub("", " ".join(line.split()), count=1))


def _folded(line: str) -> str:
    return " ".join(line.split()).casefold().rstrip(" .:")


def without_contents_lines(pages: Sequence[str]) -> list[str]:
    """The pages without the lines of a table of contents whose words stand in the text too.

    Lines with dot leaders on a page, or on pages in a row, are such a table where the page numbers never fall, and most
    entries are lines of the text, its headings, in their order, or begin with the number of a section: a price list is
    none.
    """
    entries = [[entry for line in page.split("\n") if (entry := _entry(line))] for page in pages]
    if not any(entries):
        return list(pages)
    text = [line for page in pages for line in page.split("\n") if not _entry(line)]
    places: dict[str, int] = {}
    for place, line in enumerate(text):
        places[_folded(_PARTED.split(line, maxsplit=1)[0])] = place  # "Chapter 3: Pumps"
        places[_folded(line)] = places[bare(line)] = place  # the last: a heading stands behind what announces it
    known = frozenset(re.findall(r"\w+", " ".join(text).casefold()))
    cleaned: list[str] = []
    for has_entries, run in groupby(range(len(pages)), lambda page: bool(entries[page])):
        numbers = list(run)
        is_table = has_entries and _is_table(list(chain.from_iterable(entries[page] for page in numbers)), places)
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


def _is_table(entries: Sequence[_Entry], places: Mapping[str, int]) -> bool:
    numbers = [int(entry.page) for entry in entries if entry.page.isdigit()]
    found = [places.get(_folded(entry.words), places.get(bare(entry.words), -1)) for entry in entries]
    found = [place for place in found if place >= 0]
    if not _mostly_rise(numbers):
        return False
    are_numbered = len(entries) > 1 and all(_NUMBERED.match(entry.words) for entry in entries)
    return are_numbered or (2 * len(found) >= len(entries) and _mostly_rise(found))


def _mostly_rise(numbers: Sequence[int]) -> bool:
    return 10 * sum(one > other for one, other in pairwise(numbers)) <= len(numbers)


def _without_told(page: str, known: Collection[str]) -> str:
    """The page without the entries whose words all stand in the text."""
    kept = [line for line in page.split("\n") if not ((entry := _entry(line)) and _are_known(entry.words, known))]
    return "\n".join(kept).strip("\n")


def _are_known(words: str, known: Collection[str]) -> bool:
    return all(word in known for word in re.findall(r"\w+", words))
