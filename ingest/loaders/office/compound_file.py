"""Streams of compound files (OLE), which Office wrote before 2007: [MS-CFB]."""

import struct

_MAGIC = b"\xd0\xcf\x11\xe0"
_LAST_SECTOR = 0xFFFFFFFA  # what is greater ends a chain
_ENTRY = 128  # bytes of a directory entry


def read_stream(data: bytes, *names: str) -> bytes:
    """The content of the first stream of one of these names; nothing where there is none, or the file is damaged."""
    try:
        return _CompoundFile(data).read(names) if data.startswith(_MAGIC) else b""
    except (struct.error, IndexError, ValueError):
        return b""


class _CompoundFile:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._sector, self._small_sector = (1 << shift for shift in struct.unpack_from("<HH", data, 0x1E))
        if not (9 <= self._sector.bit_length() - 1 <= 12 and 4 <= self._small_sector.bit_length() - 1 <= 12):
            raise ValueError("sectors of a size that no program writes")
        directory, self._cutoff, small, _, more, _ = struct.unpack_from("<I4xIIIII", data, 0x30)
        tables = list(struct.unpack_from("<109I", data, 0x4C))
        while more <= _LAST_SECTOR and len(tables) < len(data) // self._sector + 109:
            *found, more = struct.unpack(f"<{self._sector // 4}I", self._at(more))
            tables += found
        self._next = self._numbers(b"".join(self._at(table) for table in tables if table <= _LAST_SECTOR))
        self._entries = self._chain(directory)
        self._small_next = self._numbers(self._chain(small))
        self._small = self._chain(struct.unpack_from("<I", self._entries, 116)[0])

    def read(self, names: tuple[str, ...]) -> bytes:
        for name in names:
            for start in range(0, len(self._entries), _ENTRY):
                entry = self._entries[start : start + _ENTRY]
                length = struct.unpack_from("<H", entry, 64)[0]
                if entry[: max(0, length - 2)].decode("utf-16-le", "replace") == name:
                    first, size = struct.unpack_from("<II", entry, 116)
                    return (self._small_chain(first) if size < self._cutoff else self._chain(first))[:size]
        return b""

    def _at(self, sector: int) -> bytes:
        start = (sector + 1) * self._sector
        return self._data[start : start + self._sector]

    def _numbers(self, table: bytes) -> tuple[int, ...]:
        return struct.unpack(f"<{len(table) // 4}I", table[: len(table) // 4 * 4])

    def _chain(self, sector: int) -> bytes:
        found: list[bytes] = []
        while sector <= _LAST_SECTOR and len(found) < len(self._next):
            found.append(self._at(sector))
            sector = self._next[sector]
        return b"".join(found)

    def _small_chain(self, sector: int) -> bytes:
        found: list[bytes] = []
        while sector <= _LAST_SECTOR and len(found) < len(self._small_next):
            start = sector * self._small_sector
            found.append(self._small[start : start + self._small_sector])
            sector = self._small_next[sector]
        return b"".join(found)
