"""Files that are compressed on their own: gzip, bzip2 and xz, never unpacked beyond a limit."""

import bz2
import gzip
import io
import lzma
import zlib
from pathlib import PurePosixPath

from ingest.loaders.text.decoding import magic_number
from retrieval.errors import LoadError

_NAMES = frozenset({"gzip", "bzip2", "xz"})
_SUFFIXES = frozenset({".gz", ".bz2", ".xz"})
_MEMORY = 1 << 27
"""Bytes for unpacking the first few: an xz file says itself how much it wants, and 64 MB is what its tools write."""

_DAMAGES = (EOFError, OSError, zlib.error, lzma.LZMAError)


def compression(data: bytes) -> str | None:
    """Which of gzip, bzip2 and xz `data` starts as; None where it is neither."""
    name = (magic_number(data) or "").removesuffix(" archive")
    return name if name in _NAMES else None


def decompress(data: bytes, *, max_bytes: int) -> bytes:
    """What the members of the gzip, bzip2 or xz file `data` hold, one after the other.

    Raises LoadError where that is more than `max_bytes`, once as much is unpacked, and for a stream that is damaged,
    cut off, or not compressed at all.
    """
    name = compression(data)
    if name is None:
        raise LoadError("it is not compressed with gzip, bzip2 or xz")
    try:
        with _opened(name, data) as stream:
            unpacked = stream.read(max_bytes + 1)
    except _DAMAGES as error:
        reason = " ".join(str(error).split())
        raise LoadError(f"its {name} stream is damaged or cut off ({reason}); get it again") from error
    if len(unpacked) > max_bytes:
        raise LoadError(f"it unpacks to more than {max_bytes / 10**6:g} MB; unpack and split it, or raise max_file_mb")
    return unpacked


def _opened(name: str, data: bytes) -> gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile:
    file = io.BytesIO(data)
    if name == "gzip":
        return gzip.GzipFile(fileobj=file)
    return bz2.BZ2File(file) if name == "bzip2" else lzma.LZMAFile(file)


def peek(head: bytes, *, size: int) -> bytes:
    """The first bytes, at most `size`, of what the compressed file that starts with `head` holds; b"" if damaged."""
    name = compression(head)
    if name is None:
        return b""
    try:
        if name == "gzip":
            return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS).decompress(head, size)
        decompressor = bz2.BZ2Decompressor() if name == "bzip2" else lzma.LZMADecompressor(memlimit=_MEMORY)
        return decompressor.decompress(head, max_length=size)
    except _DAMAGES:  # also what wants more memory
        return b""


def inner_name(source: str) -> str:
    """The name of the file within: the source without .gz, .bz2 or .xz."""
    suffix = PurePosixPath(source).suffix
    return source[: -len(suffix)] if suffix.lower() in _SUFFIXES else source
