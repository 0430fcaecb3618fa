"""A ranking -> hits: the passages with their scores, where they stand, and the words that match."""

from collections.abc import Mapping
from typing import Literal

from retrieval.fusion import Scores
from retrieval.search.candidates import QueryScores, Ranking
from retrieval.search.duplicates import duplicates_of
from retrieval.search.function_words import has_function_words_alone, phrase_spans
from retrieval.search.highlights import Highlighter
from retrieval.search.passages import expanded
from retrieval.search.query import Query
from retrieval.search_hits import SearchHit
from retrieval.segments.reader import IndexReader
from retrieval.time_limit import check_time
from retrieval.timing import stage
from retrieval.topk import Mask, Rows


@stage("hits")
def hits_of(
    reader: IndexReader,
    query: Query,
    scores: QueryScores,
    ranking: Ranking,
    *,
    ranks: tuple[Rows, Rows],
    relevances: Scores,
    expand: int | Literal["section"],
    highlight: bool,
    collapse: bool,
    allowed: Mask | None,
) -> list[SearchHit]:
    """One hit for each passage.

    ranks    the candidates of the dense and of the lexical side, best first
    relevances   float64 [k], of the ranking's rows
    expand   how many neighbours, or that the whole section, goes into a passage; those that touch become one
    highlight   whether to find the words that match
    collapse    whether to name the other passages with the same text, of those allowed
    """
    dense_ranks, lexical_ranks = ({row: rank for rank, row in enumerate(side.tolist(), 1)} for side in ranks)
    cosines, awaits = scores.cosines(ranking.rows), ~scores.have_vectors(ranking.rows)
    marking = {language: Highlighter(terms, language) for language, terms in query.terms.items()}
    duplicates = duplicates_of(reader, ranking.rows, allowed) if collapse else [((), 0)] * len(ranking.rows)
    hits = []
    for rank, (at, passage) in enumerate(expanded(reader, ranking.rows.tolist(), expand), 1):
        check_time()
        row = int(ranking.rows[at])
        chunk = passage if not expand else reader.chunk(row)
        named, total = duplicates[at]
        hits.append(
            SearchHit(
                id=chunk.id,
                document_id=chunk.document_id,
                text=passage.text,
                score=float(ranking.scores[at]),
                rank=rank,
                relevance=float(relevances[at]),
                source=chunk.source,
                title=chunk.title,
                headings=chunk.headings,
                page=passage.page,
                page_end=passage.page_end,
                line_start=passage.line_start,
                line_end=passage.line_end,
                char_start=passage.char_start,
                char_end=passage.char_end,
                metadata=passage.metadata,
                dense_score=None if scores.vector is None or awaits[at] else float(cosines[at]),
                dense_rank=dense_ranks.get(row),
                lexical_score=float(scores.lexical[row]),
                lexical_rank=lexical_ranks.get(row),
                rerank_score=None if ranking.rerank is None else float(ranking.rerank[at]),
                highlights=_highlights(query, reader.language(row), marking, passage.text) if highlight else (),
                duplicates=named,
                duplicates_total=total,
                pending=bool(awaits[at]),
            )
        )
    return hits


def _highlights(
    query: Query, language: str, marking: Mapping[str, Highlighter], text: str
) -> tuple[tuple[int, int], ...]:
    spans = marking[language].spans(text)
    if not spans and has_function_words_alone(query, language):
        return phrase_spans(query.text, text)
    return spans
