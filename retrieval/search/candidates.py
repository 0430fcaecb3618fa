"""Both sides' scores of everything that a query could find, and the best of each side."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from retrieval.analysis import is_foreign
from retrieval.config import Mode
from retrieval.fusion import Scores
from retrieval.lexical import LexicalIndex
from retrieval.search.cosines import Cosines, Scan, float32_scan
from retrieval.search.function_words import phrase_scores
from retrieval.search.query import Query, TermsByLanguage
from retrieval.segments.reader import IndexReader
from retrieval.segments.stacked import StackedArray
from retrieval.timing import stage
from retrieval.topk import Mask, Rows, top_k_with_ties

_NO_ROWS: Rows = np.empty(0, dtype=np.intp)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows, best first, with the score that ranks them; rerank is None where no reranker took part."""

    rows: Rows
    scores: Scores
    rerank: Scores | None = None

    def take(self, chosen: Any) -> "Ranking":
        return Ranking(self.rows[chosen], self.scores[chosen], None if self.rerank is None else self.rerank[chosen])


class QueryScores:
    """The scores of n chunks, or of n documents, by either side.

    sides     which side brings candidates; both score, where the query has a vector
    lexical   scores the chunks in place of the reader's own BM25 index, with other parameters
    scan      takes the place of the reader's own

    size      how many there are in the index, without deleted ones
    lexical   float64 [n], BM25
    coverage  the query's
    vectors   float32 [n, dim], unit rows
    awaits    bool [n], those whose vectors are still to come; None where all are there. The dense side does not score
              them
    texts     [n], equal where texts are
    documents   [n], equal where documents are
    ordinals  intp [k] -> float64 [k], how many chunks of its document stand before each
    in_its_language   intp [k] -> float64 [k], 1, or 0 for those in another language than the query
    fusion_weights   of a learned fusion
    """

    def __init__(
        self,
        reader: IndexReader,
        query: Query,
        sides: Mode = "hybrid",
        *,
        lexical: LexicalIndex | None = None,
        scan: Scan | None = None,
    ) -> None:
        self._query, self._reader = query, reader
        self.size = reader.size
        self.vector = query.vector
        self.coverage = query.evidence.coverage
        self.vectors = reader.vectors
        self.awaits = reader.awaits
        self.texts: StackedArray[Any] | NDArray[Any] = reader.passages
        self.documents: StackedArray[Any] | NDArray[Any] = reader.documents
        self.ordinals: Callable[[Rows], Scores] = reader.ordinals
        self.in_its_language: Callable[[Rows], Scores] = partial(_in_language_of, query.text, reader)
        self.fusion_weights = reader.fusion_weights
        self._cosines = Cosines(query.vector, reader.vectors, scan or reader.products, eligible=reader.embedded)
        self.lexical, self._matching = _bm25(reader, lexical or reader.lexical, query.terms)
        if sides != "dense" and (phrase := phrase_scores(reader, query, self._matching, self._near)) is not None:
            self.lexical, self._matching = self.lexical + phrase[0], self._matching | phrase[1]
        self._sides = sides
        self._names: StackedArray[Any] | NDArray[Any] = reader.ids
        self._alive, self._embedded = reader.alive, reader.embedded
        self._unfiltered: dict[int, tuple[Rows, Rows]] = {}

    def _near(self, most: int) -> Rows | None:
        """So many of the nearest rows; None where the query has no vector."""
        if self.vector is None:
            return None
        rows, cosines = self._cosines.best(most, None)
        self._require("dense", most, cosines, None)
        return rows

    def by_document(self, reader: IndexReader) -> Self:
        """The same of whole documents, numbered as in `reader.rows_by_document`: the cosine of a document's mean
        vector, and the BM25 score of its best chunk."""
        documents = copy.copy(self)
        documents.vectors = StackedArray([reader.document_vectors])
        documents.awaits = None if self.awaits is None else any_of(self.awaits, reader)
        documents._alive, documents._embedded = None, None if documents.awaits is None else ~documents.awaits
        scan = float32_scan(reader.document_vectors, eligible=documents._embedded)
        documents._cosines = Cosines(self.vector, documents.vectors, scan, eligible=documents._embedded)
        documents.lexical = highest(self.lexical, reader)
        documents._matching = any_of(self._matching, reader)
        documents.texts = documents.documents = documents._names = np.arange(len(documents.vectors))
        documents.ordinals = lambda rows: np.zeros(len(rows))
        documents.in_its_language = lambda rows: np.ones(len(rows))
        documents._unfiltered = {}
        documents.size = len(documents.vectors)
        return documents

    @property
    def dense(self) -> NDArray[Any]:
        """float32 [n], cosines; 0 where the query has no vector. Reads every vector, once: `cosines` does not."""
        return self._cosines.all

    def ranked_cosines(self, rows: Rows) -> Scores:
        """float64 [n], as Cosines.ranked."""
        return self._cosines.ranked(rows)

    def of_side(self, scores: NDArray[Any], side: Literal["dense", "lexical"]) -> NDArray[Any]:
        """Of one side's scores [n], those of the rows that it scores."""
        if scores.any():  # where a side's best have 0, as for words that no passage has, all have
            self._reader.require_all("the scores of all passages")
        scored = self._embedded if side == "dense" else self._alive
        return scores if scored is None else scores[scored]

    def cosines(self, rows: Rows) -> Scores:
        """Exact, float64, whichever others are asked for; 0 where the vector is still to come."""
        return self._cosines.of(rows)

    def have_vectors(self, rows: Rows) -> Mask:
        """bool [k]: which of the rows do not await their vectors."""
        return np.ones(len(rows), np.bool_) if self.awaits is None else ~self.awaits[rows]

    def candidates(self, depth: int, allowed: Mask | None) -> tuple[Rows, Rows]:
        """The `depth` best of those allowed on the dense side, and on the lexical side, best first."""
        if allowed is None and depth in self._unfiltered:
            return self._unfiltered[depth]
        dense = lexical = _NO_ROWS
        if self._sides != "lexical":
            rows, cosines = self._cosines.best(depth, allowed)
            dense = rows[self.in_order(rows, cosines)][:depth]
            self._require("dense", depth, cosines, allowed)
        if self._sides != "dense":
            rows = top_k_with_ties(self.lexical, depth, self._matching if allowed is None else self._matching & allowed)
            lexical = rows[self.in_order(rows, self.lexical[rows])][:depth]
            self._require("lexical", depth, self.lexical[rows], allowed)
        if allowed is None:
            self._unfiltered[depth] = dense, lexical  # fusion asks again, for its scale
        return dense, lexical

    def _require(self, side: Literal["dense", "lexical"], depth: int, scores: Scores, allowed: Mask | None) -> None:
        """Check that the best of a side, which have these scores, are the best of the whole index."""
        least = float(scores.min()) if len(scores) >= depth else -np.inf
        self._reader.require(self._query, side, depth=depth, least=least, is_filtered=allowed is not None)

    def in_order(self, rows: Rows, scores: Scores) -> NDArray[np.intp]:
        """The places in `rows`, best score first; ties by id."""
        order = np.argsort(-scores, kind="stable")
        ordered = scores[order]
        if (ordered[1:] < ordered[:-1]).all():  # ids are only looked up for ties
            return order
        return np.lexsort((self._names[rows], -scores))


