"""Features of a question's best passages, for a learned fusion. Pure functions over both sides' scores.

All features come from the candidates of the whole index, so that no filter changes them; none reads a text. Higher is
better:

    score          the fused score, smoothed if smoothing is on
    dense, lexical   the cosine and the BM25 score, each on the fusion's scale
    dense_rank, lexical_rank   reciprocal ranks on each side
    neighbours     the mean fused score of the passages most like it, as in smoothing
    feedback       the cosine with the mean vector of the best passages (Rocchio)
    siblings       the fused score of its document's best other passage among the candidates; without one, the lowest
                   fused score of all candidates
    document       the question's cosine with the mean vector of the document's passages among the candidates
    position       1 / (1 + the number of passages before it in its document)
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
"""The number of best passages, each text once, whose mean vector is the feedback."""

_RANK = 10
"""The constant of reciprocal ranks: small, so that the first rank differs from the tenth."""


class Candidates(NamedTuple):
    """The best passages of the whole index by either side, by falling fused scores.

    rows             intp [m]
    dense, lexical   float64 [m], their scores on the fusion's scale
    fused            float64 [m], not smoothed
    """

    rows: Rows
    dense: Scores
    lexical: Scores
    fused: Scores


def features(scores: QueryScores, candidates: Candidates, best: Scores) -> NDArray[np.float64]:
    """float64 [k, len(FEATURES)]: the features of the first k candidates, whose scores `best` are smoothed or not."""
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
    """The cosines of vectors with another vector; 0 where either is 0."""
    lengths = np.linalg.norm(vectors, axis=-1) * np.linalg.norm(other)
    return np.asarray(np.vecdot(vectors, other) / np.maximum(lengths, 1e-12))
