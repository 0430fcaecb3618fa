"""The files of an HNSW graph, as Chroma's hnswlib persists them, held against the rules that its code relies on.

hnswlib follows the neighbours that it reads without looking at their numbers: one that is no element is a read or a
write somewhere in memory, which crashes the process. The layout is that of persist version 1:

header.bin          sizes, offsets and counts
data_level0.bin     for each element: how many neighbours, their numbers, the vector, and the label
link_lists.bin      for each element: a length in bytes, and so many levels of neighbours above the lowest
length.bin          float32 [elements]: the length of each vector
index_metadata.pickle   which id has which label
"""

import pickle
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

HEADER = "header.bin"

_HEADER = struct.Struct("<iQQQQQQiIQQQdQ")
_VERSION = 1
_LINKS_HEAD = 4
"""Bytes before a list of neighbours: uint16 how many, a byte of flags, and one that is not used."""
_BLOCK = 1 << 16
"""Elements looked at together."""


class DamageError(Exception):
    """A file is not as hnswlib leaves it; the message is what is wrong, in words."""


class _Header(NamedTuple):
    version: int
    offset_level0: int
    capacity: int
    elements: int
    element_size: int
    label_offset: int
    vector_offset: int
    top_level: int
    entry_point: int
    max_above: int
    max_lowest: int
    m: int
    mult: float
    ef_construction: int

    @property
    def dimension(self) -> int:
        return (self.label_offset - self.vector_offset) // 4


def check_graph(directory: Path) -> None:
    """Raises DamageError where the graph in `directory` could take a process down, or has lost elements."""
    try:
        _check(directory)
    except OSError as error:
        raise DamageError(
            f"{Path(error.filename or directory).name}: {(error.strerror or str(error)).lower()}"
        ) from None


def _check(directory: Path) -> None:
    header = _read_header(directory / HEADER)
    if header is None or not header.elements:
        return
    labels = _check_lowest_level(directory / "data_level0.bin", header)
    _check_levels_above(directory / "link_lists.bin", header)
    _check_lengths(directory / "length.bin", header)
    _check_labels(directory / "index_metadata.pickle", labels)


def _read_header(file: Path) -> _Header | None:
    """None for a layout that is not known here."""
    content = file.read_bytes()
    if len(content) >= 4 and struct.unpack_from("<i", content)[0] > _VERSION and len(content) != _HEADER.size:
        return None
    if len(content) != _HEADER.size:
        raise DamageError(f"{file.name} has {len(content)} bytes, not {_HEADER.size}")
    header = _Header(*_HEADER.unpack(content))
    links = header.max_lowest * 4 + _LINKS_HEAD
    is_sound = (
        header.version == _VERSION
        and header.offset_level0 == 0
        and header.elements <= header.capacity
        and 2 <= header.m == header.max_above <= 1 << 16
        and header.max_lowest == 2 * header.m
        and header.vector_offset == links
        and header.label_offset > links
        and (header.label_offset - links) % 4 == 0
        and header.element_size == header.label_offset + 8
        and header.m <= header.ef_construction <= 1 << 20
        and header.capacity <= 16 * header.elements + (1 << 20)
        and abs(header.mult * np.log(header.m) - 1) < 1e-9
        and (header.top_level == -1 or 0 <= header.top_level < 64)
        and (header.elements == 0 or (header.top_level >= 0 and header.entry_point < header.elements))
    )
    if not is_sound:
        raise DamageError(f"{file.name} contradicts itself")
    return header


