"""A tar file in which no bit can change unnoticed.

Its members are regular files with nothing but a name and a size; the last one, SHA256SUMS, holds the checksums of the
others as `sha256sum` writes them, so that `tar -x` and `sha256sum -c` can do without this module. Reading, every byte
is either hashed or held against what it must be: headers, padding and the end are given by names and sizes.
"""

import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from typing import IO, BinaryIO

SUMS = "SHA256SUMS"

_RECORD = tarfile.BLOCKSIZE
_READ = 1 << 20
_LONGEST_SUMS = 1 << 20


class AlteredError(Exception):
    """The file is not as it was written; the message says where."""


def write_members(out: IO[bytes], members: Iterable[tuple[str, int, Iterable[bytes]]]) -> None:
    """Write (name, size, content in blocks) one after another, and their checksums."""
    sums: dict[str, str] = {}
    for name, size, blocks in members:
        out.write(_header(name, size))
        content = hashlib.sha256()
        for block in blocks:
            content.update(block)
            out.write(block)
        out.write(_padding(size))
        sums[name] = content.hexdigest()
    listing = _listing(sums)
    out.write(_header(SUMS, len(listing)) + listing + _padding(len(listing)) + _END)


def read_members(file: BinaryIO) -> Iterator[tuple[str, int, Iterator[bytes]]]:
    """(name, size, content in blocks) of each member, which must be taken in turn.

    What was read is true only once the iterator has come to its end. Raises AlteredError, naming the member.
    """
    sums: dict[str, str] = {}
    where = "the beginning"
    while True:
        name, size = _read_header(file, after=where)
        if name == SUMS:
            _check_end(file, size, sums)
            return
        content = hashlib.sha256()
        blocks = _read_content(file, name, size, content)
        yield name, size, blocks
        for _ in blocks:  # what the caller did not take
            pass
        if file.read(len(_padding(size))) != _padding(size):
            raise AlteredError(f"{name} is cut off or altered")
        sums[name] = content.hexdigest()
        where = name


def _read_header(file: BinaryIO, *, after: str) -> tuple[str, int]:
    header = file.read(_RECORD)
    try:
        info = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
        if info.size >= 0 and header == _header(info.name, info.size):
            return info.name, info.size
    except (tarfile.HeaderError, ValueError):
        pass
    raise AlteredError(f"what comes after {after} is cut off or altered")


def _read_content(file: BinaryIO, name: str, size: int, content: "hashlib._Hash") -> Iterator[bytes]:
    left = size
    while left:
        block = file.read(min(left, _READ))
        if not block:
            raise AlteredError(f"{name} is cut off")
        content.update(block)
        left -= len(block)
        yield block


def _check_end(file: BinaryIO, size: int, sums: dict[str, str]) -> None:
    listing = file.read(min(size, _LONGEST_SUMS))
    expected = _listing(sums)
    if listing != expected:
        lines = set(listing.splitlines())
        altered = [name for name, line in zip(sums, expected.splitlines(), strict=True) if line not in lines]
        raise AlteredError(f"{', '.join(altered) or SUMS} does not have the checksum that it had when it was saved")
    end = _padding(size) + _END
    if file.read(len(end) + 1) != end:
        raise AlteredError(f"what comes after {SUMS} is cut off or altered")


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)  # sizes beyond 8 GB, and always one record


def _padding(size: int) -> bytes:
    return bytes(-size % _RECORD)


def _listing(sums: dict[str, str]) -> bytes:
    return "".join(f"{digest}  {name}\n" for name, digest in sums.items()).encode()


_END = bytes(2 * _RECORD)
"""What a tar file ends with."""
