"""Texts that repeat others: the same manual as HTML and PDF, a page kept in two places."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from retrieval.inspection.resemblance import shingles
from retrieval.types import Document

_MOST_SHARED = 0.5
"""Of a text's shingles; what shares more repeats another."""

_ONE_IN = 16
"""Of all shingles so many are looked at, chosen by their hashes, so that the same are in two texts. Those of a short
text all are."""

_FEW = 64


def without_copies(documents: Iterable[Document]) -> list[Document]:
    """The documents whose text is not, for the larger part, in others that are kept. Of two that say the same, the one
    with more headings is kept, then the shorter, since one with many sections is a copy of many with one each."""
    given = list(documents)
    kept: set[int] = set()
    chosen: set[int] = set()
    for place in sorted(range(len(given)), key=lambda at: (not given[at].headings, len(given[at].text), at)):
        found = _sampled(given[place].text)
        if len(found & kept) <= _MOST_SHARED * len(found):
            kept |= found
            chosen.add(place)
    return [document for place, document in enumerate(given) if place in chosen]


def copied(texts: Sequence[str]) -> list[bool]:
    """Which of the texts are, for the larger part, in the others together."""
    found = [_sampled(text) for text in texts]
    counts = Counter(hash_ for hashes in found for hash_ in hashes)
    return [sum(counts[hash_] > 1 for hash_ in hashes) > _MOST_SHARED * len(hashes) for hashes in found]


def _sampled(text: str) -> set[int]:
    hashes = np.unique(shingles(text))
    chosen = hashes[hashes % np.uint64(_ONE_IN) == 0]
    return set((chosen if len(chosen) >= _FEW // _ONE_IN else hashes[:_FEW]).tolist())
