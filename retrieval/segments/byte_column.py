"""Many byte strings in two files: one after the other in NAME.bin, their ends in NAME.ends.npy. Read memory-mapped."""

import mmap
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from retrieval.npy import load_array


class ByteColumnWriter:
    """Appends byte strings; a context manager that completes the files."""

    def __init__(self, directory: Path, name: str) -> None:
        self._ends_path = directory / f"{name}.ends.npy"
        self._file = (directory / f"{name}.bin").open("wb")
        self._ends: list[int] = []

    def __enter__(self) -> Self:
        return self

    def append(self, blob: bytes) -> None:
        self._file.write(blob)
        self._ends.append((self._ends[-1] if self._ends else 0) + len(blob))

    def extend(self, blobs: Iterable[bytes]) -> None:
        for blob in blobs:
            self.append(blob)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        np.save(self._ends_path, np.asarray(self._ends, dtype=np.int64))


class ByteColumn:
    """The byte strings that a ByteColumnWriter wrote, by position."""

    def __init__(self, directory: Path, name: str) -> None:
        self._ends = load_array(directory / f"{name}.ends.npy")
        self._data: mmap.mmap | bytes = b""
        if len(self._ends) and self._ends[-1]:
            with (directory / f"{name}.bin").open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[bytes]:
        start = 0
        for end in self._ends.tolist():
            yield self._data[start:end]
            start = end

    def __getitem__(self, position: int) -> bytes:
        start = int(self._ends[position - 1]) if position else 0
        return self._data[start : int(self._ends[position])]
