"""Several inverted files as one sequence of documents that can grow and shrink."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.lexical.postings import Postings, build, merge

_BLOCK_TOKENS = 1 << 22


@dataclass(frozen=True)
class Segments:
    """The living documents of all parts, numbered by position as in a list.

    Immutable: `with_added` and `without` make another one that shares the parts, so a search that has begun is not
    disturbed, and what was derived need not be invalidated. A slot is a document's place with the deleted ones counted.
    """

    parts: tuple[Postings, ...] = ()

    def with_added(self, corpus: Iterable[Sequence[str]]) -> "Segments":
        """These documents and, after them, those of `corpus`."""
        parts = [*self.parts, *(build(block) for block in _blocks(corpus))]
        # Each part stays at least twice as large as all that follow it. So there are log2(n) parts at most, and a
        # document is written log2(n) times at most.
        first, following = len(parts), 0
        for index in reversed(range(len(parts))):
            if len(parts[index]) < 2 * following:
                first = index
            following += len(parts[index])
        if first < len(parts):
            parts[first:] = [merge(parts[first:])]
        return Segments(tuple(parts))

    def without(self, positions: Iterable[int]) -> "Segments":
        """These documents less those at `positions`. Raises IndexError for what is no integer in [0, size)."""
        wanted = np.asarray(list(positions))
        if not wanted.size:
            return self
        if wanted.dtype.kind not in "iu":
            raise IndexError(f"Positions of documents must be integers, not {wanted.dtype}.")
        if wanted.min() < 0 or wanted.max() >= self.size:
            raise IndexError(
                f"Positions must lie in [0, {self.size}), as many as there are documents; "
                f"got {wanted.min()} to {wanted.max()}."
            )
        slots = wanted if self.is_whole else np.flatnonzero(self.alive)[wanted]
        parts = []
        for part, start in zip(self.parts, self.starts, strict=True):
            inside = slots[(slots >= start) & (slots < start + len(part))] - start
            rest = part.without(inside) if inside.size else part
            mostly_dead = 2 * np.count_nonzero(rest.alive) < len(rest)
            parts.append(merge([rest]) if mostly_dead else rest)
        return Segments(tuple(part for part in parts if len(part)))

    @cached_property
    def relative_lengths(self) -> NDArray[np.float64]:
        """float64 [size]: lengths as multiples of their mean; 0 where all are empty."""
        return self.lengths / (self.average_length or 1.0)

    @cached_property
    def compacted(self) -> "Segments":
        """The same documents in exactly one part, with none deleted in it."""
        return self if len(self.parts) == 1 and self.is_whole else Segments((merge(self.parts),))

    @cached_property
    def size(self) -> int:
        return int(np.count_nonzero(self.alive))

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """int64 [size]: the number of terms in each document."""
        lengths = _join([part.lengths for part in self.parts], np.int64)
        return lengths if self.is_whole else lengths[self.alive]

    @cached_property
    def average_length(self) -> float:
        """0 without documents."""
        return float(self.lengths.mean()) if self.size else 0.0

    @cached_property
    def average_log_odds(self) -> float:
        """The mean over all terms of ln((N - n + 0.5) / (n + 0.5)), n being the documents that have it; 0 without."""
        (part,) = self.compacted.parts
        counts = part.document_counts()
        return float(np.mean(np.log(self.size - counts + 0.5) - np.log(counts + 0.5))) if counts.size else 0.0

    def occurrences(self, term: str) -> tuple[NDArray[np.integer[Any]], NDArray[np.unsignedinteger[Any]]]:
        """The positions of the documents that have the term, ascending, and how often each has it."""
        found = [(part, part.find(term), start) for part, start in zip(self.parts, self.starts, strict=True)]
        found = [(part, where, start) for part, where, start in found if where.start < where.stop]
        slots = _join(
            [part.documents[where] + start if start else part.documents[where] for part, where, start in found],
            np.int32,
        )
        frequencies = _join([part.frequencies[where] for part, where, _ in found], np.uint8)
        if self.is_whole:
            return slots, frequencies
        living = self.alive[slots]
        return self._positions[slots[living]], frequencies[living]

    @cached_property
    def is_whole(self) -> bool:
        """Whether no document is masked, so that slots are positions."""
        return self.size == len(self.alive)

    @cached_property
    def alive(self) -> NDArray[np.bool_]:
        """bool [slots]."""
        return _join([part.alive for part in self.parts], np.bool_)

    @cached_property
    def starts(self) -> list[int]:
        """The first slot of each part."""
        return list(accumulate(map(len, self.parts), initial=0))[:-1]

    @cached_property
    def _positions(self) -> NDArray[np.intp]:
        """intp [slots]: the position of each slot, meaningless where it is masked."""
        return np.cumsum(self.alive, dtype=np.intp) - 1


def _join(arrays: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    if len(arrays) == 1:
        return arrays[0]
    return np.concatenate(arrays) if arrays else np.empty(0, dtype=dtype)


def _blocks(corpus: Iterable[Sequence[str]]) -> Iterator[list[Sequence[str]]]:
    """The documents in runs of bounded size, so that a corpus need not be in memory as Python strings."""
    block: list[Sequence[str]] = []
    tokens = 0
    for document in corpus:
        block.append(document)
        tokens += len(document)
        if tokens >= _BLOCK_TOKENS:
            yield block
            block, tokens = [], 0
    if block:
        yield block
