"""What a header row looks like, where the format does not say."""

from collections.abc import Sequence

_MIN_ROWS = 3
_LONGEST_NAME = 80
_NUMBER_SIGNS = str.maketrans("", "", " \u00a0.,:;/+-−%$€£¥()")


def looks_like_header(cells: Sequence[str], *, rows: int) -> bool:
    """Whether the first of a table's `rows` rows names its columns.

    It does where two or more columns have a name each: short, no number, and each its own. The first cell may be
    empty: it is the corner above the rows' names. Tables of fewer than three rows have no use for a header.
    """
    if rows < _MIN_ROWS or len(cells) < 2:
        return False
    names = [" ".join(cell.split()) for cell in (cells if cells[0].strip() else cells[1:])]
    return len({name.casefold() for name in names}) == len(names) and all(map(_is_name, names))


def _is_name(cell: str) -> bool:
    significant = cell.translate(_NUMBER_SIGNS)
    return bool(significant) and len(cell) <= _LONGEST_NAME and not significant.isnumeric()
