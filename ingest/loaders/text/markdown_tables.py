"""Markdown's pipe tables, which GitHub Flavored Markdown defines: a header row, a row of dashes, rows."""

import re
from collections.abc import Iterable, Iterator

from ingest.loaders.text.markdown_inline import plain_words
from retrieval.types import Table

_DASHES = re.compile(r"\|?[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*+:?-++:?[ \t]*+)*\|?")
_BORDER = re.compile(r"(?<!\\)\|")
_BREAK = re.compile(r" {0,3}(?:#{1,6}(?:[ \t]|\Z)|([-*_])[ \t]*(?:\1[ \t]*){2,}\Z)")
_CONTAINER = re.compile(r" {0,3}(?:>|(?:[-*+]|\d{1,9}[.)])(?:[ \t]|\Z))")
_CODE = ("    ", "\t")


def pipe_tables(lines: Iterable[tuple[int, str]]) -> Iterator[Table]:
    """The tables among lines that are neither fenced code nor HTML, each given as its offset and text.

    Those in quotes, and on the very line of a list item, are not found.
    """
    above: tuple[int, str] | None = None  # the line above, if it can be a header row
    table: Table | None = None
    in_list = is_lazy = False  # in a list; and without an empty line since text of it, or of a quote
    for start, line in lines:
        ends_block = not line.strip() or bool(_BREAK.match(line))
        is_container = not ends_block and bool(_CONTAINER.match(line))
        is_row = not (ends_block or is_container) and (in_list or not line.startswith(_CODE))
        if table and is_row:
            table = table._replace(char_end=start + len(line))
            continue
        if table:
            yield table
        is_indented = line.startswith((" ", "\t"))
        is_lazy = is_container or (not ends_block and (is_lazy or (in_list and is_indented)))
        in_list = ">" not in line[:4] if is_container else in_list and (is_lazy or is_indented or not line.strip())
        is_row = is_row and (is_indented or not is_lazy)
        header = _header(above[1], line) if above and is_row else ""
        table = Table(above[0], start + len(line), header) if above and header else None
        above = (start, line) if is_row and not table and "|" in line else None
    if table:
        yield table


def _header(line: str, below: str) -> str:
    """The header row's words; "" where the line below is no row of dashes with as many cells."""
    dashes = below.strip()
    if "|" not in dashes or not _DASHES.fullmatch(dashes) or len(_cells(line)) != len(_cells(dashes)):
        return ""
    return " | ".join(plain_words(cell.replace("\\|", "|")) for cell in _cells(line))


def _cells(row: str) -> list[str]:
    cells = _BORDER.split(row.strip())
    return cells[not cells[0].strip() : len(cells) - (len(cells) > 1 and not cells[-1].strip())]
