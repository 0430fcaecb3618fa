"""Bytes of a mail -> text: charsets that are wrong or unknown, and encoded words in headers."""

import base64
import binascii
import codecs
import re

from ingest.loaders.text.decoding import decode
from retrieval.errors import LoadError

_ENCODED_WORD = re.compile(r"=\?([^?\s*]{1,100})(?:\*[^?\s]{0,100})?\?([bq])\?((?:(?!\?=).){0,1000})\?=", re.I | re.S)
_SUPERSETS = {
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "cp950",
}
"""What programs write that name the charset on the left."""
_STATEFUL = ("iso2022", "hz", "utf-7", "utf-16", "utf-32")
"""Their bytes may be ASCII, or valid UTF-8, and mean something else."""
_SINGLE_BYTE = ("ascii", "cp125", "cp4", "cp8", "iso8859", "koi8", "mac", "tis")
_NO_CHARSETS = frozenset({"idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined"})
_MOST_DAMAGED = 0.01  # of the characters; with more, the charset is taken for a wrong one


def decode_body(content: bytes, charset: str | None) -> str:
    """The text of a part that says it is in `charset`; whatever that says, this gives text.

    UTF-8 that is declared to be Latin or the like is UTF-8. Where the charset does not fit, the text is guessed.
    """
    name = _codec(charset)
    if name is None or not name.startswith(_STATEFUL):
        if content.isascii():
            return content.decode("ascii")
        if name is None or name.startswith(_SINGLE_BYTE):
            try:
                return content.decode("utf-8")
            except UnicodeDecodeError:
                pass
    if name not in (None, "ascii", "utf-8"):
        text = _declared(content, _SUPERSETS.get(name, name))
        if text is not None:
            return text
    try:
        return decode(content)
    except LoadError:
        return content.decode("cp1252", "replace")


def decode_header(value: str) -> str:
    """A header's value on one line, its encoded words decoded (RFC 2047); one that is damaged, as far as it goes.

    value   as the parser gives it: bytes that are not ASCII as surrogate escapes.
    """
    if "=?" not in value and value.isascii():
        return " ".join(value.replace("\0", "").split())
    pieces: list[str] = []
    encoded, charset, end = b"", "", 0
    for word in _ENCODED_WORD.finditer(value):
        between = value[end : word.start()]
        if between.strip() or charset.lower() != word[1].lower():
            pieces.append(decode_body(encoded, charset))
            encoded, charset = b"", word[1]
        if between.strip() or not end:
            pieces.append(_raw(between))
        # Words of one charset are joined before they are decoded: some programs cut inside a character.
        encoded += _word_bytes(word[2], word[3])
        end = word.end()
    pieces += [decode_body(encoded, charset), _raw(value[end:])]
    text = "".join(pieces) if end else _raw(value)
    return " ".join(((text.strip() and text) or _raw(value)).replace("\0", "").split())


def _codec(charset: str | None) -> str | None:
    """Python's name of a charset; None for what is none."""
    try:
        name = codecs.lookup(charset or "").name
    except (LookupError, ValueError):
        return None
    return None if name in _NO_CHARSETS else name


def _declared(content: bytes, codec: str) -> str | None:
    """None where the codec does not fit the content."""
    try:
        return content.decode(codec)
    except (UnicodeError, LookupError):
        pass
    try:
        text = content.decode(codec, "replace")
    except (UnicodeError, LookupError):  # it is no codec of text
        return None
    return text if text.count("\ufffd") <= max(1, _MOST_DAMAGED * len(text)) else None


def _raw(text: str) -> str:
    """Bytes that should have been encoded words."""
    return text if text.isascii() else decode_body(text.encode("utf-8", "surrogateescape"), None)


def _word_bytes(encoding: str, text: str) -> bytes:
    content = text.encode("utf-8", "surrogateescape")
    if encoding in "qQ":
        return binascii.a2b_qp(content, header=True)
    digits = re.sub(rb"[^A-Za-z0-9+/]", b"", content)
    digits = digits[: len(digits) - (len(digits) % 4 == 1)]
    return base64.b64decode(digits + b"=" * (-len(digits) % 4))
