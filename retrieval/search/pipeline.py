"""One query over one reader: candidates from both sides, both scores completed, fused, filtered and ranked."""

import numpy as np

from retrieval.rerank import mmr
from retrieval.search.candidates import QueryScores, Ranking, any_of
from retrieval.search.clauses import satisfying
from retrieval.search.cosines import Scan
from retrieval.search.hits import hits_of
from retrieval.search.options import SearchOptions
from retrieval.search.query import Query
from retrieval.search.reformulation import reformulated
from retrieval.search.scoring import Scorer, first_of_each_document
from retrieval.search.within import within
from retrieval.segments.reader import IndexReader
from retrieval.timing import stage
from retrieval.topk import Mask
from retrieval.types import Reranker, SearchHit


def search(
    reader: IndexReader,
    query: Query,
    options: SearchOptions,
    *,
    reranker: Reranker | None = None,
    scan: Scan | None = None,
) -> list[SearchHit]:
    """The best hits, best first; equal scores are ordered by id. `scan` takes the place of the reader's own."""
    scores = QueryScores(reader, query, options.sides, scan=scan)
    allowed = _allowed(reader, query, options)
    if options.feedback != "none":
        first = Scorer(scores, allowed).ranking(options)
        asked = reformulated(reader, query, scores, first.rows, feedback=options.feedback)
        scores = QueryScores(reader, asked, options.sides)
    ranking = _ranked(reader, scores, options, allowed)
    if reranker is not None:
        ranking = _reranked(reader, scores, ranking.take(slice(0, options.depth)), query, reranker)
    if options.min_score is not None:
        ranking = ranking.take(ranking.scores >= options.min_score)
    if options.mmr_lambda is not None and len(ranking.rows):
        vectors = reader.vectors[ranking.rows]
        ranking = ranking.take(mmr(ranking.scores, vectors, lambda_=options.mmr_lambda, top_k=options.top_k))
    ranking = ranking.take(slice(0, options.top_k))
    ranks = scores.candidates(options.depth, allowed)
    return hits_of(reader, query, scores, ranking, ranks=ranks, expand=options.expand, highlight=options.highlight)


def _allowed(reader: IndexReader, query: Query, options: SearchOptions) -> Mask | None:
    """bool [n]: the rows that pass filters and operators; None where there are neither."""
    filtered = reader.select(options.where, options.where_document)
    masks = (filtered, within(reader, options.within), satisfying(reader, query.clauses))
    given = [mask for mask in masks if mask is not None]
    return np.logical_and.reduce(given) if given else None


def _ranked(reader: IndexReader, scores: QueryScores, options: SearchOptions, allowed: Mask | None) -> Ranking:
    """The fused candidates: chunks, or one chunk for each document."""
    if not options.group_by_document:
        return Scorer(scores, allowed).ranking(options)
    if options.document_score == "mean":
        return _best_documents(reader, scores, options, allowed)
    ranking = Scorer(scores, allowed, documents=reader.documents).ranking(options, documents=options.top_k)
    return ranking.take(first_of_each_document(reader.documents, ranking.rows))


def _best_documents(reader: IndexReader, scores: QueryScores, options: SearchOptions, allowed: Mask | None) -> Ranking:
    """Documents by the scores of the whole, each shown by its chunk that the dense side, or else BM25, likes best."""
    rows, starts = reader.rows_by_document
    scorer = Scorer(scores.by_document(reader), None if allowed is None else any_of(allowed, reader))
    ranking = scorer.ranking(options)
    ends = np.append(starts[1:], reader.size)
    shown = []
    for document in ranking.rows.tolist():
        chunks = rows[starts[document] : ends[document]]
        chunks = chunks if allowed is None else chunks[allowed[chunks]]
        liking = scores.lexical[chunks] if options.sides == "lexical" else scores.cosines(chunks)
        shown.append(chunks[scores.in_order(chunks, liking)[0]])
    return Ranking(np.array(shown, dtype=np.intp), ranking.scores)


def _reranked(reader: IndexReader, scores: QueryScores, ranking: Ranking, query: Query, reranker: Reranker) -> Ranking:
    passages = [reader.text(row) for row in ranking.rows.tolist()]
    with stage("rerank"):
        reranked = np.asarray(reranker.score(query.text, passages), np.float64)
    return Ranking(ranking.rows, reranked, reranked).take(scores.in_order(ranking.rows, reranked))
