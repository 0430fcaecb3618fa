"""The lexical side of ranking the development passages; training does not change it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from retrieval.analysis import Analyzer
from retrieval.fusion import Scores, fuse, scaled
from retrieval.lexical import LexicalIndex
from retrieval.search.options import SearchOptions
from retrieval.search.scoring import unlearned
from retrieval.searcher import Searcher


@dataclass(frozen=True, slots=True)
class LexicalSide:
    """BM25's scores, and how they are fused with cosines.

    scores     float64 [queries, passages]
    coverage   float64 [queries], of each question, as in Evidence
    options    of the search that is imitated
    """

    scores: Scores
    coverage: Scores
    options: SearchOptions

    @classmethod
    def of(cls, searcher: Searcher, queries: Sequence[str], passages: Mapping[str, str]) -> Self:
        """With the settings and the analysis of an index, as if these passages were all that it holds.

        passages   text -> the language that it is analysed in

        Raises as a search.
        """
        analyzers = {language: Analyzer(language) for language in passages.values()}
        terms = [analyzers[language].terms(text) for text, language in passages.items()]
        index = LexicalIndex(terms, **searcher.config.bm25)
        languages = np.array(list(passages.values()))
        asked = searcher.queries(queries)
        scores = np.zeros((len(queries), len(passages)))
        for row, query in enumerate(asked):
            for language in analyzers:
                of_language = languages == language
                scores[row, of_language] = index.get_scores(query.terms[language])[of_language]
        options = unlearned(SearchOptions.of(searcher.config, 10, {"mode": "hybrid"}))
        return cls(scores, np.array([query.evidence.coverage for query in asked]), options)

    def fused(self, cosines: Scores) -> Scores:
        """float64 [queries, passages]: the fused scores, given cosines of this shape."""
        return np.stack([self._fused(row, found) for row, found in enumerate(cosines)])

    def _fused(self, row: int, cosines: Scores) -> Scores:
        lexical, options = self.scores[row], self.options
        reference = np.union1d(*(np.argsort(-side, kind="stable")[: options.candidates] for side in (cosines, lexical)))
        if options.fusion == "rrf":
            reference = np.arange(len(cosines))
        dense, lexical = (
            scaled(side, side[reference], method=options.fusion, rrf_k=options.rrf_k) for side in (cosines, lexical)
        )
        return fuse(dense, lexical, alpha=options.alpha, coverage=float(self.coverage[row]))
