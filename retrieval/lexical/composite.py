"""Several inverted files, read as one."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.lexical.postings import Postings, build, merge

_BLOCK_TOKENS = 1 << 22


class Occurrences(NamedTuple):
    """The documents that have a term, by slot, ascending, deleted ones included; how often each has it; and how many of
    them are not deleted."""

    slots: NDArray[np.integer[Any]]
    frequencies: NDArray[np.unsignedinteger[Any]]
    living: int


@dataclass(frozen=True)
class CompositePostings:
    """The documents of all parts. A slot is a document's number through all parts, deleted ones included; a position is
    its number among the living ones, as in a list.

    Immutable: `with_added` and `without` make another one that shares the parts, so a search that has begun is not
    disturbed, and what was derived need not be invalidated.
    """

    parts: tuple[Postings, ...] = ()

    def with_added(self, corpus: Iterable[Sequence[str]]) -> "CompositePostings":
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
        return CompositePostings(tuple(parts))

    def without(self, positions: Iterable[int]) -> "CompositePostings":
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
            mostly_deleted = 2 * rest.living < len(rest)
            parts.append(merge([rest]) if mostly_deleted else rest)
        return CompositePostings(tuple(part for part in parts if len(part)))

    @cached_property
    def compacted(self) -> "CompositePostings":
        """The same documents in exactly one part, with none deleted in it."""
        return self if len(self.parts) == 1 and self.is_whole else CompositePostings((merge(self.parts),))

    @cached_property
    def slots(self) -> int:
        """How many documents there are, deleted ones included."""
        return sum(map(len, self.parts))

    @cached_property
    def size(self) -> int:
        return sum(part.living for part in self.parts)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """int64 [size]: the number of terms in each document, by position."""
        lengths = _joined([part.lengths for part in self.parts], np.int64)
        return lengths if self.is_whole else lengths[self.alive]

    @cached_property
    def relative_lengths(self) -> NDArray[np.float64]:
        """float64 [slots]: lengths as multiples of the mean of the living documents'; 0 where all are empty."""
        return _joined([part.lengths for part in self.parts], np.int64) / (self.average_length or 1.0)

    @cached_property
    def average_length(self) -> float:
        """0 without documents."""
        return sum(part.total_length for part in self.parts) / self.size if self.size else 0.0

    @cached_property
    def average_log_odds(self) -> float:
        """The mean over all terms of ln((N - n + 0.5) / (n + 0.5)), n being the documents that have it; 0 without."""
        containing: Counter[bytes] = Counter()
        for part in self.parts:
            containing.update(dict(zip(part.vocabulary(), part.document_counts().tolist(), strict=True)))
        counts = np.array([count for count in containing.values() if count])
        return float(np.mean(np.log(self.size - counts + 0.5) - np.log(counts + 0.5))) if counts.size else 0.0

    def occurrences(self, term: str) -> Occurrences:
        """Where a term is. Taking the deleted ones out would cost a copy of the postings."""
        slots, frequencies, living = [], [], 0
        for part, start in zip(self.parts, self.starts, strict=True):
            where = part.find(term)
            if where.start == where.stop:
                continue
            documents = part.documents[where]
            slots.append(documents + start if start else documents)
            frequencies.append(part.frequencies[where])
            living += part.living_among(documents)
        return Occurrences(_joined(slots, np.int32), _joined(frequencies, np.uint8), living)

    @cached_property
    def is_whole(self) -> bool:
        """Whether no document is deleted, so that slots are positions."""
        return self.size == self.slots

    @cached_property
    def alive(self) -> NDArray[np.bool_]:
        """bool [slots]."""
        return _joined([part.alive for part in self.parts], np.bool_)

    @cached_property
    def deleted(self) -> NDArray[np.intp]:
        """intp [slots - size]: the slots of the deleted documents."""
        return np.empty(0, np.intp) if self.is_whole else np.flatnonzero(~self.alive)

    @cached_property
    def starts(self) -> list[int]:
        """The first slot of each part."""
        return list(accumulate(map(len, self.parts), initial=0))[:-1]


def _joined(arrays: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
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
