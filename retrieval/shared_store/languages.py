"""How the languages of a shared index see a word: counts come from statistics, and where two words meet from Milvus."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np

from retrieval.config import Config
from retrieval.search.clauses import satisfying
from retrieval.search.nearest_spelling import Languages
from retrieval.search.operators import Clause
from retrieval.search.query import analyzer
from retrieval.segments.reader import IndexReader
from retrieval.shared_store.expressions import every, text
from retrieval.shared_store.reader import SharedReader
from retrieval.shared_store.rows import CUT, counts_of
from retrieval.shared_store.view import CandidateView


@dataclass(frozen=True)
class Together:
    """Terms of each language, of which passages have one at least."""

    terms: frozenset[tuple[str, str]]
    is_known: bool

    def any(self) -> bool:
        return self.is_known

    def __or__(self, other: "Together") -> "Together":
        return Together(self.terms | other.terms, self.is_known or other.is_known)


class SharedLanguages(Languages):
    """As Languages, of an index whose passages are not at hand."""

    def __init__(self, reader: SharedReader, config: Config) -> None:
        super().__init__(cast(IndexReader, reader))
        self._shared_reader = reader
        self._config = config

    def having(self, words: Iterable[str]) -> Together:
        terms = frozenset(
            (language, term)
            for word in words
            for language in self._shared_reader.languages
            for term in self._terms(word, language)
        )
        return Together(terms, any(self._count(term, language) for language, term in terms))

    def _shared(self, word: str, company: Any) -> int:
        return self._with_both(self.having([word]), company) if company.any() else 0

    def _with_both(self, one: Together, other: Together) -> int:
        """How many passages have a term of each."""
        count = 0
        for language in self._shared_reader.languages:
            sides = [{term for name, term in each.terms if name == language} for each in (one, other)]
            known = [[term for term in terms if self._count(term, language)] for terms in sides]
            if not all(known):
                continue
            of_language = f'language == "{language}"'
            listed = every([of_language, *map(_any_of, known)])
            count += self._count_where(listed)
            if self._cut:  # whose array does not hold all words
                count -= self._count_where(every([listed, _any_of([CUT])]))
                rows = [counts_of(row) for row in self._cut if row["language"] == language]
                count += sum(all(counts.keys() & set(terms) for terms in known) for counts in rows)
        return count

    def _count_where(self, expression: str) -> int:
        reader = self._shared_reader
        return reader.engine.count(reader.engine.chunks, every([reader.exactly_visible, expression]))

    @cached_property
    def _cut(self) -> list[dict[str, Any]]:
        """The rows with more words than their array holds; there are hardly ever any."""
        return list(self._shared_reader.keys_where(_any_of([CUT]), ("terms", "language")))

    def _side_by_side(self, phrase: str) -> int:
        reader = self._shared_reader
        keys: set[str] = set()
        for language in reader.languages:
            found = [term for word in phrase.split() for term in analyzer(language).terms(word)]
            known = [term for term in found if self._count(term, language)]
            if known:
                has_all = every([f'language == "{language}"', *(_any_of([term, CUT]) for term in known)])
                keys.update(row["key"] for row in reader.keys_where(has_all, ()))
        view = CandidateView(reader, reader.rows_of(sorted(keys)), self._config, covers=lambda *_: True)
        clause = Clause(phrase, is_phrase=True, is_excluded=False)
        satisfied = satisfying(cast(IndexReader, view), [clause])
        return int(np.count_nonzero(satisfied)) if satisfied is not None else 0

    def _count(self, term: str, language: str) -> int:
        return self._shared_reader.counts.of(term).get(language, 0)


def _any_of(terms: Iterable[str]) -> str:
    literals = [literal for term in sorted(terms) if (literal := text(term)) is not None]
    return f"array_contains_any(words, [{', '.join(literals)}])"
