"""One query over one snapshot: candidates from both sides, both scores completed, fused, filtered and ranked."""

import numpy as np

from retrieval.fusion import fuse, is_constant
from retrieval.rerank import mmr
from retrieval.search.candidates import QueryScores, Ranking, any_of
from retrieval.search.clauses import satisfying
from retrieval.search.cosines import Scan
from retrieval.search.hits import hits_of
from retrieval.search.options import SearchOptions
from retrieval.search.query import Query
from retrieval.search.reformulation import reformulated
from retrieval.segments.snapshot import Snapshot
from retrieval.timing import stage
from retrieval.topk import Mask, Rows
from retrieval.types import Reranker, SearchHit


def search(
    snapshot: Snapshot,
    query: Query,
    options: SearchOptions,
    *,
    reranker: Reranker | None = None,
    scan: Scan | None = None,
) -> list[SearchHit]:
    """The best hits, best first; equal scores are ordered by id. `scan` takes the place of the snapshot's own."""
    sides = QueryScores(snapshot, query, options.sides, scan=scan)
    allowed = _allowed(snapshot, query, options)
    if options.feedback != "none":
        first = _best(sides, options, allowed)
        asked = reformulated(snapshot, query, sides, first.rows, feedback=options.feedback)
        sides = QueryScores(snapshot, asked, options.sides)
    ranking = _ranked(snapshot, sides, options, allowed)
    if reranker is not None:
        ranking = _reranked(snapshot, sides, ranking.take(slice(0, options.depth)), query, reranker)
    if options.min_score is not None:
        ranking = ranking.take(ranking.scores >= options.min_score)
    if options.mmr_lambda is not None and len(ranking.rows):
        vectors = snapshot.vectors[ranking.rows]
        ranking = ranking.take(mmr(ranking.scores, vectors, lambda_=options.mmr_lambda, top_k=options.top_k))
    ranking = ranking.take(slice(0, options.top_k))
    ranks = sides.candidates(options.depth, allowed)
    return hits_of(snapshot, query, sides, ranking, ranks=ranks, expand=options.expand, highlight=options.highlight)


def _allowed(snapshot: Snapshot, query: Query, options: SearchOptions) -> Mask | None:
    """bool [n]: the rows that pass filters and operators; None where there are neither."""
    filtered = snapshot.select(options.where, options.where_document)
    satisfied = satisfying(snapshot, query.clauses)
    if filtered is None or satisfied is None:
        return satisfied if filtered is None else filtered
    return np.asarray(filtered & satisfied)


def _ranked(snapshot: Snapshot, sides: QueryScores, options: SearchOptions, allowed: Mask | None) -> Ranking:
    """The fused candidates: chunks, or one chunk for each document."""
    if not options.group_by_document:
        return _best(sides, options, allowed)
    if options.document_score == "mean":
        return _best_documents(snapshot, sides, options, allowed)
    depth = options.depth
    while True:
        ranking = _best(sides, options, allowed, depth=depth)
        ranking = ranking.take(_first_of_each_document(snapshot, ranking.rows))
        if len(ranking.rows) >= options.top_k or depth >= snapshot.size:
            return ranking
        depth *= 4  # the best chunks crowd into few documents: look further down


def _best_documents(snapshot: Snapshot, sides: QueryScores, options: SearchOptions, allowed: Mask | None) -> Ranking:
    """Documents by the scores of the whole, each shown by its chunk that the dense side, or else BM25, likes best."""
    rows, starts = snapshot.rows_by_document
    ranking = _best(sides.by_document(snapshot), options, None if allowed is None else any_of(allowed, snapshot))
    ends = np.append(starts[1:], snapshot.size)
    shown = []
    for document in ranking.rows.tolist():
        chunks = rows[starts[document] : ends[document]]
        chunks = chunks if allowed is None else chunks[allowed[chunks]]
        liking = sides.lexical[chunks] if options.sides == "lexical" else sides.cosines(chunks)
        shown.append(chunks[sides.in_order(chunks, liking)[0]])
    return Ranking(np.array(shown, dtype=np.intp), ranking.scores)


def _best(sides: QueryScores, options: SearchOptions, allowed: Mask | None, *, depth: int | None = None) -> Ranking:
    """The candidates of both sides by the score that the mode asks for.

    Fusion takes its scale from the unfiltered candidates, or where those are all alike on one side, from all rows.
    """
    rows = np.union1d(*sides.candidates(depth or options.depth, allowed))
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
    return Ranking(rows, scores).take(sides.in_order(rows, scores))


def _reranked(snapshot: Snapshot, sides: QueryScores, ranking: Ranking, query: Query, reranker: Reranker) -> Ranking:
    passages = [snapshot.text(row) for row in ranking.rows.tolist()]
    with stage("rerank"):
        scores = np.asarray(reranker.score(query.text, passages), np.float64)
    return Ranking(ranking.rows, scores, scores).take(sides.in_order(ranking.rows, scores))


def _first_of_each_document(snapshot: Snapshot, rows: Rows) -> Rows:
    _, first = np.unique(snapshot.documents[rows], return_index=True)
    return np.sort(first)
