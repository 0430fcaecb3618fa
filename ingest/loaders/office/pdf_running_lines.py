"""What a PDF prints at the edges of its pages: running headers and footers, and page numbers."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from ingest.loaders.office.pdf_contents import bare

LEAST_PAGES = 4
"""Of a document whose lines tell what runs; in a shorter one the same line may stand on each page for its own sake."""

_LEAST_REPEATS = 3
_LEAST_DENSITY = 0.4  # of the pages between the first and the last that have it: left and right pages may differ
_LONGEST = 200
"""Characters of a running line; a text's line may be as long as the text."""

_EDGE = 3
"""Lines from the top or the bottom of a page, among which running lines are."""

_MOST = 0.5
_MOST_NUMBERED = 0.85
"""Shares of a document's characters: where more would go, the pages are alike because their text is. Page numbers speak
for running lines: a batch of letters or certificates seldom has any."""

_MOST_AHEAD = 30
"""How much higher than its page a number beside words may be: "Rules of the harbour 12", but not an order's number."""

_NUMBER = re.compile(r"(?<![\w.,])\d{1,5}(?![\w,]|\.\d)")
_ROMAN = re.compile(r"\b(m{0,3}(?:cm|cd|d?c{0,3})(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3}))\b", re.I)
_ROMAN_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}
_NO_WORDS = re.compile(
    r"(?:[\W\d_]|\b(?:page|seite|página|pagina|pág|of|von|de|sur|[ivxlc]{2,}|[^\W\d_])\b)*", re.I
)  # beside a page number
_RULES = " |–—-·•"  # what parts a page number from words


@dataclass(frozen=True, slots=True)
class CleanedPages:
    """pages    the text of each, without its running lines
    numbers  the number printed on each, "" where there is none
    running  the running line that most pages have; "" where none has words"""

    pages: list[str]
    numbers: list[str]
    running: str = ""


class _Place(NamedTuple):
    page: int
    line: int


class _Form(NamedTuple):
    """What lines of several pages have in common: their words, or all but a number that grows with the page."""

    side: str
    words: str
    offset: int | None = None


@dataclass(slots=True)
class _Edges:
    """The lines at the edges of the pages, and the forms that each has."""

    lines: list[list[str]]
    order: dict[tuple[int, str], list[_Place]] = field(default_factory=dict)
    forms: dict[_Place, dict[_Form, str]] = field(default_factory=dict)


def without_running_lines(pages: Sequence[str], kept: Mapping[int, Collection[str]]) -> CleanedPages:
    """The pages without the lines that run along their tops and bottoms.

    Such a line stands at the edge of several pages in a row, or of every other one: with the same words, or with a
    number that grows with the page. The words of a line stay where they come first if it runs through less than half of
    the pages, or if the pages have no numbers.

    kept   the lines that are headings, by the index of their page: they stay.
    """
    edges = _edges(pages)
    repeated = _repeated(edges, len(pages))
    offsets = {(form.side, form.offset) for form in repeated if form.offset is not None}
    known = _other_lines(edges, offsets) if offsets else frozenset()
    gone: set[_Place] = set()
    numbers = [""] * len(pages)
    for (page, _), places in edges.order.items():
        for place in places:  # from the edge inwards, up to the first that belongs to the text
            if bare(edges.lines[page][place.line]) in kept.get(page, ()):
                break
            forms = edges.forms[place]
            runs = [form for form in forms if form in repeated]
            numbered = [form for form in forms if (form.side, form.offset) in offsets]
            told = [form for form in numbered if _is_told_elsewhere(form, known)]
            if not (runs or told):
                break
            if told or any(
                page > min(repeated[form]) or (offsets and _is_throughout(repeated[form], len(pages))) for form in runs
            ):
                gone.add(place)
                numbers[page] = numbers[page] or next((forms[form] for form in (*told, *numbered)), "")
    total = sum(len(line) for line in chain.from_iterable(edges.lines))
    most = _MOST_NUMBERED if offsets else _MOST
    if sum(len(edges.lines[place.page][place.line]) for place in gone) > most * total:
        return CleanedPages(list(pages), [""] * len(pages))
    cleaned = [
        "\n".join(line for number, line in enumerate(lines) if _Place(page, number) not in gone).strip("\n")
        for page, lines in enumerate(edges.lines)
    ]
    return CleanedPages(cleaned, numbers, _running_title(repeated, len(pages)))


