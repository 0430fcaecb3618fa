"""One query over one snapshot: candidates from both sides, both scores completed, fused, and made into hits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from retrieval.analysis import Analyzer
from retrieval.config import FusionMethod
from retrieval.errors import QueryError
from retrieval.fusion import Scores, fuse, is_constant
from retrieval.passages import expanded, highlights
from retrieval.rerank import mmr
from retrieval.storage.snapshot import Snapshot
from retrieval.types import Chunk, Reranker, SearchHit, Vectors

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

Mode = Literal["hybrid", "dense", "lexical"]
Rows = NDArray[np.intp]
Mask = NDArray[np.bool_]


class SearchKeywords(TypedDict, total=False):
    """The keyword arguments of HybridIndex.search."""

    mode: Mode
    fusion: FusionMethod | None
    alpha: float | None
    rrf_k: int
    candidates: int
    where: Mapping[str, Any] | None
    where_document: Mapping[str, Any] | None
    rerank: "str | Reranker | CrossEncoder | None"
    mmr_lambda: float | None
    expand: int
    group_by_document: bool
    min_score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """How to search; `HybridIndex.search` explains each. Raises QueryError for values that make no sense."""

    top_k: int
    fusion: FusionMethod
    alpha: float
    mode: Mode = "hybrid"
    rrf_k: int = 60
    candidates: int = 100
    where: Mapping[str, Any] | None = None
    where_document: Mapping[str, Any] | None = None
    mmr_lambda: float | None = None
    expand: int = 0
    group_by_document: bool = False
    min_score: float | None = None

    def __post_init__(self) -> None:
        for name, choices in (("mode", ("hybrid", "dense", "lexical")), ("fusion", ("dbsf", "rrf", "convex"))):
            if getattr(self, name) not in choices:
                raise QueryError(f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(choices)}.")
        for name, least in (("top_k", 1), ("candidates", 1), ("rrf_k", 1), ("expand", 0)):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < least:
                raise QueryError(f"{name} is {value!r}; it must be a whole number of at least {least}.")
        for name, low, high in (("alpha", 0, 1), ("mmr_lambda", 0, 1), ("min_score", -np.inf, np.inf)):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int | float | np.number) and low <= value <= high):
                raise QueryError(f"{name} is {value!r}; it must be a number between {low} and {high}.")

    @property
    def sides(self) -> Mode:
        """The mode that is meant: all the weight on one side is that side alone."""
        if self.mode == "hybrid" and self.alpha in (0, 1):
            return "dense" if self.alpha == 1 else "lexical"
        return self.mode


@dataclass(frozen=True, slots=True)
class Query:
    """A question, analysed: its terms for BM25, and its unit vector, float32 [dim], unless only BM25 takes part."""

    text: str
    terms: Sequence[str]
    vector: Vectors | None


@dataclass(frozen=True, slots=True)
class _Ranking:
    """Rows, best first, with the score that ranks them; rerank is None where no reranker took part."""

    rows: Rows
    scores: Scores
    rerank: Scores | None = None

    def take(self, chosen: Any) -> "_Ranking":
        return _Ranking(self.rows[chosen], self.scores[chosen], None if self.rerank is None else self.rerank[chosen])


def search(
    snapshot: Snapshot, query: Query, options: SearchOptions, *, analyzer: Analyzer, reranker: Reranker | None
) -> list[SearchHit]:
    """The best hits, best first; equal scores are ordered by chunk id."""
    sides = _Sides(snapshot, query, options)
    allowed = snapshot.select(options.where, options.where_document)
    depth = max(options.candidates, options.top_k)
    while True:
        dense, lexical = sides.candidates(depth, allowed)
        ranking = _fused(sides, np.union1d(dense, lexical), options)
        if not options.group_by_document:
            break
        ranking = ranking.take(_first_of_each_document(snapshot, ranking.rows))
        if len(ranking.rows) >= options.top_k or depth >= snapshot.size:
            break
        depth *= 4  # the best chunks crowd into few documents: look further down
    if reranker is not None:
        first = slice(0, max(options.candidates, options.top_k))
        ranking = _reranked(snapshot, ranking.take(first), query, reranker)
    if options.min_score is not None:
        ranking = ranking.take(ranking.scores >= options.min_score)
    if options.mmr_lambda is not None and len(ranking.rows):
        vectors = snapshot.vectors[ranking.rows]
        ranking = ranking.take(mmr(ranking.scores, vectors, lambda_=options.mmr_lambda, top_k=options.top_k))
    ranking = ranking.take(slice(0, options.top_k))
    hits = _hits(sides, ranking, _ranks(dense), _ranks(lexical))
    passages = expanded(snapshot, ranking.rows.tolist(), options.expand)
    return [
        _with_passage(hits[at], passage, rank, highlights(passage.text, query.terms, analyzer))
        for rank, (at, passage) in enumerate(passages, 1)
    ]


class _Sides:
    """Both sides' scores of every row, and who may be a candidate of which."""

    def __init__(self, snapshot: Snapshot, query: Query, options: SearchOptions) -> None:
        self.snapshot = snapshot
        self.vector = query.vector
        nothing = np.zeros(snapshot.size)
        self.lexical = snapshot.lexical.get_scores(query.terms)
        self.dense: NDArray[Any] = nothing
        if query.vector is not None and snapshot.size:
            self.dense = snapshot.vectors @ query.vector
        self._unfiltered: dict[int, tuple[Rows, Rows]] = {}
        self._dense_eligible = np.full(snapshot.size, options.sides != "lexical")
        self._lexical_eligible = (
            nothing.astype(np.bool_) if options.sides == "dense" else snapshot.lexical.matching(query.terms)
        )

    def candidates(self, depth: int, allowed: Mask | None) -> tuple[Rows, Rows]:
        """The `depth` best allowed rows of the dense side, and of the lexical side, best first."""
        if allowed is None and depth in self._unfiltered:
            return self._unfiltered[depth]
        best = (
            self._best(self.dense, self._dense_eligible, depth, allowed),
            self._best(self.lexical, self._lexical_eligible, depth, allowed),
        )
        if allowed is None:
            self._unfiltered[depth] = best  # fusion asks again, for its scale
        return best

    def cosines(self, rows: Rows) -> Scores:
        """In double precision and row by row: a chunk's cosine does not depend on which others are computed with it."""
        if self.vector is None:
            return np.zeros(len(rows))
        return np.asarray((self.snapshot.vectors[rows] * self.vector.astype(np.float64)).sum(axis=1))

    def _best(self, scores: NDArray[Any], eligible: Mask, depth: int, allowed: Mask | None) -> Rows:
        rows = np.flatnonzero(eligible if allowed is None else eligible & allowed)
        if len(rows) > depth:
            threshold = np.partition(scores[rows], len(rows) - depth)[len(rows) - depth]
            rows = rows[scores[rows] >= threshold]
        return rows[np.lexsort((self.snapshot.id_ranks[rows], -scores[rows]))][:depth]


