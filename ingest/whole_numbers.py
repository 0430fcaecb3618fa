"""Whole numbers that a file's text holds: Python refuses to read more than 4,300 digits."""

import re
from html import unescape

_MOST_DIGITS = 9  # of a number that counts, or is the index of something in a file
_MOST_OF_VALUE = 300
_HUGE_REFERENCE = re.compile(r"&(?=#\d{10})")


def whole_number(text: str | None) -> int | None:
    """None for what is no decimal number, or one beyond what a file can count."""
    return int(text) if text is not None and text.isdecimal() and len(text) <= _MOST_DIGITS else None


def int_or_digits(digits: str) -> int | str:
    """A value as an int, perhaps with a sign, or the digits themselves where there are hundreds."""
    return int(digits) if len(digits) <= _MOST_OF_VALUE else digits


def unescape_html(text: str) -> str:
    """With the characters that references of HTML stand for; a number beyond all characters stays as it is written."""
    return unescape(_HUGE_REFERENCE.sub("&amp;", text) if "&#" in text else text)
