"""The lines of calendars and vCards: folded, escaped, and in versions 1.0 and 2.1 also encoded (RFC 5545, RFC 6350)."""

import binascii
import re
from collections.abc import Iterator
from typing import NamedTuple

import regex

from ingest.loaders.mail.charsets import decode_body
from ingest.loaders.text.decoding import Decoded, decode_noting

_FOLD = re.compile(rb"(?:\r\n?|\n)[ \t]")
_SOFT_BREAK = re.compile(rb"=(?:\r\n?|\n)")
_SOFT_BREAKS = re.compile(rb"(?<![^\r\n])[^:\r\n]*QUOTED-PRINTABLE[^:\r\n]*:(?:[^\r\n]*=(?:\r\n?|\n))+", re.I)
_LINE_END = re.compile(r"\r\n?|\n")
_LINE = regex.compile(
    r"""(?:[\w-]+\.)*(?P<name>[A-Za-z][\w-]*)(?P<parameters>(?:;(?:[^";:]|"[^"]*+")*+)*+):(?P<value>.*)""", regex.S
)
_PARAMETER = re.compile(r""";(?:(?P<name>[\w-]+)=)?(?P<value>(?:"[^"]*"|[^;"])*)""")
_ESCAPE = re.compile(r"\\([\\;,:nN])")
_WIDE = 100  # bytes at the start, in which text of two or four bytes a character has a NUL


class ContentLine(NamedTuple):
    """name         in capitals, without the group before it; "" for a line that is no property
    parameters   in order, with their names in capitals; version 2.1 leaves a name out, which is "" then
    value        not encoded any more, but escaped
    """

    name: str
    parameters: tuple[tuple[str, str], ...]
    value: str

    def parameter(self, name: str) -> str:
        """The first of that name; "" where there is none."""
        return next((value for key, value in self.parameters if key == name), "")

    @property
    def encodings(self) -> frozenset[str]:
        """What the value says it is encoded in, in capitals; of version 2.1, all that it says without a name."""
        return frozenset(value.upper() for key, value in self.parameters if key in {"", "ENCODING"})


def unfolded(data: bytes) -> bytes:
    """The bytes with folded lines put together: some programs fold inside a character."""
    if b"\0" in data[:_WIDE]:
        return data
    joined = _SOFT_BREAKS.sub(lambda match: _SOFT_BREAK.sub(b"", match[0]), data)
    return _FOLD.sub(b"", joined)


def decode_unfolded(data: bytes) -> Decoded:
    """As decode_noting, with folded lines put together. Raises what that raises."""
    text, notices = decode_noting(unfolded(data))
    if b"\0" in data[:_WIDE]:
        text = unfolded(text.encode("utf-8", "replace")).decode("utf-8")
    return Decoded(text, notices)


def content_lines(text: str) -> Iterator[ContentLine]:
    """The lines of an unfolded text that are not blank."""
    for line in _LINE_END.split(text):
        match = _LINE.fullmatch(line)
        if match is not None:
            parameters = tuple(
                ((parameter["name"] or "").upper(), parameter["value"].replace('"', ""))
                for parameter in _PARAMETER.finditer(match["parameters"])
            )
            found = ContentLine(match["name"].upper(), parameters, match["value"])
            yield _decoded(found) if "QUOTED-PRINTABLE" in found.encodings else found
        elif line.strip():
            yield ContentLine("", (), line.strip())


def _decoded(line: ContentLine) -> ContentLine:
    content = binascii.a2b_qp(line.value.encode("utf-8", "replace"))
    return line._replace(value=decode_body(content, line.parameter("CHARSET") or None))


def unescaped(value: str) -> str:
    return _ESCAPE.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)
