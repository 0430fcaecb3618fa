"""Pseudo-relevance feedback: a question made fuller with what its first hits have in common. Pure functions.

The first hits are taken to be relevant, unseen. That helps where they are, and drifts where they are not.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import QueryError
from retrieval.types import Vectors


def rocchio(query: Vectors, vectors: Vectors, *, weight: float) -> Vectors:
    """float32 [dim], unit row: the direction of query + weight * the mean of the feedback passages' vectors.

    query    float32 [dim], unit row
    vectors  float32 [k, dim], unit rows of the passages, k >= 0
    weight   >= 0; 0 leaves the query as it is

    Rocchio 1971 without negative examples; on dense vectors Li et al. 2021, "Pseudo relevance feedback with deep
    language models and dense retrievers", arXiv:2108.11044. Where the two cancel out, the query stays as it is. Raises
    QueryError for a weight out of range.
    """
    if not 0 <= weight < math.inf:
        raise QueryError(f"The weight of feedback must be finite and at least 0, not {weight}.")
    if weight == 0 or not len(vectors):
        return query
    moved = query.astype(np.float64) + weight * vectors.mean(axis=0, dtype=np.float64)
    length = np.linalg.norm(moved)
    return (moved / length).astype(np.float32) if length > 1e-6 else query


def rm3(
    query: Mapping[str, float],
    documents: Sequence[Mapping[str, int] | Sequence[str]],
    scores: Sequence[float] | NDArray[np.float64],
    *,
    terms: int = 10,
    original: float = 0.5,
    eligible: Callable[[str], bool] = lambda term: True,
) -> dict[str, float]:
    """term -> weight: the query's own terms and the feedback documents' most likely ones, of the query's total weight.

    query      term -> weight >= 0
    documents  the terms of each feedback document, or how often it has each
    scores     float64 [k], how well each document answers the query; negative ones count as 0
    terms      how many of the documents' terms take part, at most; of those alike the first in alphabetical order
    original   the query's share of the weight, in [0, 1]; 1 leaves it as it is
    eligible   which of the documents' terms may take part, asked from the likeliest on until there are enough; for
               leaving out the terms that half of the index has

    The relevance model is the mean of the documents' term distributions, weighted by their scores (RM1; Lavrenko &
    Croft 2001), cut to its likeliest terms and mixed with the query (RM3; Abdul-Jaleel et al. 2004). The defaults are
    Anserini's. Raises QueryError for parameters out of range, and unless there is one finite score a document.
    """
    if terms < 1 or not 0 <= original <= 1:
        raise QueryError(f"RM3 needs terms >= 1 and original in [0, 1]; got terms={terms}, original={original}.")
    model = _relevance_model(documents, np.asarray(scores, dtype=np.float64))
    likeliest_first = sorted(model, key=lambda term: (-model[term], term))
    best = list(islice(filter(eligible, likeliest_first), terms))
    mass = sum(model[term] for term in best)
    if mass == 0:
        return dict(query)
    share = (1 - original) * sum(query.values()) / mass
    mixed = defaultdict(float, {term: original * weight for term, weight in query.items()})
    for term in best:
        mixed[term] += share * model[term]
    return {term: weight for term, weight in mixed.items() if weight > 0}


def _relevance_model(
    documents: Sequence[Mapping[str, int] | Sequence[str]], scores: NDArray[np.float64]
) -> dict[str, float]:
    """term -> the sum over documents of P(term | document) * score, up to a factor; scores all 0 count as 1."""
    if scores.shape != (len(documents),) or not np.isfinite(scores).all():
        raise QueryError(f"{len(documents)} feedback documents need a finite score each; got {scores.tolist()}.")
    if any(isinstance(document, str) for document in documents):
        raise QueryError("A feedback document is its terms; got a string, whose terms would be its letters.")
    weights = np.maximum(scores, 0)
    weights = weights / weights.max() if weights.any() else np.ones(len(documents))
    model: defaultdict[str, float] = defaultdict(float)
    for document, weight in zip(documents, weights.tolist(), strict=True):
        counts = Counter(document)
        length = counts.total()
        for term, count in counts.items():
            model[term] += weight * count / length
    return model
