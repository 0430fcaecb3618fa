"""A question, ready to be asked: what is embedded, what BM25 counts, and what its operators demand."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from retrieval.analysis import Analyzer, ignored_words, query_terms
from retrieval.search.operators import Clause
from retrieval.search_hits import Correction, SearchHit, SearchHits
from retrieval.types import CosineScale, Vectors

TermsByLanguage = Mapping[str, Mapping[str, float]]
"""Language -> term -> weight."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the scores of either side tell of a query, in one index.

    cosine_scale   of the model that made the query's vector; None without one
    reads_many_languages   whether that model does, and so finds answers in other languages than the query's
    coverage       in [0, 1]: the share of the query's words, by idf, that any passage has. BM25 votes with this part of
                   its weight; 1 unless reads_many_languages, since another model does not make up for the rest
    """

    cosine_scale: CosineScale | None = None
    reads_many_languages: bool = False
    coverage: float = 1.0


@dataclass(frozen=True, slots=True)
class Query:
    """A question, analysed.

    text      without operators, without what is not wanted, and with its corrections
    terms     as each language of the index sees it, so that query and chunk are always analysed alike
    vector    float32 [dim], of unit length; None where only BM25 takes part
    clauses   what every hit must or must not contain
    corrections   the words that stand in `terms` in another spelling
    evidence  what either side's scores tell of it
    """

    text: str
    terms: TermsByLanguage
    vector: Vectors | None
    clauses: tuple[Clause, ...] = ()
    corrections: tuple[Correction, ...] = ()
    evidence: Evidence = Evidence()

    def answered(self, hits: Iterable[SearchHit], *, warnings: tuple[str, ...]) -> SearchHits:
        """Its hits, with how it was read, and what is wrong with its filters."""
        return SearchHits(
            hits,
            corrections=self.corrections,
            required=tuple(clause.text for clause in self.clauses if not clause.is_excluded),
            excluded=tuple(clause.text for clause in self.clauses if clause.is_excluded),
            warnings=warnings,
        )


def terms_by_language(text: str, languages: Sequence[str]) -> dict[str, Mapping[str, float]]:
    """term -> weight, in each language; function words of the query's language in none, unless there is nothing else.

    languages   those of the index, the most frequent first
    """
    return {
        language: query_terms(text, analyzer(language), ignored=ignored) or query_terms(text, analyzer(language))
        for language, ignored in ignored_words(text, languages).items()
    }


@cache
def analyzer(language: str) -> Analyzer:
    return Analyzer(language)
