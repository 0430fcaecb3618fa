"""BM25 over documents that come and go: the scores of rank_bm25, from postings instead of a dict per document."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Okapi

from retrieval.config import Bm25Idf, Bm25Variant
from retrieval.errors import QueryError
from retrieval.lexical.composite import CompositePostings
from retrieval.lexical.postings import Postings, decode, load, save
from retrieval.lexical.similarities import DELTA, IDF, OWN_IDF, SCORE, IdfName, check_parameters
from retrieval.lexical.term_scores import TermScores
from retrieval.topk import top_k_with_ties

Terms = Sequence[str] | Mapping[str, float]
"""A query: terms, each of weight 1 as often as it is named, or the weight of each, finite and at least 0."""

T = TypeVar("T")
T_ = TypeVar("T_", bound=np.generic)


class LexicalIndex(BM25Okapi):  # type: ignore[misc]  # rank_bm25 has no types
    """A `rank_bm25.BM25Okapi` that can grow, shrink and be saved. Documents are numbered by position, as in a list.

    corpus    one sequence of terms per document; it may be empty, and so may a document.
    variant   how a term's frequency counts: "bm25", "bm25l" or "bm25plus". The last two do more for long documents.
    idf       how its rarity counts. "lucene": ln(1 + (N - n + 0.5) / (n + 0.5)), which is positive for every term.
              "okapi": rank_bm25's own, ln((N - n + 0.5) / (n + 0.5)), where what is negative becomes epsilon times the
              vocabulary's mean. None is the variant's own: for bm25plus ln((N + 1) / n), for the others "lucene".
    k1, b     saturation of term frequency (>= 0), and weight of document length, in [0, 1].
    delta     what bm25l and bm25plus add for a term that occurs (>= 0); None is 0.5 for bm25l, 1 for bm25plus.

    A document's score is the sum over the query's terms that it has of weight * idf * frequency; the formulas, with
    their sources, are in `retrieval.lexical.similarities`. With idf="okapi" the scores are rank_bm25.BM25Okapi's.
    rank_bm25's other two classes are not followed where they leave the papers: its BM25Plus adds delta for terms that a
    document lacks, too, which cancels what delta is for, and its BM25L multiplies by the raw frequency once more.
    The parameters act at query time: what is saved holds for all of them.

    Threads may search together; `add` and `delete` need the index for themselves. Raises ConfigError for parameters out
    of range and a delta that the variant does not have, DocumentError and QueryError for a string where a list of terms
    belongs, QueryError for weights out of range.
    """

    def __init__(
        self,
        corpus: Iterable[Sequence[str]] = (),
        *,
        variant: Bm25Variant = "bm25",
        idf: Bm25Idf | None = None,
        k1: float = 1.5,
        b: float = 0.75,
        delta: float | None = None,
        epsilon: float = 0.25,
    ) -> None:
        # BM25Okapi.__init__ would count the corpus into dicts; what it sets is a parameter here or a property below.
        check_parameters(variant, idf, k1, b, delta)
        self.variant: Bm25Variant = variant
        self.idf_variant: Bm25Idf | None = idf
        self.k1 = float(k1)
        self.b = float(b)
        self.delta = delta
        self.epsilon = epsilon
        self._postings = CompositePostings().with_added(corpus)
        self._last_used: tuple[CompositePostings, tuple[object, ...], TermScores | None] = (self._postings, (), None)

    @classmethod
    def load(
        cls,
        directory: Path,
        *,
        mmap: bool = True,
        variant: Bm25Variant = "bm25",
        idf: Bm25Idf | None = None,
        k1: float = 1.5,
        b: float = 0.75,
        delta: float | None = None,
        epsilon: float = 0.25,
    ) -> "LexicalIndex":
        """The documents that `save` wrote, under any parameters; with `mmap`, arrays stay on disk until they are read.

        Raises IndexNotFoundError and IndexDamagedError.
        """
        index = cls(variant=variant, idf=idf, k1=k1, b=b, delta=delta, epsilon=epsilon)
        index._postings = CompositePostings((load(directory, mmap=mmap),))
        return index

    @classmethod
    def over(
        cls,
        parts: Iterable[Postings],
        *,
        variant: Bm25Variant = "bm25",
        idf: Bm25Idf | None = None,
        k1: float = 1.5,
        b: float = 0.75,
        delta: float | None = None,
    ) -> "LexicalIndex":
        """The living documents of several inverted files; nothing is copied."""
        return cls.of(CompositePostings(tuple(parts)), variant=variant, idf=idf, k1=k1, b=b, delta=delta)

    @classmethod
    def of(
        cls,
        postings: CompositePostings,
        *,
        variant: Bm25Variant = "bm25",
        idf: Bm25Idf | None = None,
        k1: float = 1.5,
        b: float = 0.75,
        delta: float | None = None,
    ) -> "LexicalIndex":
        """The living documents of these postings."""
        index = cls(variant=variant, idf=idf, k1=k1, b=b, delta=delta)
        index._postings = postings
        return index

    def save(self, directory: Path) -> None:
        """Write the documents' postings, without the parameters, to a directory that is created where missing."""
        (part,) = self._postings.compacted.parts
        save(part, directory)

    def with_parameters(
        self,
        *,
        variant: Bm25Variant | None = None,
        idf: Bm25Idf | None = None,
        k1: float | None = None,
        b: float | None = None,
        delta: float | None = None,
    ) -> "LexicalIndex":
        """The same documents scored otherwise, at no cost: the postings are shared until one of the two changes.

        What is left out stays as it is; but where a `variant` is given, an idf or delta left out is that variant's own.
        """
        index = LexicalIndex(
            variant=variant or self.variant,
            idf=self.idf_variant if variant is None and idf is None else idf,
            k1=self.k1 if k1 is None else k1,
            b=self.b if b is None else b,
            delta=self.delta if variant is None and delta is None else delta,
            epsilon=self.epsilon,
        )
        index._postings = self._postings
        return index

    def add(self, corpus: Iterable[Sequence[str]]) -> None:
        """Append documents. Costs what they cost, and now and then the merge of a larger part."""
        self._postings = self._postings.with_added(corpus)

    def delete(self, positions: Iterable[int]) -> None:
        """Remove the documents at these positions, as they are numbered before the call; later documents move up.

        The order of `positions` does not matter, and one named twice is removed once. Raises IndexError, and removes
        nothing, where one is no integer in [0, len(self)).
        """
        self._postings = self._postings.without(positions)

    def __len__(self) -> int:
        return self._postings.size

    @property
    def corpus_size(self) -> int:
        """The number of documents, empty ones included."""
        return len(self)

    @property
    def doc_len(self) -> list[int]:
        """The number of terms in each document."""
        lengths: list[int] = self._postings.lengths.tolist()
        return lengths

    @property
    def avgdl(self) -> float:
        """The mean number of terms in a document; 0 without documents."""
        return self._postings.average_length

    @property
    def idf(self) -> dict[str, float]:
        """The idf of every term, computed at each access."""
        (part,) = self._postings.compacted.parts
        counts, idf = part.document_counts().tolist(), self._idf()
        return {decode(term): idf(count) for term, count in zip(part.vocabulary(), counts, strict=True)}

    @property
    def average_idf(self) -> float:
        """The mean of okapi's idf over the vocabulary, before the floor; 0 without terms."""
        return self._postings.average_log_odds

    def score(self, query: Terms) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """float64 [n], bool [n]: every document's score, and whether it shares a term with the query; 0 if it does not.

        A term of weight 0 is no part of the query.
        """
        scores, matching = self.score_slots(query)
        return self._living(scores), self._living(matching)

    def score_slots(self, query: Terms) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """As `score`, by slot: deleted documents have a place, score 0 and match nothing."""
        scores, worthless = self._scored(query)
        matching: NDArray[np.bool_] = scores > 0
        for slots in worthless:
            matching[slots] = True
        matching[self._postings.deleted] = False
        return scores, matching

    def get_scores(self, query: Terms) -> NDArray[np.float64]:
        """float64 [n]: the score of every document; 0 for those that share no term with the query."""
        return self._living(self._scored(query)[0])

    def matching(self, query: Terms) -> NDArray[np.bool_]:
        """bool [n]: which documents share a term with the query."""
        return self.score(query)[1]

    def matching_slots(self, term: str) -> NDArray[np.integer[Any]]:
        """The slots of the documents that have the term, ascending, deleted ones included."""
        return self._postings.occurrences(term).slots

    def __contains__(self, term: str) -> bool:
        """Whether some document has the term. What the term is worth is remembered for a search that follows."""
        return self._term_scores().of(term).living > 0

    def document_frequency(self, term: str) -> int:
        """How many documents have the term."""
        return self._term_scores().of(term).living

    def occurs(self, term: str, slots: NDArray[np.intp]) -> NDArray[np.bool_]:
        """bool [k]: which of the documents in these slots have the term."""
        having = self._term_scores().of(term).slots
        if not len(having):
            return np.zeros(len(slots), np.bool_)
        places = np.minimum(np.searchsorted(having, slots), len(having) - 1)
        return np.asarray(having[places] == slots)

    def get_batch_scores(self, query: Terms, doc_ids: Sequence[int]) -> list[float]:
        """The scores of the documents at these positions, in the order asked. Raises IndexError out of range."""
        scores: list[float] = self.get_scores(query)[np.asarray(doc_ids, dtype=np.int64)].tolist()
        return scores

    def get_top_n(self, query: Terms, documents: Sequence[T], n: int = 5) -> list[T]:
        """The best of `documents`, the caller's own, one per position.

        As in rank_bm25, but documents that share no term with the query are left out instead of filling up the list.
        """
        if len(documents) != len(self):
            raise QueryError(
                f"{len(documents)} documents given for an index of {len(self)}; pass all of them, in order."
            )
        return [documents[position] for position, _ in self.search(query, n)]

    def search(self, query: Terms, top_k: int) -> list[tuple[int, float]]:
        """At most `top_k` (position, score) of the documents that share a term, best first, ties by position."""
        if top_k < 1:
            raise QueryError(f"top_k must be at least 1, not {top_k}.")
        scores, matching = self.score(query)
        rows = top_k_with_ties(scores, top_k, matching)
        rows = rows[np.argsort(-scores[rows], kind="stable")[:top_k]]
        return list(zip(rows.tolist(), scores[rows].tolist(), strict=True))

    def _scored(self, query: Terms) -> tuple[NDArray[np.float64], list[NDArray[np.integer[Any]]]]:
        """Each slot's score, and the slots of each term that is worth nothing or less to one of them."""
        term_scores = self._term_scores()
        scores, worthless = np.zeros(self._postings.slots), []
        for term, weight in _weights(query).items():
            slots, worth, lowest, _ = term_scores.of(term)
            weighted = worth if weight == 1 else worth * weight
            np.add.at(scores, slots.astype(np.intp), weighted)  # fast for this type alone
            if lowest * weight <= 0:
                worthless.append(slots)
        scores[self._postings.deleted] = 0.0
        return scores, worthless

    def _living(self, values: NDArray[T_]) -> NDArray[T_]:
        """Of an array by slot, the living documents' part, which is by position."""
        return values if self._postings.is_whole else values[self._postings.alive]

    def _term_scores(self) -> TermScores:
        """Those of the documents and parameters of now."""
        setting = (self.variant, self.idf_variant, self.k1, self.b, self.delta, self.epsilon)
        postings, known_setting, term_scores = self._last_used
        if postings is not self._postings or known_setting != setting or term_scores is None:
            delta = DELTA[self.variant] if self.delta is None else self.delta
            term_scores = TermScores(
                self._postings, score=SCORE[self.variant], k1=self.k1, b=self.b, delta=delta, idf=self._idf()
            )
            self._last_used = self._postings, setting, term_scores
        return term_scores

    def _idf(self) -> Callable[[int], float]:
        name = self.idf_variant or OWN_IDF[self.variant]
        return partial(_idf, name=name, epsilon=self.epsilon, postings=self._postings)


def _idf(containing: int, *, name: IdfName, epsilon: float, postings: CompositePostings) -> float:
    """The idf of a term that `containing` documents have, at least one."""
    idf = IDF[name](postings.size, containing)
    return epsilon * postings.average_log_odds if name == "okapi" and idf < 0 else idf


def _weights(query: Terms) -> dict[str, float]:
    """The weight of each term that has one."""
    if isinstance(query, str):
        raise QueryError("A query is a list of terms; got a string, whose terms would be its letters.")
    weights = dict(query) if isinstance(query, Mapping) else Counter(query)
    for term, weight in weights.items():
        if not 0 <= weight < math.inf:
            raise QueryError(f"Weights of terms must be finite and at least 0; {term!r} has {weight}.")
    return {term: float(weight) for term, weight in weights.items() if weight}
