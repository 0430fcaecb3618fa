"""Merges segments, also while their index goes on changing."""

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from retrieval.errors import RetrievalError
from retrieval.segments.live_segment import LiveSegment
from retrieval.segments.merge_policy import Size, choose_merge
from retrieval.segments.segment import Segment
from retrieval.segments.write_segment import merge_segments
from retrieval.topk import Mask, Rows

_BYTES = 128 << 20
"""That a merge may write, however little was committed."""

_SHARE = 0.25
"""Of the index, and"""

_TIMES = 4
"""so many times what was committed since the last merge: as much too. So two segments of any size can be merged, and a
commit waits for a large merge only after many that did not."""


log = logging.getLogger(__name__)


class _Merge(NamedTuple):
    """What is being merged, as it was when that began."""

    parts: Sequence[LiveSegment]
    merged: Future[Segment]


class Merger:
    """Merges one group of segments at a time, on a thread of its own. One thread calls it.

    directory   of the segments
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._thread = ThreadPoolExecutor(1, "merge")
        self._under_way: _Merge | None = None
        self._committed = 0.0

    def committed(self, segments: Sequence[Segment]) -> None:
        """These are new: merges may write the more."""
        self._committed += sum(segment.bytes for segment in segments)

    def start(self, live: Sequence[LiveSegment]) -> None:
        """Begin to merge what there is to merge, unless a merge is under way."""
        if self._under_way is not None:
            return
        sizes = [Size(part.segment.bytes, part.bytes) for part in live]
        budget = max(_BYTES, _SHARE * sum(size.living for size in sizes), _TIMES * self._committed)
        places = choose_merge(sizes, budget=budget)
        if places:
            parts = [live[place] for place in places]
            self._committed = 0.0
            self._under_way = _Merge(parts, self._thread.submit(merge_segments, self._directory, parts))

    def finish(self, live: Sequence[LiveSegment], *, wait: bool) -> list[LiveSegment]:
        """The segments with the finished merge in place of what was merged; what was deleted meanwhile is deleted. A
        merge that failed changes nothing: a warning is logged.

        wait   for the one that is under way
        """
        merge = self._under_way
        if merge is None or not (wait or merge.merged.done()):
            return list(live)
        self._under_way = None
        try:
            segment = merge.merged.result()
        except (OSError, RetrievalError) as error:  # a full disk, or damage
            log.warning("Segments were not merged: %s", error)
            return list(live)
        now = {part.segment.name: part for part in live}
        if any(part.segment.name not in now for part in merge.parts):  # one lost its last row, or all were recovered
            return list(live)
        rows, records = [], []
        first_row = first_record = 0
        for part in merge.parts:
            after = now.pop(part.segment.name)
            rows.append(_gone(part.rows, after.rows, part.segment.size) + first_row)
            records.append(_gone(part.records, after.records, part.segment.records_size) + first_record)
            first_row, first_record = first_row + part.size, first_record + part.records_size
        merged = LiveSegment(segment).without(np.concatenate(rows), np.concatenate(records))
        rest = list(now.values())
        return [merged, *rest] if merged.size or merged.records_size else rest

    def close(self) -> None:
        """Wait for the thread; what it makes now is of no use."""
        self._thread.shutdown(wait=True, cancel_futures=True)


def _gone(before: Mask | None, after: Mask | None, size: int) -> Rows:
    """Of what was there before, numbered without what was not: the places of what is there no more."""
    if after is None:
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(~(after if before is None else after[before]))
