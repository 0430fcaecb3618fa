"""How much of their wording two texts share, whatever an embedding model makes of them.

The resemblance of two texts is the Jaccard coefficient of their shingles (Broder, "On the resemblance and containment
of documents", 1997). A shingle is a run of characters here, not of words, so that every script has them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.types import digest

_SHINGLE = 20
"""Characters, white space aside: some four English words."""

_SKETCH = 1024
"""Hashes kept of a text. Resemblance is exact for texts with fewer shingles together; else its standard error is at
most sqrt(.25 / 1024) = .016."""

_BLOCK = 1 << 18
"""Shingles hashed at once."""


@dataclass(frozen=True, slots=True)
class Sketch:
    """digest: of all characters but white space; hashes: uint64, sorted, the smallest of the shingles' hashes."""

    digest: str
    hashes: NDArray[np.uint64]


def sketch_of(text: str) -> Sketch:
    """What `resemblance` needs to know of a text: 8 KB at most."""
    characters = "".join(text.split())
    codes = _codes(characters)
    hashes = np.zeros(0, np.uint64)
    for start in range(0, max(1, len(codes) - _SHINGLE + 1), _BLOCK):
        block = _shingle_hashes(codes[start : start + _BLOCK + _SHINGLE - 1])
        hashes = np.union1d(hashes, block)[:_SKETCH]
    return Sketch(digest(characters), hashes)


def resemblance(one: Sketch, other: Sketch) -> float:
    """In [0, 1]: the share of their shingles that both texts have. White space and case do not count."""
    union = np.union1d(one.hashes, other.hashes)[:_SKETCH]
    shared = np.intersect1d(one.hashes, other.hashes, assume_unique=True)
    return float(np.isin(union, shared).mean()) if len(union) else 1.0


def shingles(text: str) -> NDArray[np.uint64]:
    """The hashes of all shingles of a text, 8 bytes for each of its characters, in their order. What is no letter or
    digit does not count, nor does case."""
    return _shingle_hashes(_codes("".join(filter(str.isalnum, text))))


def _codes(characters: str) -> NDArray[np.uint32]:
    return np.frombuffer(characters.casefold().encode("utf-32-le"), dtype="<u4")


def _shingle_hashes(codes: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """One hash for each run of _SHINGLE characters; a shorter text is one run. Arithmetic modulo 2**64 is meant."""
    length = min(_SHINGLE, len(codes))
    count = len(codes) - length + 1 if length else 0
    hashes = np.full(count, length, np.uint64)
    for offset in range(length):  # a polynomial over the characters (Karp & Rabin 1987)
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + codes[offset : offset + count]
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):  # mixed as in SplitMix64
        hashes = (hashes ^ (hashes >> np.uint64(shift))) * np.uint64(factor)
    return np.asarray(hashes ^ (hashes >> np.uint64(31)))
