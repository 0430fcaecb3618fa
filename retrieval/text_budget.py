"""Documents within a budget of tokens or characters, cut between lines where that is possible."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import NamedTuple

from retrieval.cited_lines import CitedLines


class Cut(NamedTuple):
    """What did not fit: lines of a document and, where a line is cut within, how many of its characters are given."""

    source: str
    line_start: int
    line_end: int
    characters_given: int = 0


class Within(NamedTuple):
    """What fits, what does not, and how much of the budget is used. All in the order asked for."""

    given: tuple[CitedLines, ...]
    cut: tuple[Cut, ...]
    used: int


def within_budget(documents: Sequence[CitedLines], budget: int, size: Callable[[str], int]) -> Within:
    """As much of the documents as the budget allows, the first one first; each text is measured with its heading.

    budget   what `size` counts. A document of which not one line fits is begun within its first line where it has all
             of the budget, else left out: the next call, from there, has more.
    """
    given: list[CitedLines] = []
    cut: list[Cut] = []
    used = 0
    for document in documents:
        left = budget - used

        def fits(part: CitedLines, most: int = left) -> bool:
            return size(shown(part)) <= most

        if cut:
            cut.append(Cut(document.source, document.line_start, document.line_end))
            continue
        part = _fitting(document, fits)
        partial_line = 0
        if part is None and not given and (letters := _fitting_letters(document, fits)):
            part = document._replace(lines=(document.lines[0][:letters],))
            partial_line = letters
        if part is not None:
            given.append(part)
            used += size(shown(part))
        done = 0 if part is None or partial_line else len(part.lines)
        if done < len(document.lines):
            cut.append(Cut(document.source, document.line_start + done, document.line_end, partial_line))
    return Within(tuple(given), tuple(cut), used)


def shown(part: CitedLines) -> str:
    """As it is printed: a line with its place, its text, and an empty line."""
    return f"== {' '.join(part.source.split())}:{part.line_start}-{part.line_end} ==\n{part.text}\n\n"


def _fitting(document: CitedLines, fits: Callable[[CitedLines], bool]) -> CitedLines | None:
    """The longest beginning of whole lines that fits; None where the first does not."""
    count = _most(len(document.lines), lambda number: fits(document._replace(lines=document.lines[:number])))
    return document._replace(lines=document.lines[:count]) if count else None


def _fitting_letters(document: CitedLines, fits: Callable[[CitedLines], bool]) -> int:
    line = document.lines[0]
    return _most(len(line), lambda number: fits(document._replace(lines=(line[:number],))))


def _most(end: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to `end` that fits, 0 for none. Far larger ones are not tried: they cost the most."""
    reach = 1
    while reach < end and fits(reach):
        reach *= 2
    reach = min(reach, end)
    return bisect_left(range(1, reach + 1), True, key=lambda number: not fits(number))