def _edges(pages: Sequence[str]) -> _Edges:
    edges = _Edges([page.split("\n") for page in pages])
    for page, lines in enumerate(edges.lines):
        filled = [number for number, line in enumerate(lines) if line.strip()]
        half = len(filled) // 2
        sides = {"top": filled[: len(filled) - half], "bottom": filled[: len(filled) - half - 1 : -1] if half else []}
        for side, numbers in sides.items():
            places = edges.order[page, side] = [_Place(page, number) for number in numbers[:_EDGE]]
            for place in places:
                edges.forms[place] = dict(_forms(lines[place.line], side, page))
    return edges


def _forms(line: str, side: str, page: int) -> Iterator[tuple[_Form, str]]:
    """The forms that a line of a page has, each with the number that it has there; none of a long line."""
    if len(line) > _LONGEST:
        return
    words = " ".join(line.split())
    yield _Form(side, words), ""
    found = list(_NUMBER.finditer(words))
    if not found and _NO_WORDS.fullmatch(words):
        found = [match for match in _ROMAN.finditer(words) if match[1]]
    for match in found:
        value = int(match[0]) if match[0].isdigit() else _roman(match[0])
        yield _Form(side, f"{words[: match.start()]}#{words[match.end() :]}", value - page), match[0]


def _roman(numeral: str) -> int:
    values = [_ROMAN_VALUES[letter] for letter in numeral.lower()]
    return sum(-value if value < max(values[place:]) else value for place, value in enumerate(values))


def _repeated(edges: _Edges, count: int) -> dict[_Form, set[int]]:
    """The forms that run through pages, by the indices of these."""
    if count < LEAST_PAGES:
        return {}
    found: dict[_Form, set[int]] = defaultdict(set)
    for place, forms in edges.forms.items():
        for form in forms:
            found[form].add(place.page)
    return {
        form: pages
        for form, pages in found.items()
        if len(pages) >= _LEAST_REPEATS
        and len(pages) >= _LEAST_DENSITY * (max(pages) - min(pages) + 1)
        and (form.offset is None or _is_of_pages(form))
    }


def _other_lines(edges: _Edges, offsets: Collection[tuple[str, int | None]]) -> frozenset[str]:
    """The words of the lines that have no page number."""
    numbered = {
        place for place, forms in edges.forms.items() if any((form.side, form.offset) in offsets for form in forms)
    }
    return frozenset(
        bare(line)
        for page, lines in enumerate(edges.lines)
        for number, line in enumerate(lines)
        if _Place(page, number) not in numbered
    )


def _is_of_pages(form: _Form) -> bool:
    """Whether its number may be a page's. "Chapter 3", "Ticket 12" and "Order 2041" are of something else."""
    words = form.words.replace("#", " ")
    if _NO_WORDS.fullmatch(words):
        return True
    is_parted = form.words.strip("# ").strip(_RULES) != form.words.strip("# ").strip()
    return (form.offset or 0) <= _MOST_AHEAD and (is_parted or len(re.findall(r"[^\W\d_]{2,}", words)) > 1)


def _is_told_elsewhere(form: _Form, known: Collection[str]) -> bool:
    """Whether nothing is lost with a line of this form: beside its page number it has no words, or those of another
    line, such as a heading. The number stands first or last."""
    words = form.words
    if _NO_WORDS.fullmatch(words.replace("#", " ")):
        return True
    rest = words.removeprefix("#") if words.startswith("#") else words.removesuffix("#")
    return rest != words and bare(rest.strip(_RULES)) in known


def _is_throughout(pages: Collection[int], count: int) -> bool:
    """Whether a form that is on these pages runs through at least half of the document."""
    return 2 * (max(pages) - min(pages) + 1) >= count


def _running_title(repeated: Mapping[_Form, set[int]], count: int) -> str:
    """The words that run through most of the document; those at the top before those at the bottom."""
    for form, pages in sorted(repeated.items(), key=lambda item: (item[0].side != "top", -len(item[1]))):
        words = form.words.replace("#", " ").strip(_RULES)
        if _is_throughout(pages, count) and not _NO_WORDS.fullmatch(words):
            return " ".join(words.split())
    return ""
