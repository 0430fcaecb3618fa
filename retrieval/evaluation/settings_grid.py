"""The documents that a query finds under many settings at once: each side is scored once, the rest is arithmetic.

The rankings are those of `search_batch(..., mode="hybrid", group_by_document=True, collapse=False)`, made by the same
`Scorer`.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.config import Config, Feedback, FusionMethod
from retrieval.lexical import LexicalIndex
from retrieval.search.candidates import QueryScores
from retrieval.search.options import SearchOptions
from retrieval.search.query import Query
from retrieval.search.reformulation import reformulated
from retrieval.search.scoring import Scorer, first_of_each, unlearned
from retrieval.segments.reader import IndexReader
from retrieval.topk import Rows


class Settings(NamedTuple):
    """The settings to tune. With alpha 0 or 1 one side answers alone, and `fusion` does not matter."""

    fusion: FusionMethod
    alpha: float
    bm25_k1: float
    bm25_b: float

    @classmethod
    def of(cls, config: Config) -> "Settings":
        return cls(config.fusion, config.alpha, config.bm25_k1, config.bm25_b)

    def __str__(self) -> str:
        how = {0.0: "BM25 alone", 1.0: "dense alone"}.get(self.alpha, f"{self.fusion}, alpha {self.alpha:g}")
        return how if self.alpha == 1 else f"{how}, k1 {self.bm25_k1:g}, b {self.bm25_b:g}"


class Learnable(NamedTuple):
    """One query's passages, for a learned fusion.

    sources    [k], the documents of the passages that it ranks again, by id, which decides between equal scores
    features   float64 [k, len(FEATURES)]
    others     the best documents by fused scores; those without such a passage come after the ones above
    """

    sources: list[str]
    features: NDArray[np.float64]
    others: list[str]


class Rankings:
    """The documents that queries find in a reader.

    depth      how many documents a search is asked for
    cutoff     how many of them are returned here
    smoothing  as in a search
    feedback   as in a search. With feedback each setting has its own first answers, and so its own scores, which takes
               longer.
    """

    def __init__(
        self, reader: IndexReader, *, depth: int, cutoff: int, smoothing: float, feedback: Feedback = "none"
    ) -> None:
        self._reader = reader
        self._depth = depth
        self._cutoff = cutoff
        self._smoothing = smoothing
        self._feedback = feedback
        self._sources = {record.id.encode(): record.source for record in reader.records}

    def options(self, settings: Settings) -> SearchOptions:
        """The options of a search with these settings; k1 and b are those of the LexicalIndex."""
        return SearchOptions(
            top_k=self._depth,
            fusion=settings.fusion,
            alpha=settings.alpha,
            smoothing=self._smoothing,
            feedback=self._feedback,
            collapse=False,
        )

    def best_documents(
        self, query: Query, lexical: LexicalIndex, options: Sequence[SearchOptions]
    ) -> Iterator[list[str]]:
        """The sources of the best documents, best first, under each of the options; `lexical` gives the BM25 scores."""
        documents = self._reader.documents

        def one_each(rows: Rows) -> Rows:
            return first_of_each(documents, rows)

        scores = QueryScores(self._reader, query, lexical=lexical)
        scorer = Scorer(scores)
        for each in options:
            asked = self._asked_again(query, lexical, scores, scorer, each)
            yield self._named(asked.ranking(each, choose=one_each).rows[: self._cutoff])

    def learnable(self, query: Query, lexical: LexicalIndex, options: SearchOptions) -> Learnable:
        """The passages of a query that a learned fusion ranks again, and the documents that it does not."""
        scores = QueryScores(self._reader, query, lexical=lexical)
        rows, found = self._asked_again(query, lexical, scores, Scorer(scores), options).learnable(options)
        by_id = np.argsort(self._reader.ids[rows], kind="stable")
        [others] = self.best_documents(query, lexical, [options])
        return Learnable(self._named(rows[by_id]), found[by_id], others)

    def _asked_again(
        self, query: Query, lexical: LexicalIndex, scores: QueryScores, scorer: Scorer, options: SearchOptions
    ) -> Scorer:
        """With feedback, the scorer of the query as it is asked again; else the same."""
        if options.feedback == "none":
            return scorer
        first = scorer.ranking(unlearned(options)).rows
        again = reformulated(self._reader, query, scores, first, feedback=options.feedback)
        return Scorer(QueryScores(self._reader, again, lexical=lexical))

    def _named(self, rows: Rows) -> list[str]:
        return [self._sources[document] for document in self._reader.documents[rows].tolist()]