def highest(scores: NDArray[Any], reader: IndexReader) -> NDArray[Any]:
    """[m]: of each document, its chunks' highest score."""
    rows, starts = reader.rows_by_document
    return np.asarray(np.maximum.reduceat(scores[rows], starts))


def any_of(mask: Mask, reader: IndexReader) -> Mask:
    """bool [m]: whether any chunk of each document is in the mask."""
    return highest(mask, reader)


def _in_language_of(text: str, reader: IndexReader, rows: Rows) -> Scores:
    if len(reader.languages) == 1:  # nearly all; it takes time to detect that of the query
        return np.ones(len(rows))
    languages = [reader.language(row) for row in rows.tolist()]
    is_own = {language: not is_foreign(text, language) for language in set(languages)}
    return np.array([is_own[language] for language in languages], np.float64)


@stage("lexical")
def _bm25(reader: IndexReader, lexical: LexicalIndex, terms: TermsByLanguage) -> tuple[Scores, Mask]:
    """Each chunk's score by the terms that its own language makes of the query, and whether it has one of them.

    Languages that make the same of it are scored together."""
    asked: dict[frozenset[tuple[str, float]], list[int]] = {}
    for number, language in enumerate(reader.languages):
        asked.setdefault(frozenset(terms[language].items()), []).append(number)
    if len(asked) == 1:
        return lexical.score_slots(terms[reader.languages[0]])
    scores = np.zeros(reader.slots)
    matching = np.zeros(reader.slots, dtype=np.bool_)
    for languages in asked.values():
        rows = np.isin(reader.language_of_row, languages)
        of_terms = lexical.score_slots(terms[reader.languages[languages[0]]])
        scores[rows], matching[rows] = of_terms[0][rows], of_terms[1][rows]
    return scores, matching
