"""Text without the characters that cannot be stored."""

import re

_LONGEST_LINE = 500
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def clean_text(text: str) -> str:
    """The text without NUL, which Chroma cannot store, and with U+FFFD for lone surrogates, which cannot be encoded."""
    return text if text.isascii() and "\0" not in text else _LONE_SURROGATE.sub("\ufffd", text.replace("\0", ""))


def clean_line(text: str) -> str:
    """Clean text on one line of at most 500 characters. Headings are cut, because every chunk below repeats them."""
    return " ".join(clean_text(text).split())[:_LONGEST_LINE].rstrip()
