"""Bytes -> text: which files are text at all, and in which encoding."""

import codecs
import re
from collections.abc import Iterator
from typing import NamedTuple

from ingest.loaders.text.damaged_utf8 import count_sequences, repaired
from ingest.loaders.text.legacy_encodings import LATIN_1, detected_encoding
from ingest.loaders.text.nul_bytes import is_text_with_nuls, narrowed, widened, without_nuls
from ingest.loaders.text.terminal import without_overstriking, without_terminal_codes
from retrieval.errors import LoadError

HEAD = 8192
"""How many bytes are looked at to tell text from binary, as in git and grep."""

MAGIC_NUMBERS = (
    (b"%PDF-", "PDF"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"PK\x05\x06", "empty ZIP archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OLE file (old or encrypted Microsoft Office)"),
    (b"\x89PNG\r\n\x1a\n", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"GIF87a", "GIF image"),
    (b"GIF89a", "GIF image"),
    (b"II*\x00", "TIFF image"),
    (b"MM\x00*", "TIFF image"),
    (b"\x1f\x8b", "gzip archive"),
    *((b"BZh%d1AY&SY" % level, "bzip2 archive") for level in range(1, 10)),  # "BZh" alone may start a text
    (b"\xfd7zXZ\x00", "xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "7z archive"),
    (b"(\xb5/\xfd", "zstd archive"),
    (b"Rar!\x1a\x07", "RAR archive"),
    (b"\x7fELF", "ELF program"),
    (b"SQLite format 3\x00", "SQLite database"),
    (b"wOFF", "WOFF font"),
    (b"wOF2", "WOFF2 font"),
    (b"OggS", "Ogg media"),
    (b"ID3\x02", "MP3 audio"),
    (b"ID3\x03", "MP3 audio"),
    (b"ID3\x04", "MP3 audio"),
    (b"%!PS-Adobe", "PostScript"),
)
"""What a file is, by its first bytes; Unicode text never starts with any of these by chance that matters."""

_TAR_MAGIC = 257  # where POSIX has it

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_TEXT_CONTROLS = frozenset(b"\t\n\v\f\r\x1b")  # ESC colours logs
_CONTROLS = bytes(byte for byte in (*range(0x20), 0x7F) if byte not in _TEXT_CONTROLS)
_HIGH = bytes(range(128, 256))
_MAX_CONTROL_SHARE = 0.02
_MAX_UNKNOWN = 0.1
_FEW = 4  # bytes beyond ASCII that do not tell an encoding: they may be damage
_JIS, _JIS_BEGINS = "iso2022_jp", b"\x1b$"  # in seven bits, and so valid UTF-8 too
_HOLDS_NULS = "it is a binary file (it holds NUL bytes), which no loader reads"
_CODING = re.compile(rb"(?:.*\n)?.*?coding[:=][ \t]*([-\w.]+)")  # in the first two lines, as in PEP 263 and Emacs


class Decoded(NamedTuple):
    """A file's text, and what is to be reported of how it was read."""

    text: str
    notices: tuple[str, ...] = ()


class UnsupportedFormatError(LoadError):
    """The file is of a kind that no loader reads: to be skipped rather than repaired."""


def magic_number(data: bytes) -> str | None:
    """The name of the binary format that `data` starts as; None where it starts as none of MAGIC_NUMBERS, nor a tar."""
    if data.startswith((b"ustar\0", b"ustar  \0"), _TAR_MAGIC):
        return "tar archive"
    return next((name for magic, name in MAGIC_NUMBERS if data.startswith(magic)), None)


def why_binary(head: bytes) -> str | None:
    """Why a file that starts with `head` (HEAD bytes of it, or all) cannot be text; None where it may be."""
    if any(head.startswith(mark) for mark, _ in _BOMS):
        return None
    if name := magic_number(head):
        return f"no loader reads its format ({name}); set a converter for its suffix, or ignore it in .retrievalignore"
    if 0 in head:
        is_unknown = len(head) >= HEAD and not any(head)  # only what follows can tell
        may_be_text = is_unknown or any(_wide_encodings(head)) or is_text_with_nuls(narrowed(head))
        return None if may_be_text else _HOLDS_NULS
    head = without_overstriking(head)
    if len(head) - len(head.translate(None, _CONTROLS)) > _MAX_CONTROL_SHARE * len(head):
        return "it is a binary file (it is full of control characters), which no loader reads"
    return None


def decode(data: bytes, *, declared: str | None = None) -> str:
    """The text in `data`, as `decode_noting` finds it."""
    return decode_noting(data, declared=declared).text


def decode_noting(data: bytes, *, declared: str | None = None) -> Decoded:
    r"""The text in `data`: newlines are \n, there is no NUL, no byte order mark and nothing that only a
    terminal obeys; else nothing is changed.

    By byte order mark, the pattern of UTF-16 and UTF-32, strict UTF-8, UTF-8 with damaged bytes (of which each is
    guessed), the encoding that the file itself declares (`declared`, or a comment at its start), and statistics, in
    this order. What cannot be read becomes U+FFFD. NUL bytes in text are left out.

    Raises UnsupportedFormatError where the bytes are no text, LoadError where the encoding cannot be told.
    """
    decoded = _decode(data, declared)
    return Decoded(_normalise(decoded.text), decoded.notices)


def _decode(data: bytes, declared: str | None) -> Decoded:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            data = data[len(mark) :]
            if encoding == "utf-16-le":
                data = widened(data)
            return _utf8(data) if encoding == "utf-8" else _replacing(data, encoding)
    head = data[:HEAD]
    if reason := why_binary(head):
        raise UnsupportedFormatError(reason)
    data = narrowed(data) if 0 in head else data
    if 0 in head and not is_text_with_nuls(data):
        for encoding in _wide_encodings(head):
            text = _strict(data, encoding)
            if text is not None and _plausible(text[:HEAD]):
                return Decoded(text)
        raise UnsupportedFormatError(_HOLDS_NULS)
    if reason := why_binary(data.lstrip(b"\0")[:HEAD]):
        raise UnsupportedFormatError(reason)
    text = _strict(data, _JIS if _JIS_BEGINS in data else "utf-8")
    if text is None:
        text = _strict(data, "utf-8")
    if text is not None:
        return Decoded(text)
    valid, invalid = count_sequences(data)
    declared = declared or _coding(head)
    if valid < invalid and declared:
        text = _strict(data, "cp1252" if declared.lower() in LATIN_1 else declared)
    if text is not None:
        return Decoded(text)
    return _utf8(data) if valid else _legacy(data, is_damage=invalid < _FEW)


def _coding(head: bytes) -> str | None:
    """The encoding that a comment in the first two lines names."""
    match = _CODING.match(head)
    return match[1].decode("ascii", "replace").removesuffix("-unix").removesuffix("-dos") if match else None


def _wide_encodings(head: bytes) -> Iterator[str]:
    """Which of UTF-32 and UTF-16 the positions of the NUL bytes speak for, if any."""
    nuls = [head[position::4].count(0) for position in range(4)]
    quarter = len(head) // 4
    if min(nuls[2:]) >= quarter * 0.9:
        yield "utf-32-le"
    if min(nuls[:2]) >= quarter * 0.9:
        yield "utf-32-be"
    even, odd = nuls[0] + nuls[2], nuls[1] + nuls[3]
    # Not "none": U+3000, the space of Chinese and Japanese, has a NUL on the other side.
    if odd > 2 * even:
        yield "utf-16-le"
    if even > 2 * odd:
        yield "utf-16-be"


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeError, LookupError):
        return None


