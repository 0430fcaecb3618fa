"""Pseudo-relevance feedback: the query is asked again, with what its first answers have in common."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from retrieval.config import Feedback
from retrieval.context import terms_of
from retrieval.search.candidates import QueryScores
from retrieval.search.feedback import rm3, rocchio
from retrieval.search.query import Query, analyzer
from retrieval.segments.reader import IndexReader
from retrieval.topk import Rows

_DENSE_HITS, _WEIGHT = 3, 0.5
"""First answers whose mean vector is added to the query's, and its weight."""

_LEXICAL_HITS, _TERMS, _ORIGINAL = 5, 10, 0.7
"""First answers whose likeliest terms are added, how many of those, and what share of the weight the query keeps."""


def reformulated(reader: IndexReader, query: Query, scores: QueryScores, best: Rows, *, feedback: Feedback) -> Query:
    """The query moved towards its first answers on the dense side (Rocchio), and with their terms on the lexical side
    (RM3).

    scores   of the query
    best     the rows of its answers, best first
    """
    vector, terms = query.vector, query.terms
    if vector is not None and feedback in ("dense", "both"):
        known = best[scores.have_vectors(best)]
        vector = rocchio(vector, reader.vectors[known[:_DENSE_HITS]], weight=_WEIGHT)
    if feedback in ("lexical", "both"):
        rows = best[:_LEXICAL_HITS]
        terms = {language: _with_terms(reader, language, terms[language], scores, rows) for language in terms}
    return replace(query, terms=terms, vector=vector)


def _with_terms(
    reader: IndexReader, language: str, terms: Mapping[str, float], scores: QueryScores, rows: Rows
) -> Mapping[str, float]:
    """The query's terms in one language, with those of the rows in that language."""
    rows = np.array([row for row in rows.tolist() if reader.language(row) == language], dtype=np.intp)
    chunks = [reader.chunk(row) for row in rows.tolist()]
    header = reader.context_header
    found = [terms_of(chunk, analyzer(language), context_header=header) for chunk in chunks]
    return rm3(terms, found, scores.lexical[rows], terms=_TERMS, original=_ORIGINAL) if found else terms
