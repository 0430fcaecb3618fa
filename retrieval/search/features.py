"""What speaks for each of a question's best passages beside its fused score. Pure functions over both sides' scores.

All of it comes from the candidates of the whole index, so that no filter changes it; none of it reads a text. Higher is
better:

    score          as fused, and smoothed where that is on
    dense, lexical   the cosine and the BM25 score, each on the fusion's scale
    dense_rank, lexical_rank   reciprocal ranks on each side
    neighbours     the mean fused score of the passages most like it, as smoothing takes it
    feedback       the cosine with the mean vector of the best passages (Rocchio)
    siblings       the fused score of its document's best other passage among the candidates, else the lowest of all
    document       the question's cosine with the mean vector of the document's passages among the candidates
    position       1 / (1 + the number of passages that stand before it in its document)
    language       1, or 0 for a passage in another language than the question
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.fusion import Scores, reciprocal_rank
from retrieval.learned_fusion import FEATURES
from retrieval.search.candidates import QueryScores
from retrieval.search.smoothing import smoothed
from retrieval.topk import Rows

_BEST = 5
"""So many of the best passages, each text once, tell what answers look like."""

_RANK = 10
"""The constant of reciprocal ranks. Small: what stands first on a side is to differ from what stands tenth."""


class Candidates(NamedTuple):
    """The best of the whole index by either side, best first as fused.

    rows             intp [m]
    dense, lexical   float64 [m], their scores on the fusion's scale
    fused            float64 [m], not smoothed
    """

    rows: Rows
    dense: Scores
    lexical: Scores
    fused: Scores


def features(scores: QueryScores, candidates: Candidates, best: Scores) -> NDArray[np.float64]:
    """float64 [k, len(FEATURES)] of the first k candidates, whose scores, smoothed or not, are `best`."""
    k = len(best)
    rows = candidates.rows[:k]
    vectors = scores.vectors[candidates.rows].astype(np.float64)
    columns = {
        "score": best,
        "dense": candidates.dense[:k],
        "lexical": candidates.lexical[:k],
        "dense_rank": reciprocal_rank(candidates.dense[:k], candidates.dense, k=_RANK),
        "lexical_rank": reciprocal_rank(candidates.lexical[:k], candidates.lexical, k=_RANK),
        "neighbours": smoothed(candidates.fused[:k], scores.vectors[rows], scores.texts[rows], weight=1),
        "feedback": _feedback(scores, rows, vectors[:k], best),
        "position": 1 / (1 + scores.ordinals(rows)),
        "language": scores.in_its_language(rows),
    }
    columns["siblings"], columns["document"] = _of_documents(scores, candidates, vectors, k)
    return np.column_stack([columns[name] for name in FEATURES])


def _feedback(scores: QueryScores, rows: Rows, vectors: NDArray[np.float64], best: Scores) -> Scores:
    """float64 [k]: the cosines with the mean of the best passages' vectors."""
    order = scores.in_order(rows, best)
    _, first = np.unique(scores.texts[rows[order]], return_index=True)
    mean = vectors[order[np.sort(first)[:_BEST]]].mean(axis=0)
    return _cosines(vectors, mean)


def _of_documents(
    scores: QueryScores, candidates: Candidates, vectors: NDArray[np.float64], k: int
) -> tuple[Scores, Scores]:
    """float64 [k] each: siblings and document."""
    documents = np.unique(scores.documents[candidates.rows], return_inverse=True)[1]
    siblings, cosines = np.full(k, candidates.fused.min()), np.zeros(k)
    for place in range(k):
        together = documents == documents[place]
        if scores.vector is not None:
            mean = vectors[together].mean(axis=0)
            cosines[place] = _cosines(mean, scores.vector.astype(np.float64))
        together[place] = False
        if together.any():
            siblings[place] = candidates.fused[together].max()
    return siblings, cosines


def _cosines(vectors: NDArray[np.float64], other: NDArray[np.float64]) -> Scores:
    """Of vectors with another one; 0 where either is 0."""
    lengths = np.linalg.norm(vectors, axis=-1) * np.linalg.norm(other)
    return np.asarray(np.vecdot(vectors, other) / np.maximum(lengths, 1e-12))
