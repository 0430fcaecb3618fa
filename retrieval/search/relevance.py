"""Relevance: how likely a passage answers a query at all, comparable from query to query and from index to index.

The fused score ranks passages for one query: the best of nonsense scores as high as the best of a good question.
Relevance is made of what does not depend on the other passages found:

    nearness   where the cosine stands between that of unrelated texts and that of a question and its answer, for this
               model (`types.CosineScale`)
    coverage   how much of the query, by idf, the passage has (`coverage`)

    relevance = max(.4 min(nearness, 1) + .6 coverage, nearness / 2)

Words in common are the better evidence, since a model finds all of a subject near. But a passage that lies nearer than
answers usually do is one though it has none of the words.

Where a model reads many languages, and the query is in another one than the passage, words say nothing, and answers lie
less near. Where there is no vector, or not yet, coverage is all there is, and a third of the words is enough for one
who asked for words.
"""

import numpy as np

from retrieval.analysis import is_foreign
from retrieval.fusion import Scores
from retrieval.search.candidates import QueryScores
from retrieval.search.coverage import passage_coverage, words_by_language
from retrieval.search.query import Query, analyzer
from retrieval.segments.reader import IndexReader
from retrieval.topk import Rows

_COVERAGE = 0.6
"""How much words count; nearness counts for the rest."""

_FOREIGN = 0.55
"""The nearness of an answer in another language than the question's."""


def relevance(reader: IndexReader, query: Query, scores: QueryScores, rows: Rows) -> Scores:
    """float64 [k], each in [0, 1], of these passages; higher where the cosine is, and where more of the query is
    covered."""
    coverage = (scores.lexical[rows] > 0).astype(np.float64)  # of function words alone, those that have them in a row
    foreign = np.zeros(len(rows), np.bool_)
    languages = np.array([reader.language(row) for row in rows.tolist()])
    words = words_by_language(query.text, reader.languages_by_size)
    for language in set(languages.tolist()):
        of_language = languages == language
        foreign[of_language] = query.evidence.reads_many_languages and is_foreign(query.text, language)
        if words[language]:
            corrected = frozenset(
                term for correction in query.corrections for term in analyzer(language).terms(correction.searched)
            )
            coverage[of_language] = passage_coverage(reader, words[language], rows[of_language], corrected=corrected)
    if (scale := query.evidence.cosine_scale) is None:
        return np.sqrt(coverage)
    nearness = scale.nearness(scores.cosines(rows))
    both = np.maximum((1 - _COVERAGE) * np.minimum(nearness, 1) + _COVERAGE * coverage, nearness / 2)
    found = np.where(foreign, np.minimum(nearness / _FOREIGN, 1.0), both)
    return np.where(scores.have_vectors(rows), found, np.sqrt(coverage))