def _check_lowest_level(file: Path, header: _Header) -> NDArray[np.uint64]:
    """The label of each element, uint64 [count]."""
    size = header.elements * header.element_size
    if file.stat().st_size < size:
        raise DamageError(f"{file.name} is cut off")
    layout = np.dtype(
        {
            "names": ["count", "links", "vector", "label"],
            "formats": ["<u2", ("<u4", header.max_lowest), ("<f4", header.dimension), "<u8"],
            "offsets": [0, _LINKS_HEAD, header.vector_offset, header.label_offset],
            "itemsize": header.element_size,
        }
    )
    labels = np.empty(header.elements, dtype=np.uint64)
    used = np.arange(header.max_lowest)
    with file.open("rb") as opened:
        for start in range(0, header.elements, _BLOCK):
            elements = np.fromfile(opened, dtype=layout, count=min(_BLOCK, header.elements - start))
            counts, links = elements["count"], elements["links"]
            if counts.max() > header.max_lowest:
                raise DamageError(f"{file.name} has an element with {counts.max()} neighbours")
            if np.any((links >= header.elements) & (used < counts[:, None])):
                raise DamageError(f"{file.name} has a neighbour that is no element")
            if not _are_lengths(np.einsum("ij,ij->i", elements["vector"], elements["vector"], dtype=np.float64)):
                raise DamageError(f"{file.name} has a vector that is not of length 1")
            labels[start : start + len(elements)] = elements["label"]
    if len(np.unique(labels)) < header.elements:
        raise DamageError(f"{file.name} has a label twice")
    return labels


def _check_levels_above(file: Path, header: _Header) -> None:
    content = np.frombuffer(file.read_bytes(), dtype=np.uint8)
    size = header.max_above * 4 + _LINKS_HEAD
    levels = np.zeros(header.elements, dtype=np.int64)
    lists: list[tuple[int, int]] = []  # where an element's begin, and whose they are
    at = 0
    for element in range(header.elements):
        if at + 4 > len(content):
            raise DamageError(f"{file.name} is cut off")
        length = int(content[at : at + 4].view("<u4")[0])
        at += 4
        if length:
            if length % size or length // size > header.top_level or at + length > len(content):
                raise DamageError(f"{file.name} has lists of {length} bytes for an element")
            levels[element] = length // size
            lists.append((at, element))
            at += length
    if at != len(content):
        raise DamageError(f"{file.name} is longer than its lists")
    if levels[header.entry_point] != header.top_level:
        raise DamageError(f"{HEADER} names an element to begin at that is not on the highest level")
    for at, element in lists:
        for level in range(1, int(levels[element]) + 1):
            links = content[at + (level - 1) * size : at + level * size]
            count = int(links[:2].view("<u2")[0])
            if count > header.max_above:
                raise DamageError(f"{file.name} has an element with {count} neighbours")
            neighbours = links[_LINKS_HEAD : _LINKS_HEAD + 4 * count].view("<u4")
            if count and (neighbours.max() >= header.elements or levels[neighbours].min() < level):
                raise DamageError(f"{file.name} has a neighbour that is not on its level")


def _check_lengths(file: Path, header: _Header) -> None:
    lengths = np.fromfile(file, dtype="<f4", count=header.elements)
    if len(lengths) < header.elements:
        raise DamageError(f"{file.name} is cut off")
    if not _are_lengths(lengths):
        raise DamageError(f"{file.name} has a length that is not 1")


def _are_lengths(lengths: NDArray[Any]) -> bool:
    """Whether they are those of unit vectors, which Chroma makes of all for the cosine, or of zero."""
    return bool(np.all((np.abs(lengths - 1) < 1e-3) | (lengths == 0)))


def _check_labels(file: Path, labels: NDArray[np.uint64]) -> None:
    try:
        with file.open("rb") as opened:
            told = _PlainUnpickler(opened).load()
        by_id, by_label, last = told["id_to_label"], told["label_to_id"], told["total_elements_added"]
        is_sound = len(by_id) == len(by_label) and all(by_label[label] == id_ for id_, label in by_id.items())
        is_sound = is_sound and max(by_label, default=0) <= last  # else the next label is one that is in use
        unknown = set(by_label).difference(labels.tolist())
    except OSError:
        raise
    except Exception as error:  # whatever a damaged pickle makes of itself
        raise DamageError(f"{file.name} cannot be read: {type(error).__name__}") from None
    if not is_sound or unknown:
        raise DamageError(f"{file.name} contradicts itself or the vectors")


class _PlainUnpickler(pickle.Unpickler):
    """Numbers, strings and containers of these; nothing that would be called."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name}")
