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


def batches(
    encoded: Sequence[Sequence[int]], *, tokens: int, padding: int, limit: int, mixes: bool = False
) -> Iterator[Batch]:
    """All texts, shortest first.

    tokens    of a batch, padding included, at most; a text that alone has more is a batch of its own.
    padding   the token that fills up what is too short.
    limit     what the model reads: no text is filled up beyond.
    mixes     texts of any length go together, as long as the longest of them. Else each is filled up to a round length,
              and only those of the same go together: in reduced precision a text's vector depends on its padding, which
              must not depend on its neighbours.
    """
    lengths = [len(ids) if mixes else max(len(ids), min(_round(len(ids)), limit)) for ids in encoded]
    places: list[int] = []
    for place in sorted(range(len(encoded)), key=lengths.__getitem__):
        length = lengths[place]
        full = (len(places) + 1) * length > tokens
        if places and (full or (length > lengths[places[0]] and not mixes)):
            yield _batch(places, encoded, padding, lengths[places[-1]])
            places = []
        places.append(place)
    if places:
        yield _batch(places, encoded, padding, lengths[places[-1]])


def _round(length: int) -> int:
    """The next number of five binary digits and zeros: a sixteenth more at most, for sixteen lengths where there were
    hundreds. Batches are then full, and what a runtime sets up for a shape serves many."""
    step = 1 << max(0, length.bit_length() - 5)
    return -(-length // step) * step


def padded(rows: Sequence[Sequence[int]], *, length: int, padding: int) -> Tokens:
    """int64 [n, length]: the rows, filled up on the right."""
    filled = np.full((len(rows), length), padding, dtype=np.int64)
    for row, values in zip(filled, rows, strict=True):
        row[: len(values)] = values
    return filled


def _batch(places: list[int], encoded: Sequence[Sequence[int]], padding: int, length: int) -> Batch:
    rows = [encoded[place] for place in places]
    ids = padded(rows, length=length, padding=padding)
    mask = padded([[1] * len(row) for row in rows], length=length, padding=0)
    return Batch(places, ids, mask)