def _plausible(text: str) -> bool:
    """Whether (nearly) all characters are ones that people write."""
    odd = sum(not (character.isprintable() or character.isspace()) for character in text)
    return odd <= _MAX_CONTROL_SHARE * len(text)


def _utf8(data: bytes) -> Decoded:
    """UTF-8 that may be damaged."""
    text = _strict(data, "utf-8")
    return Decoded(*repaired(data)) if text is None else Decoded(text)


def _legacy(data: bytes, *, is_damage: bool) -> Decoded:
    """Text in one of the encodings from before Unicode. `is_damage`: what is not ASCII in it may be damage, and its
    reading is reported."""
    encoding = detected_encoding(data)
    if encoding is None and len(data) - len(data.translate(None, _HIGH)) <= _MAX_UNKNOWN * len(data):
        encoding = "cp1252"  # mostly ASCII: a few letters more or less
    if encoding is None:
        raise LoadError("its encoding is unknown; save it as UTF-8")
    decoded = _replacing(data, encoding)
    if decoded.notices or not is_damage:
        return decoded
    line = next(number for number, line in enumerate(data.splitlines(), 1) if not line.isascii())
    where = f"from line {line:,} on" if len(data) - len(data.translate(None, _HIGH)) > 1 else f"on line {line:,}"
    return Decoded(decoded.text, (f"what is not ASCII in it, {where}, was read as {encoding}; save it as UTF-8",))


def _replacing(data: bytes, encoding: str) -> Decoded:
    """With U+FFFD for what is damaged."""
    text = _strict(data, encoding)
    if text is not None:
        return Decoded(text)
    text = data.decode(encoding, "replace")
    line = text.count("\n", 0, text.index("\ufffd")) + 1 if "\ufffd" in text else 1
    return Decoded(text, (f"it is damaged: what is not {encoding} became U+FFFD, from line {line:,} on",))


def _normalise(text: str) -> str:
    text = without_terminal_codes(without_nuls(text.removeprefix("\ufeff")))
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
