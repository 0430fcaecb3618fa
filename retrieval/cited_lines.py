"""From a citation back to what it cites: which document, which of its lines, and their text."""

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from retrieval.errors import QueryError
from retrieval.inspection.similar import without_text
from retrieval.merge_passages import joined
from retrieval.searcher import Searcher
from retrieval.sheet_rows import ROW_END, ROW_START, SHEET, SHEET_END, SHEETS
from retrieval.types import Chunk
from retrieval.words import counted

_LINES = re.compile(r"(\d+)(?:([-–])(\d+)?)?")
_PAGES = re.compile(r"pages? (\d+)(?:[-–](\d+))?(?: \(printed .*\))?")
_ROWS = re.compile(r"sheet (.+?)(?:, rows? (\d+)(?:[-–](\d+))?)?")
_SHEETS = re.compile(r"sheets (.+):(\d+) – (.+):(\d+)")
_PLACE = re.compile(r", (?=pages? \d|sheets? .)")
_END = 10**18
"""After the last line of any document."""


class CitedLines(NamedTuple):
    """Lines of a document's text as it was extracted, which citations count from 1.

    lines      their texts, without line ends
    last_line  of the document
    page, page_end   the pages that the passages with these lines begin and end on; None where there are no pages
    """

    source: str
    title: str | None
    line_start: int
    lines: tuple[str, ...]
    last_line: int
    page: int | None
    page_end: int | None

    @property
    def line_end(self) -> int:
        return self.line_start + len(self.lines) - 1

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def split_citation(citation: str, names: Collection[str]) -> tuple[str, str]:
    """The name of the document, and the place in it as it is written: "" for the whole document.

    names   of the documents that there are: what is one of them is never split.
    """
    if citation in names:
        return citation, ""
    splits = [(citation[: match.start()], citation[match.end() :]) for match in _PLACE.finditer(citation)]
    name, colon, lines = citation.rpartition(":")
    if colon and _LINES.fullmatch(lines):
        splits.append((name, lines))
    known = [split for split in splits if split[0] in names]
    return (known or splits or [(citation, "")])[0]


def cited_lines(searcher: Searcher, source: str, place: str = "") -> CitedLines:
    """The lines of a document that a place stands for.

    place   "12", "12-40" or "12-" for lines, "page 3" or "pages 3–4" for the passages on these pages, "sheet Lamps",
            "sheet Lamps, rows 12–40" or "sheets Lamps:12 – Oils:3" for the passages with these rows; "" for all

    Raises QueryError for a document that is not in the index (and names those like it) or has no text, and for a place
    that it does not have.
    """
    chunks = searcher.chunks(source)
    if not chunks:
        raise without_text(source, searcher.documents())
    last_line = max(chunk.line_end for chunk in chunks)
    first, last = _range(source, chunks, place, last_line)
    meant = [chunk for chunk in chunks if chunk.line_start <= last and first <= chunk.line_end]
    if not meant:  # blank lines between two passages
        return CitedLines(source, chunks[0].title, first, ("",) * (last - first + 1), last_line, None, None)
    at = chunks.index(meant[0])
    whole = joined(chunks[max(0, at - 1) : at + len(meant)])  # with the one before, for the indentation of the first
    lines = whole.text.split("\n")
    blank = whole.line_start - first  # above the first passage, or between it and the one before
    lines = [""] * blank + lines if blank > 0 else lines[-blank:]
    lines = lines[: last - first + 1]
    lines += [""] * (last - first + 1 - len(lines))
    pages = [page for chunk in meant for page in (chunk.page, chunk.page_end) if page is not None]
    return CitedLines(
        source, chunks[0].title, first, tuple(lines), last_line, min(pages, default=None), max(pages, default=None)
    )


def _range(source: str, chunks: Sequence[Chunk], place: str, last_line: int) -> tuple[int, int]:
    """The first and the last line."""
    if not place:
        return chunks[0].line_start, last_line
    if lines := _LINES.fullmatch(place):
        first = int(lines[1])
        last = int(lines[3] or _END) if lines[2] else first
        if not 1 <= first <= last:
            raise QueryError(f"{place} are no lines; write the first and the last one, counted from 1: {source}:12-40.")
        if first > last_line:
            raise QueryError(f"{source} has {counted(last_line, 'line')}, and so no line {first:,}.")
        return first, min(last, last_line)
    if pages := _PAGES.fullmatch(place):
        first, last = int(pages[1]), int(pages[2] or pages[1])
        found = [each for each in chunks if each.page is not None and each.page <= last and first <= _page_end(each)]
    elif sheets := _SHEETS.fullmatch(place):
        found = _between(chunks, (sheets[1], int(sheets[2])), (sheets[3], int(sheets[4])))
    elif rows := _ROWS.fullmatch(place):
        first_row, last_row = int(rows[2] or 0), int(rows[3] or rows[2] or _END)
        found = [chunk for chunk in chunks if _has_rows(chunk, rows[1], first_row, last_row)]
    else:
        raise QueryError(f"{place!r} is no place in a document; write lines, {source}:12-40, or a citation's place.")
    if not found:
        raise QueryError(f"{source} has no {place} in the index; `retrieve show {source!r}` prints all there is.")
    return found[0].line_start, max(chunk.line_end for chunk in found)


def _page_end(chunk: Chunk) -> int:
    return chunk.page_end or chunk.page or 0


def _between(chunks: Sequence[Chunk], begin: tuple[str, int], end: tuple[str, int]) -> list[Chunk]:
    """From the first passage with a row (sheet, number) to the last one with another."""
    first = next((at for at, chunk in enumerate(chunks) if _has_rows(chunk, begin[0], begin[1], begin[1])), len(chunks))
    last = max((at for at, chunk in enumerate(chunks) if _has_rows(chunk, end[0], end[1], end[1])), default=-1)
    return list(chunks[first : last + 1])


def _has_rows(chunk: Chunk, sheet: str, first: int, last: int) -> bool:
    """Whether it has any of these rows of a sheet; white space in the sheet's name counts as one space."""
    begins, row_start, row_end = (chunk.metadata.get(key) for key in (SHEET, ROW_START, ROW_END))
    if not isinstance(begins, str) or not isinstance(row_start, int) or not isinstance(row_end, int):
        return False
    ends, between = chunk.metadata.get(SHEET_END, begins), chunk.metadata.get(SHEETS, [begins])
    names = [_on_one_line(str(name)) for name in (between if isinstance(between, list) else [begins])]
    if sheet not in names:
        return False
    starts_before = sheet != _on_one_line(begins) or row_start <= last
    return starts_before and (sheet != _on_one_line(str(ends)) or first <= row_end)


def _on_one_line(name: str) -> str:
    return " ".join(name.split())
