"""What a term is worth to BM25: its idf, by how rare it is, times a weight by how often the document has it.

Functions, chosen by name from the tables below them. N is the number of documents, n of those that have the term,
at least 1; f is how often a document has it; B = 1 - b + b * length / avgdl is the document's length factor.

Kamphuis, de Vries, Boytsov & Lin 2020, "Which BM25 do you mean?", has all of them side by side.
"""

import math
from collections.abc import Callable, Mapping
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from retrieval.config import Bm25Idf, Bm25Variant
from retrieval.errors import ConfigError

Values = NDArray[np.float64]
IdfName = Bm25Idf | Literal["bm25plus"]


class Score(Protocol):
    """What a term of this idf is worth to documents that have it f times and have the length factors B. The result may
    lie in the arrays given, which hold nothing of use afterwards."""

    def __call__(
        self, frequencies: Values, length_factors: Values, *, idf: float, k1: float, delta: float
    ) -> Values: ...


def lucene_idf(size: int, containing: int) -> float:
    """ln(1 + (N - n + 0.5) / (n + 0.5)), as in Lucene's BM25Similarity: above 0 for every term.

    It is ln((N + 1) / (n + 0.5)), too: the idf that Lv & Zhai 2011, "When documents are very long, BM25 fails!", take.
    """
    return math.log(1 + (size - containing + 0.5) / (containing + 0.5))


def okapi_idf(size: int, containing: int) -> float:
    """ln((N - n + 0.5) / (n + 0.5)), as in Robertson & Zaragoza 2009: below 0 for a term in most documents."""
    return math.log(size - containing + 0.5) - math.log(containing + 0.5)


def bm25plus_idf(size: int, containing: int) -> float:
    """ln((N + 1) / n); Lv & Zhai 2011, "Lower-bounding term frequency normalization"."""
    return math.log((size + 1) / containing)


def bm25(frequencies: Values, length_factors: Values, *, idf: float, k1: float, delta: float) -> Values:
    """idf * f * (k1 + 1) / (f + k1 * B); Robertson & Zaragoza 2009, eq. 3.15, times k1 + 1. Falls to 0 as B grows."""
    length_factors *= k1
    length_factors += frequencies
    frequencies /= length_factors
    frequencies *= idf * (k1 + 1)
    return frequencies


def bm25l(frequencies: Values, length_factors: Values, *, idf: float, k1: float, delta: float) -> Values:
    """idf * (k1 + 1) * (f / B + delta) / (k1 + f / B + delta); Lv & Zhai 2011, "When documents are very long ...".

    As if a term that occurs did so delta times more in a document of average length: long documents lose less.
    """
    frequencies /= length_factors
    frequencies += delta
    frequencies /= k1 + frequencies
    frequencies *= idf * (k1 + 1)
    return frequencies


def bm25plus(frequencies: Values, length_factors: Values, *, idf: float, k1: float, delta: float) -> Values:
    """idf * (f * (k1 + 1) / (f + k1 * B) + delta); Lv & Zhai 2011, "Lower-bounding term frequency normalization".

    A term that occurs is worth idf * delta at least, however long the document.
    """
    scores = bm25(frequencies, length_factors, idf=idf, k1=k1, delta=delta)
    scores += idf * delta
    return scores


IDF: Mapping[IdfName, Callable[[int, int], float]] = {
    "lucene": lucene_idf,
    "okapi": okapi_idf,
    "bm25plus": bm25plus_idf,
}
OWN_IDF: Mapping[Bm25Variant, IdfName] = {"bm25": "lucene", "bm25l": "lucene", "bm25plus": "bm25plus"}
SCORE: Mapping[Bm25Variant, Score] = {
    "bm25": bm25,
    "bm25l": bm25l,
    "bm25plus": bm25plus,
}
DELTA: Mapping[Bm25Variant, float] = {"bm25": 0.0, "bm25l": 0.5, "bm25plus": 1.0}
"""As in rank_bm25 and in the papers."""


def check_parameters(variant: Bm25Variant, idf: Bm25Idf | None, k1: float, b: float, delta: float | None) -> None:
    """Raises ConfigError for what is unknown, out of range, or no parameter of the variant."""
    if variant not in SCORE:
        raise ConfigError(f"The BM25 variant must be one of {', '.join(SCORE)}, not {variant!r}.")
    if idf not in (None, *get_args(Bm25Idf)):
        raise ConfigError(f"idf must be one of {', '.join(get_args(Bm25Idf))} or None, not {idf!r}.")
    if not (0 <= k1 < math.inf and 0 <= b <= 1):
        raise ConfigError(f"BM25 needs k1 >= 0 and b in [0, 1]; got k1={k1}, b={b}.")
    if delta is not None and variant == "bm25":
        raise ConfigError(f"BM25 has no delta; leave out delta={delta}, or choose the variant bm25l or bm25plus.")
    if delta is not None and not 0 <= delta < math.inf:
        raise ConfigError(f"{variant} needs delta >= 0; got {delta}.")
