"""Markdown's pipe tables, which GitHub Flavored Markdown defines: a header row, a row of dashes, rows."""

import re
from collections.abc import Iterable, Iterator

from ingest.loaders.markdown_inline import plain_words
from retrieval.types import Table

_DASHES = re.compile(r"\|?[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*+:?-++:?[ \t]*+)*\|?")
_BORDER = re.compile(r"(?<!\\)\|")
_OTHER_BLOCK = re.compile(r" {0,3}(?:#{1,6}(?:[ \t]|\Z)|>|[-*+](?:[ \t]|\Z)|\d{1,9}[.)](?:[ \t]|\Z))")
_ITEM = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])[ \t]")
_CODE = ("    ", "\t")


def pipe_tables(lines: Iterable[tuple[int, str]]) -> Iterator[Table]:
    """The tables among lines that are neither fenced code nor HTML, each given as its offset and text."""
    header: tuple[int, str] | None = None  # the line above, if it can be a header row
    table: Table | None = None
    in_list = False
    for start, line in lines:
        if table:
            if _is_row(line, in_list=in_list):
                table = table._replace(char_end=start + len(line))
                continue
            yield table
            table = None
        in_list = bool(_ITEM.match(line)) or (in_list and (not line.strip() or line.startswith(" ")))
        if header and (words := _header(header[1], line)):
            table = Table(header[0], start + len(line), words)
        header = (start, line) if "|" in line and not table and _is_row(line, in_list=in_list) else None
    if table:
        yield table


def _is_row(line: str, *, in_list: bool) -> bool:
    return bool(line.strip()) and not _OTHER_BLOCK.match(line) and (in_list or not line.startswith(_CODE))


def _header(line: str, below: str) -> str:
    """The header row's words, "" if the line below is no row of dashes with as many cells."""
    dashes = below.strip()
    if "|" not in dashes or not _DASHES.fullmatch(dashes):
        return ""
    cells = _cells(line)
    if len(cells) != len(_cells(dashes)):
        return ""
    return " | ".join(plain_words(cell.replace("\\|", "|")) for cell in cells)


def _cells(row: str) -> list[str]:
    cells = _BORDER.split(row.strip())
    return cells[not cells[0].strip() : len(cells) - (len(cells) > 1 and not cells[-1].strip())]
