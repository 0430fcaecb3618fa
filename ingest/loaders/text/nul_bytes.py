"""NUL bytes in text: those that a crash, a sparse file or a padded field left there, and those of binary formats."""

import re

_WORDS = re.compile(rb"[^\s]\s+[^\s]|[^\s]\s*\n")
_RUN = re.compile(rb"\0+")
_WIDE_PART = re.compile(rb"(?:[\t\n\r\x20-\x7e]\0){8,}")
_NARROW_LINES = re.compile(rb"[\t\n\r\x20-\x7e]{32,}(?!\0)|[\t\n\r\x20-\x7e]{3,}\n\Z")
_NARROW_PART = re.compile(rb"[\t\n\r\x20-\x7e]{32}")
_ASCII = bytes(range(128))
_CONTROLS = bytes(byte for byte in (*range(1, 32), 127) if byte not in b"\t\n\v\f\r\x1b")
_MIN_TEXT = 8  # bytes for each run of NUL bytes
_MIN_CLEAN_TEXT = 3  # the same, of what is nothing but text: fields of fixed width are short
_MOST_CUT = 3  # bytes of a character at the end of what is looked at
_MAX_CONTROLS = 0.002
_MAX_HIGH = 0.1  # what is not UTF-8: letters with accents of a Latin encoding are fewer
_MAX_MARKS = 0.4
_MARKS = bytes(byte for byte in range(33, 127) if not chr(byte).isalnum())
_UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_SEVERAL = re.compile("(?<=[^\\s\0])\0{2,}(?=[^\\s\0])")


def is_text_with_nuls(data: bytes) -> bool:
    """Whether `data`, a file or its first bytes, is text but for NUL bytes in it.

    They must be few runs: a binary format has them at every few bytes, and control characters and bytes beyond ASCII
    between them; UTF-16 at every second byte.
    """
    rest = data.translate(None, b"\0")
    runs = len(_RUN.findall(data))
    controls = len(rest) - len(rest.translate(None, _CONTROLS))
    high = len(_UTF8.sub(b"", rest).translate(None, _ASCII))
    if not controls and high <= _MOST_CUT and len(rest) >= max(_MIN_TEXT, _MIN_CLEAN_TEXT * runs):
        return True
    if len(rest) < _MIN_TEXT * runs or not _WORDS.search(rest):
        return False
    marks = len(rest) - len(rest.translate(None, _MARKS))
    return controls <= _MAX_CONTROLS * len(rest) and high <= _MAX_HIGH * len(rest) and marks <= _MAX_MARKS * len(rest)


def narrowed(data: bytes) -> bytes:
    """Text in two encodings with ASCII characters in one byte each: some programs append UTF-16 to what is not. Data
    that is UTF-16 throughout stays as it is."""
    return _WIDE_PART.sub(lambda run: run[0][::2], data) if _NARROW_PART.search(data) else data


def widened(data: bytes) -> bytes:
    """UTF-16, little-endian, to which a program has appended ASCII: UTF-16 throughout."""
    return _NARROW_LINES.sub(lambda run: run[0].decode("ascii").encode("utf-16-le"), data)


def without_nuls(text: str) -> str:
    """The text without NUL characters; several in a row between two words part them, and so become a space."""
    return _SEVERAL.sub(" ", text).replace("\0", "") if "\0" in text else text
