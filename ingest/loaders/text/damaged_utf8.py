"""UTF-8 with bytes in it that are not: a line in another encoding, a stray byte, a letter that was cut in two."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import regex

from ingest.loaders.text.legacy_encodings import detected_encoding, is_latin

_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]"
    rb"|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}"
)
"""A character beyond ASCII, as the Unicode Standard has it in table 3-7."""

_RUNS = regex.compile(
    rb"(?:[\x00-\x7f]|%(sequence)s)++|(?P<invalid>(?:(?!%(sequence)s)[\x80-\xff])++)" % {b"sequence": _SEQUENCE.pattern}
)
_CUT_SIGN = re.compile(rb"\xe2\x80")  # the beginning of a dash or a quotation mark
_CUT = re.compile(rb"[\xc2-\xf4][\x80-\xbf]{0,2}")
_ASCII = bytes(range(128))
_NOT_WIDE = bytes(range(0xE0))
_NOT_LEADING = bytes(range(0xC2))
_SAMPLE = 32768
_MIN_FOREIGN = 8  # bytes beyond ASCII that tell an encoding other than Latin
_MIN_SEQUENCES = 3  # that are no accident on a line of an East Asian encoding
_ERASED = b"\xff"  # what is no letter that matters
_UNKNOWN = "\ufffd"


def count_sequences(data: bytes) -> tuple[int, int]:
    """How many characters beyond ASCII are valid UTF-8, and how many bytes beyond ASCII are not."""
    rest, valid = _SEQUENCE.subn(b"", data)
    return valid, len(rest.translate(None, _ASCII))


class _Line(NamedTuple):
    """A line with its end; how many characters beyond ASCII in it are UTF-8, and how many bytes beyond ASCII not."""

    data: bytes
    valid: int
    invalid: int


def repaired(data: bytes) -> tuple[str, tuple[str, ...]]:
    """The text, and notices of what was damaged.

    What is valid UTF-8 is read as such, and the other bytes are guessed: one by one as Latin letters, and lines with
    more of them than of UTF-8 as in an encoding of their own, if together they look like one. U+FFFD stands where a
    letter was cut, and where nothing can be told. Text that is mostly in an East Asian encoding, or that of another
    alphabet, is read in that, but for lines that are UTF-8.
    """
    lines = [_counted(line) for line in data.splitlines(keepends=True)]
    invalid = sum(line.invalid for line in lines)
    is_mostly_utf8 = sum(line.valid for line in lines) >= invalid
    foreign, latin = _encodings([line for line in lines if line.invalid])
    is_wide = 2 * len(data.translate(None, _NOT_WIDE)) > len(data.translate(None, _NOT_LEADING))
    texts: list[str] = []
    is_mixed = not foreign
    for line in lines:
        is_foreign = line.valid < (line.invalid if is_mostly_utf8 else line.invalid or _MIN_SEQUENCES)
        if not line.valid + line.invalid:
            texts.append(line.data.decode())
        elif foreign and is_foreign:
            texts.append(line.data.decode(foreign, "replace"))
        elif line.invalid:
            texts += _guessed(line.data, latin, is_wide=is_wide, is_last=line is lines[-1])
            is_mixed = True
        else:
            texts.append(line.data.decode())
            is_mixed = True
    if not is_mixed:
        return "".join(texts), ()
    first = next(number for number, line in enumerate(lines, 1) if line.invalid)
    where = f"{invalid:,} bytes from line {first:,} on" if invalid > 1 else f"1 byte on line {first:,}"
    text = "".join(texts)
    lost = text.count(_UNKNOWN) - data.count(_UNKNOWN.encode())
    read = f"read as {foreign or latin}{', in part as U+FFFD' if lost else ''}" if lost < invalid else "became U+FFFD"
    return text, (f"it is not UTF-8 throughout: {where} {read}; check that, and save it as UTF-8",)


def _counted(line: bytes) -> _Line:
    return _Line(line, 0, 0) if line.isascii() else _Line(line, *count_sequences(line))


def _encodings(damaged: Sequence[_Line]) -> tuple[str | None, str]:
    """The encoding of lines that are not UTF-8, if it is not Latin, and the Latin one of stray bytes."""
    others = b"".join(line.data for line in damaged if line.valid < line.invalid)[:_SAMPLE]
    if len(others.translate(None, _ASCII)) >= _MIN_FOREIGN:
        encoding = detected_encoding(others)
        if encoding and not is_latin(encoding):
            return encoding, "cp1252"
    encoding = detected_encoding(_SEQUENCE.sub(b"", b"".join(line.data for line in damaged))[:_SAMPLE])
    return None, encoding if encoding and is_latin(encoding) else "cp1252"


def _guessed(line: bytes, encoding: str, *, is_wide: bool, is_last: bool) -> Iterator[str]:
    """The text of a damaged line, piece by piece.

    is_wide   whether most letters of the file have three bytes: then a run of several stray ones is a part of some
    """
    before = ""
    for match in _RUNS.finditer(line):
        run = match["invalid"]
        if run is None:
            before = match[0].decode()
            yield before
            continue
        letters = run.replace(_ERASED, b"").decode(encoding, "replace")
        after = line[match.end() : match.end() + 1]
        is_cut_at_end = is_last and not after and _CUT.fullmatch(run)
        is_cut_inside = letters.isupper() and before[-1:].islower() and not after.isupper()
        is_cut = is_cut_at_end or is_cut_inside or _CUT_SIGN.fullmatch(run)
        yield _UNKNOWN if is_cut or (is_wide and len(run) > 1) else letters or _UNKNOWN
