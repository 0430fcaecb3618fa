"""What makes a good embedding space, in figures: pure functions over unit vectors and token counts.

A space that serves retrieval spreads its vectors out (low mean cosine, low uniformity, many effective dimensions) and
still keeps what belongs together close (low alignment). Every function computes in blocks: memory is bounded by the
sample and the block, not by the index.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.segments.stacked import StackedArray
from retrieval.topk import Mask
from retrieval.types import Vectors

NEAR_DUPLICATE_COSINE = 0.99
"""Two chunks at least so close differ in a word or two: they take each other's place in any result."""

_BLOCK = 4096
"""Vectors in hand at once."""

_GRAM_BLOCK = 512
"""Rows of a Gram matrix in hand at once, each as long as the sample."""

_BINS = 8
"""Of the histogram of chunk lengths."""


class Bin(NamedTuple):
    """How many chunks have from `low` to `high` tokens, both included."""

    low: int
    high: int
    chunks: int


@dataclass(frozen=True, slots=True)
class EmbeddingStats:
    """The figures of an index; None where there are too few chunks to tell.

    chunks, sampled        in the index, and in the random sample that the figures of the space are taken from
    dimension              of a vector
    mean_cosine            of all pairs in the sample: anisotropy (Ethayarajh 2019, section 4.1)
    uniformity             log of the mean of exp(-2 d^2) over the same pairs, d their distance: -4 at best, 0 where
                           all vectors are one (Wang & Isola 2020, eq. 2, t = 2)
    neighbours             pairs of neighbouring chunks of one document that alignment is taken from
    alignment              their mean squared distance: 0 at best, 2 where they are orthogonal (Wang & Isola 2020,
                           eq. 1, alpha = 2). Neighbours stand in for the positive pairs of a training set.
    effective_dimensions   effective rank of the sample's covariance (Roy & Vetterli 2007, definition 1)
    dimensions_for_90      principal components that hold 90% of the variance
    chunk_limit            tokens that a chunk may have by the settings
    max_seq_length         tokens that the model reads
    token_quantiles        tokens of a chunk at 5, 25, 50, 75 and 95% of all chunks
    fill                   the median chunk's share of the chunk limit
    token_histogram        over all chunks
    truncated              chunks with more tokens than the model reads
    exact_duplicates       share of all chunks whose embedded string another chunk has too
    near_duplicates        share of `near_duplicates_of` sampled chunks to which some other chunk of the index has a
                           cosine of .99 or more; exact duplicates are among them
    """

    chunks: int
    sampled: int
    dimension: int
    mean_cosine: float | None
    uniformity: float | None
    neighbours: int
    alignment: float | None
    effective_dimensions: float | None
    dimensions_for_90: int | None
    chunk_limit: int
    max_seq_length: int
    token_quantiles: tuple[int, int, int, int, int]
    fill: float
    token_histogram: tuple[Bin, ...]
    truncated: int
    exact_duplicates: float
    near_duplicates: float
    near_duplicates_of: int


def mean_cosine_and_uniformity(vectors: Vectors) -> tuple[float, float]:
    """Over all pairs of the rows, float32 [n, dim], unit rows, n >= 2.

    The uniformity of directions drawn evenly from the sphere is -4 + 8/dim to first order.
    """
    count = len(vectors)
    cosines = kernel = 0.0
    for start in range(0, count, _GRAM_BLOCK):
        gram = vectors[start : start + _GRAM_BLOCK] @ vectors[start:].T
        pairwise = gram[np.triu(np.ones(gram.shape, dtype=np.bool_), k=1)].astype(np.float64)
        cosines += float(pairwise.sum())
        kernel += float(np.exp(4 * (pairwise - 1)).sum())  # d^2 = 2 - 2 cos
    pairs = count * (count - 1) / 2
    return cosines / pairs, float(np.log(kernel / pairs))


def alignment(one: Vectors, other: Vectors) -> float:
    """Mean squared distance of positive pairs, row by row; float32 [p, dim] each, p >= 1."""
    total = 0.0
    for start in range(0, len(one), _BLOCK):
        here = slice(start, start + _BLOCK)
        total += float(np.square(one[here].astype(np.float64) - other[here]).sum())
    return total / len(one)


def spectrum(vectors: Vectors) -> NDArray[np.float64]:
    """float64 [dim]: the shares of variance along the principal axes, largest first; all 0 where nothing varies."""
    centred = vectors - vectors.mean(axis=0, dtype=np.float64)
    variances = np.linalg.eigvalsh(centred.T @ centred / len(vectors))[::-1]
    total = float(np.square(vectors, dtype=np.float64).sum()) / len(vectors)
    variances[variances < 1e-10 * total] = 0.0  # what is below is rounding
    return np.asarray(variances / max(variances.sum(), 1e-300))


def effective_rank(shares: NDArray[np.float64]) -> float:
    """exp of the entropy of the shares of variance: k where k axes share it evenly, and less where they do not."""
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum())) if len(shares) else 0.0


def components_for(shares: NDArray[np.float64], *, share: float) -> int:
    """How many principal axes hold at least that share of the variance; 0 where nothing varies."""
    if not shares.any():
        return 0
    return int(np.searchsorted(shares.cumsum(), share - 1e-9) + 1)


def near_duplicate_share(
    vectors: "StackedArray[np.float32]", rows: NDArray[np.intp], *, alive: Mask | None = None
) -> float:
    """The share of `rows` to which another of all `vectors`, float32 [n, dim], is as near as a near-duplicate.

    alive   bool [n], which of the vectors count; None is all
    """
    asked = vectors[rows]
    found = np.zeros(len(rows), dtype=np.bool_)
    for start, block in vectors.blocks(_BLOCK):
        cosines = block @ asked.T
        own = np.flatnonzero((rows >= start) & (rows < start + len(block)))
        cosines[rows[own] - start, own] = -np.inf
        if alive is not None:
            cosines[~alive[start : start + len(block)]] = -np.inf
        found |= (cosines >= NEAR_DUPLICATE_COSINE).any(axis=0)
    return float(found.mean())


def repeated_share(values: NDArray[np.bytes_]) -> float:
    """The share of the values that occur more than once."""
    counts = np.unique(values, return_counts=True)[1]
    return float(counts[counts > 1].sum() / len(values))


def histogram(tokens: NDArray[np.int64], limit: int) -> tuple[Bin, ...]:
    """Chunks by length, in bins of about equal width up to the limit; longer ones are in a bin of their own."""
    edges = np.unique(np.linspace(0, limit, _BINS + 1).astype(np.int64)).tolist()
    if (longest := int(tokens.max(initial=0))) > limit:
        edges.append(longest)
    places = np.searchsorted(edges[1:], tokens)
    counts = np.bincount(places, minlength=len(edges) - 1).tolist()
    return tuple(Bin(low + 1, high, count) for low, high, count in zip(edges, edges[1:], counts, strict=False))
