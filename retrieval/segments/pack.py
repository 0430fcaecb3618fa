"""Named arrays in one immutable file, memory-mapped, with a checksum each.

    magic | array | padding | array | padding | ... | directory (JSON) | trailer

The directory comes last, so that arrays can be written as they are made. It says where each array lies, of which type
and shape it is, and the CRC-32 of its bytes and padding; the trailer says where the directory lies and has its CRC-32.
"""

import json
import math
import mmap
import os
import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from retrieval.directory.files import private_open
from retrieval.errors import IndexDamagedError

_MAGIC = b"hybrid-retrieval pack 1\n"
_TRAILER = struct.Struct("<QQI4s")
"""Size of the file, size of the directory, CRC-32 of the directory, and `_END`."""

_END = b"PACK"
_ALIGNMENT = 64
"""Bytes; a cache line, and more than any type of numpy asks for."""

_CHECKED = 1 << 22
"""Bytes whose checksum is computed at once."""


class PackWriter:
    """Writes a pack; a context manager that completes the file, or removes it where the block fails."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = private_open(path, "xb")
        self._arrays: dict[str, list[Any]] = {}
        self._file.write(_MAGIC)
        self._pad()

    def write(self, name: str, array: NDArray[Any]) -> None:
        self.write_blocks(name, array.dtype, array.shape, [array])

    def write_blocks(self, name: str, dtype: Any, shape: tuple[int, ...], blocks: Iterable[NDArray[Any]]) -> None:
        """Write one array of this type and shape, given as blocks of its rows, so that it need not fit in memory."""
        dtype = np.dtype(dtype).newbyteorder("<")
        offset, crc = self._file.tell(), 0
        for block in blocks:
            data = np.ascontiguousarray(block, dtype).reshape(-1).view(np.uint8)
            crc = zlib.crc32(data.data, crc)
            self._file.write(data.data)
        if self._file.tell() - offset != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"The blocks of {name} do not add up to {shape} of {dtype}.")
        self._arrays[name] = [dtype.str, list(shape), offset, zlib.crc32(self._pad(), crc)]

    def finish(self, about: Mapping[str, Any]) -> None:
        """Write the directory with what there is to say about the arrays, and force all to disk."""
        directory = json.dumps({"about": about, "arrays": self._arrays}).encode()
        self._file.write(directory)
        size = self._file.tell() + _TRAILER.size
        self._file.write(_TRAILER.pack(size, len(directory), zlib.crc32(directory), _END))
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if value is not None:  # on a full disk, what is half written is in the way of what comes next
            self._path.unlink(missing_ok=True)

    def _pad(self) -> bytes:
        padding = bytes(-self._file.tell() % _ALIGNMENT)
        self._file.write(padding)
        return padding


class Pack:
    """A pack that a PackWriter finished; its arrays stay on disk until they are read.

    about   what the writer said about the arrays
    size    of the file, in bytes

    The directory is checked here, and the arrays in `altered`. Raises IndexDamagedError where the file is missing, cut,
    or has another directory than was written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped
            raise IndexDamagedError(f"The search file {path.name} cannot be read: {_in_words(error)}.") from error
        self.size = len(self._data)
        directory = _directory(self._data)
        if directory is None:
            raise IndexDamagedError(f"The search file {path.name} is cut off or altered.")
        self.about: dict[str, Any] = directory["about"]
        self._arrays: dict[str, list[Any]] = directory["arrays"]

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Read-only. Raises KeyError."""
        descr, shape, offset, _ = self._arrays[name]
        dtype = np.dtype(descr)
        return np.frombuffer(self._data, dtype, count=math.prod(shape), offset=offset).reshape(shape)

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def names(self, prefix: str) -> list[str]:
        """The names that begin so."""
        return [name for name in self._arrays if name.startswith(prefix)]

    @property
    def is_cut_off(self) -> bool:
        """Whether the file has lost its end since it was mapped: reading what is gone would end the process (SIGBUS).
        A file that was removed can still be read where it is mapped."""
        try:
            return self.path.stat().st_size < self.size
        except OSError:
            return False

    def release(self) -> None:
        """Let go of the memory of what was read so far; the kernel still has it for those who read it next."""
        self._data.madvise(mmap.MADV_DONTNEED)

    def altered(self) -> list[str]:
        """The names of the arrays whose bytes are not those that were written. Reads all of them."""
        bounds = [*(offset for _, _, offset, _ in self._arrays.values()), self._end_of_arrays]
        beginning = _MAGIC + bytes(-len(_MAGIC) % _ALIGNMENT)
        found = [] if self._data[: len(beginning)] == beginning else ["the beginning"]
        for name, (_, _, _, crc), start, end in zip(
            self._arrays, self._arrays.values(), bounds, bounds[1:], strict=False
        ):
            if _crc(memoryview(self._data)[start:end]) != crc:
                found.append(name)
        return found

    @property
    def _end_of_arrays(self) -> int:
        return self.size - _TRAILER.size - int(_TRAILER.unpack(self._data[-_TRAILER.size :])[1])


def _directory(data: mmap.mmap) -> dict[str, Any] | None:
    """The directory of a pack, or None where its checksum says that it was altered."""
    if len(data) < len(_MAGIC) + _TRAILER.size:
        return None
    size, length, crc, end = _TRAILER.unpack(data[-_TRAILER.size :])
    first = size - _TRAILER.size - length
    if end != _END or size != len(data) or first < 0:
        return None
    text = data[first : first + length]
    if zlib.crc32(text) != crc:
        return None
    directory: dict[str, Any] = json.loads(text)
    return directory


def _crc(data: memoryview) -> int:
    crc = 0
    for start in range(0, len(data), _CHECKED):
        crc = zlib.crc32(data[start : start + _CHECKED], crc)
    return crc


def _in_words(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "it is missing"
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else "it is empty"
