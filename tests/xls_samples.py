"""Small XLS files, record by record."""

import struct
from collections.abc import Sequence

_SECTOR = 512
_FREE, _LAST, _TABLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def compound_file(name: str, stream: bytes) -> bytes:
    """An OLE file of one stream, which is padded to a size at which it has sectors of its own."""
    stream = stream.ljust(4096, b"\0")
    sectors = -(-len(stream) // _SECTOR)
    table = [_TABLE, _LAST, *range(3, sectors + 2), _LAST]
    entries = b"".join(
        title.encode("utf-16-le").ljust(64, b"\0")
        + struct.pack("<HBB3I", 2 * len(title) + 2, kind, 1, _FREE, _FREE, child).ljust(52, b"\0")
        + struct.pack("<II4x", first, size)
        for title, kind, child, first, size in (
            ("Root Entry", 5, 1, _LAST, 0),
            (name, 2, _FREE, 2, len(stream)),
        )
    )
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIIII", 0, 1, 1, 0, 4096, _LAST, 0, _LAST, 0, 0)
    header += struct.pack(f"<{109 - 1}I", *[_FREE] * 108)
    return (
        header.ljust(_SECTOR, b"\xff")
        + struct.pack(f"<{len(table)}I", *table).ljust(_SECTOR, b"\xff")
        + entries.ljust(_SECTOR, b"\0")
        + stream.ljust(sectors * _SECTOR, b"\0")
    )


def record(kind: int, content: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def text(characters: str) -> bytes:
    """Characters behind the byte that says how many bytes each has."""
    return b"\x01" + characters.encode("utf-16-le")


def begin(kind: int) -> bytes:
    """Of a workbook (5), a sheet (16) or a chart (32)."""
    return record(0x809, struct.pack("<HHHHII", 0x600, kind, 0x1234, 1997, 0, 0x600))


END = record(0x0A)


def workbook(sheet: bytes, *, codes: Sequence[str] = ()) -> bytes:
    """An XLS of one sheet, "S", with these records; style n + 1 is of the n-th of the format codes."""
    formats = b"".join(
        record(0x41E, struct.pack("<HH", 200 + i, len(code)) + text(code)) for i, code in enumerate(codes)
    )
    styles = b"".join(
        record(0xE0, struct.pack("<HHH14x", 0, number, 0)) for number in (0, *(200 + i for i in range(len(codes))))
    )
    before = begin(5) + record(0x42, struct.pack("<H", 1200)) + formats + styles
    name = bytes([1]) + text("S")
    place = len(before) + 4 + 6 + len(name) + len(END)
    listed = record(0x85, struct.pack("<IBB", place, 0, 0) + name)
    return compound_file("Workbook", before + listed + END + begin(16) + sheet + END)
