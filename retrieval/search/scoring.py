"""Scoring: a query's candidates, both sides' scores of them completed, and the ranking that a fusion makes of those."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.config import FusionMethod, Mode
from retrieval.fusion import Scores, fuse, is_constant, scaled, spread
from retrieval.search.candidates import QueryScores, Ranking
from retrieval.search.features import Candidates, features
from retrieval.search.options import SearchOptions
from retrieval.search.smoothing import POOL, smoothed
from retrieval.segments.stacked import StackedArray
from retrieval.topk import Mask, Rows

BASE: FusionMethod = "dbsf"
"""The fusion whose scores a learned fusion starts from."""

Choose = Callable[[Rows], NDArray[np.intp]]
"""Rows, best first -> the places of those that are kept, ascending."""


class Scorer:
    """Ranks one query's candidates, under one or many options.

    Candidates and scaled scores are kept, so that further options with another alpha cost a weighted sum and a sort.
    Not thread-safe.

    scores      both sides' scores of the query
    allowed     bool [n], the rows that pass filters and operators; None if there are neither
    """

    def __init__(self, scores: QueryScores, allowed: Mask | None = None) -> None:
        self._scores = scores
        self._allowed = allowed
        self._candidates: dict[tuple[Mode, int], Rows] = {}
        self._scaled: dict[tuple[FusionMethod, int, int, bytes], tuple[Scores, Scores]] = {}

    def ranking(self, options: SearchOptions, *, choose: Choose | None = None) -> Ranking:
        """The candidates of both sides, or of the one that is asked for, best first; ties by id.

        choose   leaves out those that say nothing new; then more candidates are taken than `options.depth`, until
                 `options.top_k` remain or there are no more
        """
        depth = options.depth
        rows = self._rows(options, depth)
        ranking = self._ranked(options, rows)
        if choose is None:
            return ranking
        chosen = ranking.take(choose(ranking.rows))
        while len(chosen.rows) < min(options.top_k, len(rows)) and depth < self._scores.size:
            depth *= 4  # many are alike
            known, rows = len(rows), self._rows(options, depth)
            if len(rows) == known:
                break
            ranking = self._ranked(options, rows)
            chosen = ranking.take(choose(ranking.rows))
        return chosen

    def _ranked(self, options: SearchOptions, rows: Rows) -> Ranking:
        if options.sides == "lexical":
            scores = self._scores.lexical[rows]
        elif options.sides == "dense" or not len(rows):
            scores = self._scores.cosines(rows)
        else:
            scores = self._fused(options, rows)
            if options.smoothing or options.fusion == "learned":
                scores = self._rescored(options, rows, scores)
        return Ranking(rows, scores).take(self._scores.in_order(rows, scores))

    def _fused(self, options: SearchOptions, rows: Rows) -> Scores:
        dense, lexical = self._scaled_scores(options, rows)
        return fuse(dense, lexical, alpha=options.alpha, coverage=self._scores.coverage)

    def _rescored(self, options: SearchOptions, rows: Rows, fused: Scores) -> Scores:
        """The fused scores of the rows. Those of the best unfiltered candidates are smoothed with one another's, and
        with a learned fusion then put in the order of its weights.

        All others keep their scores. No other unfiltered candidate overtakes the best ones, whose new scores stay
        between the lowest and the highest of their fused scores.
        """
        candidates, of_best = self._best(options)
        if options.fusion == "learned" and (weights := self._scores.fusion_weights) is not None:
            known = self._scores.have_vectors(candidates.rows[: len(of_best)])
            worth = features(self._scores, candidates, of_best) @ weights.slopes
            if known.any():
                of_best = of_best.copy()
                of_best[known] = spread(worth[known], of_best[known])
        best = candidates.rows[: len(of_best)]
        places = np.searchsorted(rows, best)
        there = rows[np.minimum(places, len(rows) - 1)] == best
        fused[places[there]] = of_best[there]
        return fused

    def learnable(self, options: SearchOptions) -> tuple[Rows, NDArray[np.float64]]:
        """intp [k], the rows that a learned fusion ranks again, by falling fused scores, and float64
        [k, len(FEATURES)], their features."""
        candidates, of_best = self._best(options)
        return candidates.rows[: len(of_best)], features(self._scores, candidates, of_best)

    def _best(self, options: SearchOptions) -> tuple[Candidates, Scores]:
        """The unfiltered candidates, by falling fused scores, and the smoothed scores of the best of them."""
        rows = self._union("hybrid", options.candidates, filtered=False)
        dense, lexical = self._scaled_scores(options, rows)
        fused = self._fused(options, rows)
        order = self._scores.in_order(rows, fused)
        candidates = Candidates(rows[order], dense[order], lexical[order], fused[order])
        best, of_best = candidates.rows[:POOL], candidates.fused[:POOL]
        if options.smoothing:
            known = self._scores.have_vectors(best)
            vectors, texts = self._scores.vectors[best[known]], self._scores.texts[best[known]]
            of_best = of_best.copy()
            of_best[known] = smoothed(of_best[known], vectors, texts, weight=options.smoothing)
        return candidates, of_best

    def _rows(self, options: SearchOptions, depth: int) -> Rows:
        """The `depth` best of each side that is asked, ascending."""
        key = options.sides, depth
        if key not in self._candidates:
            self._candidates[key] = self._union(options.sides, depth)
        return self._candidates[key]

    def _union(self, sides: Mode, depth: int, *, filtered: bool = True) -> Rows:
        """The `depth` best rows of the side, or of each side; ascending."""
        dense, lexical = self._scores.candidates(depth, self._allowed if filtered else None)
        if sides == "hybrid":
            return np.union1d(dense, lexical)
        return np.sort(dense if sides == "dense" else lexical)

    def _scaled_scores(self, options: SearchOptions, rows: Rows) -> tuple[Scores, Scores]:
        """Both sides' scores of the rows on the fusion's scale.

        The scale comes from the unfiltered candidates, or if those are all alike on one side, from all rows; for ranks
        always from all rows. A row that awaits its vector has the same score on both sides: that of its words.
        """
        method: FusionMethod = BASE if options.fusion == "learned" else options.fusion
        key = method, options.rrf_k, options.candidates, rows.tobytes()
        if key not in self._scaled:
            scores = self._scores
            if method == "rrf":
                cosines = scores.ranked_cosines(rows)
                dense, lexical = cosines[rows], scores.lexical[rows]
                dense_reference = scores.of_side(cosines, "dense")
                lexical_reference = scores.of_side(scores.lexical, "lexical")
            else:
                dense, lexical = scores.cosines(rows), scores.lexical[rows]
                best = self._union("hybrid", options.candidates, filtered=False)
                dense_reference = scores.cosines(best[scores.have_vectors(best)])
                lexical_reference = scores.lexical[best]
                if is_constant(dense_reference):
                    dense_reference = scores.of_side(scores.dense, "dense").astype(np.float64)
                if is_constant(lexical_reference):
                    lexical_reference = scores.of_side(scores.lexical, "lexical")
            of_words = scaled(lexical, lexical_reference, method=method, rrf_k=options.rrf_k)
            known = scores.have_vectors(rows)
            of_vectors = of_words.copy()  # a side that does not know a row yet has no vote
            if known.any():
                of_vectors[known] = scaled(dense[known], dense_reference, method=method, rrf_k=options.rrf_k)
            self._scaled[key] = of_vectors, of_words
        return self._scaled[key]


def unlearned(options: SearchOptions) -> SearchOptions:
    """The options with BASE in place of a learned fusion. Feedback takes a question's first answers with these, since
    the weights were fitted to what is then found."""
    return replace(options, fusion=BASE) if options.fusion == "learned" else options


def first_of_each(names: StackedArray[Any], rows: Rows) -> NDArray[np.intp]:
    """The places in `rows` at which a name comes for the first time, ascending: of a document, say.

    names   [n], of each row
    """
    found = names[rows].tolist()
    # Backwards, so that the first place of a name is the one that stays.
    first = dict(zip(reversed(found), range(len(found) - 1, -1, -1), strict=True))
    return np.sort(np.fromiter(first.values(), np.intp, len(first)))
