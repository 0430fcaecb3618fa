"""What a PDF of a few pages prints at their edges: page numbers, and with them the lines that run along all pages."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from ingest.loaders.office.pdf_contents import bare
from ingest.loaders.office.pdf_running_lines import CleanedPages

_EDGE = 3  # lines from the top or the bottom of a page, among which running lines are
_LONGEST = 200  # characters of a line
_PAGE = "page|pages|pg|p|seite|s|página|pág|pagina|pag|sida|side|sivu|strona|str|стр|страница|blatt|folio|第"
_OF = r"of|von|de|di|sur|van|av|z|из|/|\||共|out of"
_UNIT = r"(?:\s*(?:頁|页|ページ|쪽))?"
"""What follows the number in some languages: 第 1 页 共 3 页."""

_NUMBER = re.compile(
    rf"[\W_]*(?P<word>(?:{_PAGE})(?![^\W\d_])[.:\s]*)?(?P<number>\d{{1,5}}|[ivxlc]{{1,7}}){_UNIT}"
    rf"(?:[\s/,，]*(?:{_OF})\s*(?P<total>\d{{1,5}}){_UNIT})?[\W_]*",
    re.I,
)

_Lines = list[list[str]]
_Gone = dict[tuple[int, int], str]
"""By page and line what is to be left out, with the page number that stands there, else ""."""


def without_page_numbers(
    pages: Sequence[str], kept: Mapping[int, Collection[str]], labels: Sequence[str]
) -> CleanedPages:
    """The pages without lines that are nothing but the number or label of their page.

    Such a line is the first or the last one of two pages in a row, or says how many pages there are. Where pages are
    numbered, words that stand at the edge of all of them stay on the first alone.

    kept    the lines that are headings, by the index of their page: they stay.
    labels  the page numbers that the file declares, "" where it has none.
    """
    lines = [page.split("\n") for page in pages]
    gone = _numbers(lines, labels)
    numbered = sorted({page for page, _ in gone})
    if len(numbered) > 1:
        for side in (1, -1):
            gone |= _repeated(lines, numbered, gone, kept, side)
    cleaned = [
        "\n".join(line for at, line in enumerate(its) if (page, at) not in gone).strip("\n")
        for page, its in enumerate(lines)
    ]
    if any(not text.strip() and pages[page].strip() for page, text in enumerate(cleaned)):
        return CleanedPages(list(pages), [""] * len(pages))
    numbers = [""] * len(pages)
    for (page, _), number in gone.items():
        numbers[page] = numbers[page] or number
    return CleanedPages(cleaned, numbers)


def _numbers(lines: _Lines, labels: Sequence[str]) -> _Gone:
    found: defaultdict[tuple[int, bool, bool], dict[int, tuple[int, str]]] = defaultdict(dict)
    surely: _Gone = {}
    for page, its in enumerate(lines):
        for side in (1, -1):
            at = next(_from_edge(its, side), None)
            match = None if at is None or len(its[at]) > _LONGEST else _NUMBER.fullmatch(" ".join(its[at].split()))
            if at is None or match is None or not _is_of_page(match, page, len(lines), labels[page]):
                continue
            found[side, bool(match["word"]), bool(match["total"])][page] = at, match["number"]
            if match["word"] and match["total"]:
                surely[page, at] = match["number"]
    agreed = (places for places in found.values() if 1 < len(places) == max(places) - min(places) + 1)
    return {(page, at): number for places in agreed for page, (at, number) in places.items()} | surely


def _is_of_page(match: re.Match[str], page: int, count: int, label: str) -> bool:
    is_number = match["number"].isdecimal() and int(match["number"]) == page + 1
    has_total = match["total"] is None or int(match["total"]) == count
    return has_total and (is_number or (bool(label) and match["number"] == label))


def _repeated(
    lines: _Lines, numbered: Sequence[int], gone: _Gone, kept: Mapping[int, Collection[str]], side: int
) -> _Gone:
    """The lines that all numbered pages have at that edge, but on the first of them."""
    found: _Gone = {}
    edges = [[at for at in _from_edge(lines[page], side) if (page, at) not in gone][:_EDGE] for page in numbered]
    for places in zip(*edges, strict=False):
        words = {" ".join(lines[page][at].split()) for page, at in zip(numbered, places, strict=True)}
        headings = any(bare(next(iter(words))) in kept.get(page, ()) for page in numbered)
        if len(words) > 1 or headings or len(min(words)) > _LONGEST:
            break
        found |= dict.fromkeys(zip(numbered[1:], places[1:], strict=True), "")
    return found


def _from_edge(its: Sequence[str], side: int) -> Iterator[int]:
    """The lines that hold something, from the top (1) or the bottom (-1)."""
    return (at for at in range(len(its))[::side] if its[at].strip())
