"""What a terminal obeys rather than prints: colours and titles in logs, letters of manuals that are struck twice."""

import re

_SEQUENCE = r"\[[0-?]*[ -/]*[@-~]"
_CODES = re.compile(rf"\x1b(?:{_SEQUENCE}|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[()*+][0-9A-Z]|[@-Z\\^_])")
_IN_JSON = re.compile(rf"\\u001[bB]{_SEQUENCE}")
_OVERSTRUCK = re.compile("[^\n]\b")
_OVERSTRUCK_BYTES = re.compile(rb"(?:[\x20-\x7e]|[\xc2-\xf4][\x80-\xbf]{1,3})\x08")


def without_terminal_codes(text: str) -> str:
    """The text without ECMA-48's sequences, and with bold and underlined letters, as typewriters made them, once."""
    if "\x1b" in text:
        text = _CODES.sub("", text)
    return _OVERSTRUCK.sub("", text) if "\b" in text else text


def without_codes_in_json(text: str) -> str:
    r"""JSON without the sequences that begin with \u001b."""
    return _IN_JSON.sub("", text) if "\\u001" in text else text


def without_overstriking(data: bytes) -> bytes:
    """The bytes of a text in ASCII or UTF-8 with the letters that are struck twice once."""
    return _OVERSTRUCK_BYTES.sub(b"", data) if b"\b" in data else data
