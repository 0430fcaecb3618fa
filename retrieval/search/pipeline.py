"""One query over one reader: candidates from both sides, both scores completed, fused, filtered and ranked."""

from functools import cache

import numpy as np

from retrieval.mmr import mmr
from retrieval.search.candidates import QueryScores, Ranking, any_of
from retrieval.search.clauses import satisfying
from retrieval.search.cosines import Scan
from retrieval.search.duplicates import choice
from retrieval.search.hits import hits_of
from retrieval.search.options import SearchOptions
from retrieval.search.query import Query
from retrieval.search.reformulation import reformulated
from retrieval.search.relevance import relevance
from retrieval.search.scoring import Scorer, unlearned
from retrieval.search.within import within
from retrieval.search_hits import SearchHit
from retrieval.segments.reader import IndexReader
from retrieval.timing import stage
from retrieval.topk import Mask, Rows
from retrieval.types import Reranker, Vectors


def search(
    reader: IndexReader,
    query: Query,
    options: SearchOptions,
    *,
    reranker: Reranker | None = None,
    scan: Scan | None = None,
) -> list[SearchHit]:
    """The best hits, best first; equal scores are ordered by id. `scan` takes the place of the reader's own."""
    scores = of_query = QueryScores(reader, query, options.sides, scan=scan)
    allowed = _allowed(reader, query, options)
    if options.feedback != "none":
        one_each = choice(reader, one_each_document=False, one_each_text=options.collapse)
        first = Scorer(scores, allowed).ranking(unlearned(options), choose=one_each)
        asked = reformulated(reader, query, scores, first.rows, feedback=options.feedback)
        scores = QueryScores(reader, asked, options.sides)
    ranking = _ranked(reader, scores, options, allowed)
    if reranker is not None:
        ranking = _reranked(reader, scores, ranking.take(slice(0, options.depth)), query, reranker)
    if options.min_score is not None:
        ranking = ranking.take(ranking.scores >= options.min_score)
    if options.min_relevance is not None:
        ranking = ranking.take(relevance(reader, query, of_query, ranking.rows) >= options.min_relevance)
    if options.mmr_lambda is not None and len(ranking.rows):
        vectors = _estimated(reader.vectors[ranking.rows], scores.have_vectors(ranking.rows))
        ranking = ranking.take(mmr(ranking.scores, vectors, lambda_=options.mmr_lambda, top_k=options.top_k))
    ranking = ranking.take(slice(0, options.top_k))
    ranks = scores.candidates(options.depth, allowed)
    return hits_of(
        reader,
        query,
        scores,
        ranking,
        ranks=ranks,
        # Asked again with its answers, any question would be near to them.
        relevances=relevance(reader, query, of_query, ranking.rows),
        expand=options.expand,
        highlight=options.highlight,
        collapse=options.collapse,
        allowed=allowed,
    )


def _estimated(vectors: Vectors, known: Mask) -> Vectors:
    """The vectors, float32 [n, dim], with the mean direction of those known in place of the others: so a passage is
    neither near to nor far from the rest for not having one."""
    if known.all() or not known.any():
        return vectors
    mean = vectors[known].mean(axis=0)
    return np.where(known[:, None], vectors, mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32)


def _allowed(reader: IndexReader, query: Query, options: SearchOptions) -> Mask | None:
    """bool [n]: the rows that pass filters and operators; None where there are neither."""
    filtered = reader.select(options.where, options.where_document)
    masks = (filtered, within(reader, options.within), satisfying(reader, query.clauses))
    given = [mask for mask in masks if mask is not None]
    return np.logical_and.reduce(given) if given else None


def _ranked(reader: IndexReader, scores: QueryScores, options: SearchOptions, allowed: Mask | None) -> Ranking:
    """The fused candidates: chunks, or one chunk for each document."""
    if options.group_by_document and options.document_score == "mean":
        return _best_documents(reader, scores, options, allowed)
    choose = choice(reader, one_each_document=options.group_by_document, one_each_text=options.collapse)
    return Scorer(scores, allowed).ranking(options, choose=choose)


def _best_documents(reader: IndexReader, scores: QueryScores, options: SearchOptions, allowed: Mask | None) -> Ranking:
    """Documents by the scores of the whole, each shown by its chunk that the dense side, or else BM25, likes best."""
    reader.require_all("the mean vectors of all documents")
    rows, starts = reader.rows_by_document
    ends = np.append(starts[1:], reader.size)

    @cache
    def shown(document: int) -> int:
        chunks = rows[starts[document] : ends[document]]
        chunks = chunks if allowed is None else chunks[allowed[chunks]]
        by_words = options.sides == "lexical" or not scores.have_vectors(chunks).all()
        liking = scores.lexical[chunks] if by_words else scores.cosines(chunks)
        return int(chunks[scores.in_order(chunks, liking)[0]])

    def rows_of(documents: Rows) -> Rows:
        return np.array([shown(document) for document in documents.tolist()], dtype=np.intp)

    choose = choice(reader, one_each_document=True, one_each_text=options.collapse)
    scorer = Scorer(scores.by_document(reader), None if allowed is None else any_of(allowed, reader))
    ranking = scorer.ranking(options, choose=lambda documents: choose(rows_of(documents)))
    return Ranking(rows_of(ranking.rows), ranking.scores)


def _reranked(reader: IndexReader, scores: QueryScores, ranking: Ranking, query: Query, reranker: Reranker) -> Ranking:
    passages = [reader.text(row) for row in ranking.rows.tolist()]
    with stage("rerank"):
        reranked = np.asarray(reranker.score(query.text, passages), np.float64)
    return Ranking(ranking.rows, reranked, reranked).take(scores.in_order(ranking.rows, reranked))
