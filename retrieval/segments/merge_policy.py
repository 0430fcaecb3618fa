"""Which segments to merge. Pure functions."""

import math
from collections.abc import Sequence
from typing import NamedTuple

TIER = 4
"""So many segments of one size become one: a chunk is written again log_4(n) times, and a search reads at most three
segments of each size that the budget lets merge."""

_SMALLEST = 1 << 20
"""Bytes; segments below are of one size."""

_DELETED = 0.4
"""A segment of which such a share is deleted is written again without it."""


class Size(NamedTuple):
    """Of a segment, in bytes: its file, and what of it is not deleted."""

    file: float
    living: float


def choose_merge(sizes: Sequence[Size], *, budget: float) -> list[int]:
    """The places of the segments to merge into one now, ascending; none where nothing is to be done.

    Smaller ones come first, and all of one size together. What a merge writes stays within `budget`, in bytes.
    """
    by_tier: dict[int, list[int]] = {}
    for place, size in enumerate(sizes):
        by_tier.setdefault(_tier(size.living), []).append(place)
    for tier in sorted(by_tier):
        places = by_tier[tier]
        if len(places) >= TIER:
            chosen = _within(sorted(places, key=lambda place: sizes[place].living), sizes, budget)
            if len(chosen) > 1:
                return chosen
    mostly_deleted = [place for place, size in enumerate(sizes) if size.file - size.living > _DELETED * size.file]
    return _within(sorted(mostly_deleted, key=lambda place: sizes[place].living), sizes, budget)


def _tier(living: float) -> int:
    return max(0, math.floor(math.log(max(living, 1.0) / _SMALLEST, TIER)) + 1)


def _within(places: Sequence[int], sizes: Sequence[Size], budget: float) -> list[int]:
    chosen: list[int] = []
    for place in places:
        budget -= sizes[place].living
        if budget < 0:
            break
        chosen.append(place)
    return sorted(chosen)
