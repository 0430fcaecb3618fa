"""Formulas of spreadsheets as people type them, for cells whose value no program has worked out."""

import re

from ingest.loaders.office.sheets import position

_REFERENCE = re.compile(r"""("[^"]*"|'[^']*')|(?<![\w.$])(\$?)([A-Z]{1,3})(\$?)(\d{1,7})(?![\w(.])""")
_OPEN_DOCUMENT_PREFIX = re.compile(r"^\w+:=?")
_BRACKETED = re.compile(r"""("[^"]*")|\[([^\[\]]*)\]""")


def moved(formula: str, rows: int, columns: int) -> str:
    """The formula with its relative references so many rows down and columns to the right."""

    def move(match: re.Match[str]) -> str:
        quoted, fixes_column, letters, fixes_row, number = match.groups()
        place = position(f"{letters}1") if quoted is None else None
        if place is None:
            return str(match[0])
        column = letters if fixes_column else _letters(place[1] + columns)
        return f"{fixes_column}{column}{fixes_row}{int(number) + (0 if fixes_row else rows)}"

    return _REFERENCE.sub(move, formula)


def _letters(column: int) -> str:
    letters = ""
    column += 1
    while column > 0:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def of_open_document(formula: str) -> str:
    """An OpenDocument formula, such as `of:=SUM([.A1:.A3])`, as `=SUM(A1:A3)`."""

    def unwrap(match: re.Match[str]) -> str:
        if match[1]:
            return match[1]
        return ":".join(part.removeprefix(".").removeprefix("$").replace(".", "!") for part in match[2].split(":"))

    return "=" + _BRACKETED.sub(unwrap, _OPEN_DOCUMENT_PREFIX.sub("", formula)).lstrip("=")
