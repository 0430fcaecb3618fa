"""Token ids -> batches, cut by their number of tokens and not of texts."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.int64]


class Batch(NamedTuple):
    """Texts that the model reads at once.

    places   where in the caller's order each one stands
    ids      int64 [n, length], padded on the right
    mask     int64 [n, length]: 1 for a token, 0 for padding
    """

    places: list[int]
    ids: Tokens
    mask: Tokens


def batches(encoded: Sequence[Sequence[int]], *, tokens: int, padding: int | None) -> Iterator[Batch]:
    """All texts, shortest first.

    tokens    of a batch, padding included, at most; a text that alone has more is a batch of its own.
    padding   the token that makes texts of like length one batch; None batches only those of the same length. In
              reduced precision a text's vector depends on its padding, and so on its neighbours.
    """
    places: list[int] = []
    for place in sorted(range(len(encoded)), key=lambda place: len(encoded[place])):
        length = len(encoded[place])
        full = (len(places) + 1) * length > tokens
        if places and (full or (padding is None and length > len(encoded[places[0]]))):
            yield _padded(places, encoded, padding or 0)
            places = []
        places.append(place)
    if places:
        yield _padded(places, encoded, padding or 0)


def _padded(places: list[int], encoded: Sequence[Sequence[int]], padding: int) -> Batch:
    length = len(encoded[places[-1]])
    ids = np.full((len(places), length), padding, dtype=np.int64)
    mask = np.zeros((len(places), length), dtype=np.int64)
    for row, place in enumerate(places):
        count = len(encoded[place])
        ids[row, :count] = encoded[place]
        mask[row, :count] = 1
    return Batch(places, ids, mask)
