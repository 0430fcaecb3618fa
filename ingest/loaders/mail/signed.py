"""S/MIME: the message inside a signed envelope (CMS SignedData, RFC 5652), which is there to be read by anyone."""

from collections.abc import Iterator
from typing import NamedTuple

_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")  # the object identifiers, with their tag and length
_DATA = bytes.fromhex("06092a864886f70d010701")
_EXPLICIT, _OCTETS, _OCTETS_IN_PIECES = 0xA0, 0x04, 0x24
_HEAD = 64  # bytes in which the envelope says what it is
_ENDLESS = -1


class _Element(NamedTuple):
    """A BER element's tag, and the span of its content; `end` is _ENDLESS where an end mark follows it instead."""

    tag: int
    start: int
    end: int


def signed_content(envelope: bytes) -> bytes | None:
    """The bytes that were signed; None where they are encrypted, elsewhere, or the envelope is damaged."""
    found = envelope.find(_SIGNED_DATA, 0, _HEAD)
    position = envelope.find(_DATA, found) if found >= 0 else -1
    if position < 0:
        return None
    try:
        explicit = _element(envelope, position + len(_DATA))
        octets = _element(envelope, explicit.start)
        if explicit.tag != _EXPLICIT or octets.tag not in (_OCTETS, _OCTETS_IN_PIECES):
            return None
        return b"".join(_pieces(envelope, octets)) or None
    except IndexError:
        return None


def _pieces(data: bytes, octets: _Element) -> Iterator[bytes]:
    if octets.tag == _OCTETS:
        yield data[octets.start : octets.end]
        return
    position = octets.start
    while octets.end == _ENDLESS or position < octets.end:
        piece = _element(data, position)
        if piece.tag != _OCTETS or piece.end < piece.start:
            return
        yield data[piece.start : piece.end]
        position = piece.end


def _element(data: bytes, position: int) -> _Element:
    """Raises IndexError where the data ends before its content."""
    tag, length, start = data[position], data[position + 1], position + 2
    if length == 0x80:
        return _Element(tag, start, _ENDLESS)
    if length > 0x80:
        digits = data[start : start + length - 0x80]
        start += length - 0x80
        length = int.from_bytes(digits, "big")
    return _Element(tag, start, min(start + length, len(data)))