def _fused(sides: _Sides, rows: Rows, options: SearchOptions) -> _Ranking:
    """The rows by the score that the mode asks for.

    Fusion takes its scale from the unfiltered candidates, or where those are all alike on one side, from all rows.
    """
    if options.sides == "lexical":
        scores = sides.lexical[rows]
    elif options.sides == "dense" or not len(rows):
        scores = sides.cosines(rows)
    elif options.fusion == "rrf":  # ranks in the whole index
        scores = fuse(
            sides.dense[rows], sides.lexical[rows], sides.dense, sides.lexical, method="rrf", alpha=options.alpha,
            rrf_k=options.rrf_k,
        )  # fmt: skip
    else:
        best = np.union1d(*sides.candidates(options.candidates, None))
        dense, lexical = sides.cosines(best), sides.lexical[best]
        scores = fuse(
            sides.cosines(rows),
            sides.lexical[rows],
            sides.dense.astype(np.float64) if is_constant(dense) else dense,
            sides.lexical if is_constant(lexical) else lexical,
            method=options.fusion,
            alpha=options.alpha,
            rrf_k=options.rrf_k,
        )
    return _Ranking(rows, scores).take(np.lexsort((sides.snapshot.id_ranks[rows], -scores)))


def _reranked(snapshot: Snapshot, ranking: _Ranking, query: Query, reranker: Reranker) -> _Ranking:
    scores = np.asarray(reranker.score(query.text, [snapshot.text(row) for row in ranking.rows.tolist()]), np.float64)
    return _Ranking(ranking.rows, scores, scores).take(np.lexsort((snapshot.id_ranks[ranking.rows], -scores)))


def _first_of_each_document(snapshot: Snapshot, rows: Rows) -> Rows:
    _, first = np.unique(snapshot.documents[rows], return_index=True)
    return np.sort(first)


def _ranks(rows: Rows) -> dict[int, int]:
    return {row: rank for rank, row in enumerate(rows.tolist(), 1)}


def _hits(
    sides: _Sides, ranking: _Ranking, dense_ranks: Mapping[int, int], lexical_ranks: Mapping[int, int]
) -> list[SearchHit]:
    cosines = sides.cosines(ranking.rows)
    hits = []
    for at, row in enumerate(ranking.rows.tolist()):
        chunk = sides.snapshot.chunk(row)
        hits.append(
            SearchHit(
                id=chunk.id,
                document_id=chunk.document_id,
                text=chunk.text,
                score=float(ranking.scores[at]),
                rank=at + 1,
                source=chunk.source,
                title=chunk.title,
                headings=chunk.headings,
                page=chunk.page,
                line_start=chunk.line_start,
                line_end=chunk.line_end,
                char_start=chunk.char_start,
                char_end=chunk.char_end,
                metadata=chunk.metadata,
                dense_score=None if sides.vector is None else float(cosines[at]),
                dense_rank=dense_ranks.get(row),
                lexical_score=float(sides.lexical[row]),
                lexical_rank=lexical_ranks.get(row),
                rerank_score=None if ranking.rerank is None else float(ranking.rerank[at]),
                highlights=(),
            )
        )
    return hits


def _with_passage(hit: SearchHit, passage: Chunk, rank: int, spans: tuple[tuple[int, int], ...]) -> SearchHit:
    """The hit with the text around it that was asked for."""
    return replace(
        hit,
        rank=rank,
        text=passage.text,
        char_start=passage.char_start,
        char_end=passage.char_end,
        line_start=passage.line_start,
        line_end=passage.line_end,
        highlights=spans,
    )
