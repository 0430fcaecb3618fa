"""Numbers with points in them: dates, versions, addresses, thousands. 14.03.2024, 2.10.3, 10.20.30.40, 1.234,56."""

import re
from collections.abc import Iterator

_MOST_GROUPS = 6
"""Groups of digits in a number whose parts are terms; longer ones are paths in a tree, such as 1.3.6.1.4.1.311."""

LONG_WHOLE = 4
"""Digits before the point of a number that is found by them alone: a year (2024.1), a build (22621.1702), a price."""

_ADDRESS = 4
"""Groups of a number whose end is asked for too: 10.20 of 192.168.10.20, though not 10.3 of 2.10.3."""

_PHONE = re.compile(
    r"[+(0](?<![\w.,:;/+-].)(?:(?<=0)[0-9]+|(?<![0-9])\+?[0-9]+\)?)(?:[ /-]{1,2}\(?[0-9]+\)?){1,6}(?![\w(]|[-./]\w)"
)
_SHORTEST_PHONE, _LONGEST_PHONE = 7, 15
"""Digits of a telephone number: in Germany some have seven, and nowhere more than fifteen (ITU-T E.164)."""

_DATE = re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}", re.ASCII)
_THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3})+", re.ASCII)
_WHOLE = re.compile(r"(\d{1,3}(?:\.\d{3})+),\d{1,2}|(\d{1,3}(?:,\d{3})+)\.\d+", re.ASCII)
_DECIMAL_COMMA = re.compile(r"(?<![\d.,])(\d+),(\d{1,2})(?![\d,])", re.ASCII)
_THOUSANDS_AND_DECIMALS = re.compile(r"\d{1,3}(?:\.\d{3})+,\d{1,2}", re.ASCII)


def number_parts(number: str) -> Iterator[tuple[int, int]]:
    """(start, end) of what people ask for in place of the whole: its first groups of digits (2.10 of 2.10.3), each of
    three digits or more (2024 of 14.03.2024), month and year, and the end of an address. Of a decimal number, which has
    two groups, the first if it is long."""
    groups = [match.span() for match in re.finditer(r"[^.]+", number)]
    if len(groups) == 2 and groups[0][1] >= LONG_WHOLE and "," not in number:
        yield groups[0]
    if not 3 <= len(groups) <= _MOST_GROUPS or "," in number:
        return
    yield from ((0, end) for _, end in groups[1:-1])
    yield from ((start, end) for start, end in groups if end - start >= 3)
    if len(groups) == _ADDRESS:
        yield from ((start, len(number)) for start, _ in groups[1:-1])
    if _DATE.fullmatch(number):
        yield groups[1][0], groups[2][1]


def phone_numbers(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of each number in groups that begins as telephone numbers do: 030 1234567, +49 30 12 34, (555)
    123-4567."""
    for match in _PHONE.finditer(text):
        if _SHORTEST_PHONE <= sum(map(str.isdecimal, match[0])) <= _LONGEST_PHONE:
            yield match.span()


def has_thousands(number: str) -> bool:
    """Whether its points may separate thousands: 1.234 and 1.234.567."""
    return _THOUSANDS.fullmatch(number) is not None


def thousands_before_decimals(number: str) -> int:
    """Where the whole thousands of 1.234,56 and 1,234.56 end; 0 for other numbers."""
    found = _WHOLE.fullmatch(number)
    return found.end(found.lastindex or 0) if found else 0


def around_comma(number: str) -> tuple[int, int]:
    """Where the decimal comma of 899,50 stands, and where the digits behind it end; 0, 0 for other numbers. What some
    write so in lists (1,2) is found by its parts."""
    found = _DECIMAL_COMMA.match(number)
    return found.span(2) if found else (0, 0)


def plain_decimal(number: str) -> str:
    """1.234,56 as 1234.56, which is what 1,234.56 becomes without its comma, and 899,50 as 899.50, whatever unit
    follows; other words as they are."""
    if _THOUSANDS_AND_DECIMALS.fullmatch(number):
        return number.replace(".", "").replace(",", ".")
    return _DECIMAL_COMMA.sub(r"\1.\2", number)
