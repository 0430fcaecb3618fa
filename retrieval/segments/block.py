"""Runs of small segments, read as one: a search pays for each array that it reads, however few rows that has."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate

import numpy as np

from retrieval.segments.passage_keys import PassageKeys
from retrieval.segments.quantization import QuantizedVectors
from retrieval.segments.segment import Segment
from retrieval.segments.sorted_keys import Keys
from retrieval.types import Vectors

MOST_ROWS = 4096
"""Of several segments together, some 2 kB each: copying them takes about as long as one search."""


class JoinedSegments:
    """Neighbouring segments, whose arrays are copied into one each when they are first asked for.

    Read-only and safe to share among threads. The names are Segment's.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = tuple(segments)
        self.size = sum(segment.size for segment in segments)

    @cached_property
    def ids(self) -> Keys:
        return np.concatenate([segment.ids for segment in self._segments])

    @cached_property
    def documents(self) -> Keys:
        return np.concatenate([segment.documents for segment in self._segments])

    @cached_property
    def digests(self) -> Keys:
        return np.concatenate([segment.digests for segment in self._segments])

    @cached_property
    def vectors(self) -> Vectors:
        return np.concatenate([segment.vectors for segment in self._segments])

    @cached_property
    def quantized(self) -> QuantizedVectors:
        return QuantizedVectors.joined([segment.quantized for segment in self._segments])

    @cached_property
    def passages(self) -> PassageKeys:
        return PassageKeys.of(np.concatenate([segment.passages.numbers for segment in self._segments]))


Block = Segment | JoinedSegments
"""Rows that are next to each other in every array."""


def blocks_of(segments: Sequence[Segment]) -> list[tuple[Block, int]]:
    """The rows of all segments, in their order, in as few blocks as may be without copying much; with each its first
    row."""
    blocks: list[Block] = [run[0] if len(run) == 1 else JoinedSegments(run) for run in _runs(segments)]
    starts = accumulate((block.size for block in blocks), initial=0)
    return list(zip(blocks, starts, strict=False))


def _runs(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    run: list[Segment] = []
    for segment in segments:
        if not segment.size:  # its vectors may lack their dimension
            continue
        if run and sum(other.size for other in run) + segment.size > MOST_ROWS:
            yield run
            run = []
        run.append(segment)
    if run:
        yield run
