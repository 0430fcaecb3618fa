"""One query of a shared index: fetch each side's candidates, search them as a local index does, and fetch more where
that counts on more."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np

from retrieval.config import Config
from retrieval.errors import ConfigError
from retrieval.lexical.similarities import IDF, OWN_IDF
from retrieval.search.function_words import has_function_words_alone
from retrieval.search.options import SearchOptions
from retrieval.search.pipeline import search
from retrieval.search.query import Query
from retrieval.search_hits import SearchHit
from retrieval.segments.reader import IndexReader
from retrieval.shared_store.engine import LIMIT
from retrieval.shared_store.expressions import among, beginning, containing, every
from retrieval.shared_store.reader import SharedReader
from retrieval.shared_store.rows import term_number
from retrieval.shared_store.view import CandidateView, Missing, MissingCopies, Side
from retrieval.types import Reranker

_MORE = 50
"""Candidates beyond those that a side brings: they show that no other belongs among them."""

_DEEPER = 4
"""How many times more are fetched where those were not enough."""

_ROUNDING = 1e-5
"""How far off a score of Milvus, in single precision, is at most: of lexical scores in relation to the score."""


@dataclass(frozen=True)
class Fetched:
    """What was fetched of a side: how many were asked for, what none of the others scores more than, and whether there
    are others."""

    limit: int
    bound: float
    is_all: bool


class CandidateSearch:
    """The search of one query. Not thread-safe; `threads` fetch both sides at once."""

    def __init__(
        self, reader: SharedReader, query: Query, options: SearchOptions, config: Config, threads: ThreadPoolExecutor
    ) -> None:
        self._reader = reader
        self._query = query
        self._options = options
        self._config = config
        self._threads = threads
        self._filter = every(
            [reader.matching(options.where), containing(options.where_document), beginning("source", options.within)]
        )
        self._keys: dict[str, None] = {}
        self._fetched: dict[tuple[Any, ...], Fetched] = {}

    def hits(self, reranker: Reranker | None) -> tuple[list[SearchHit], CandidateView]:
        """The hits, and the view that has them. Raises ConfigError for what cannot be had exactly."""
        options = self._options
        of_function_words = map(partial(has_function_words_alone, self._query), self._reader.languages)
        if options.sides == "lexical" and any(of_function_words):
            raise ConfigError(
                f"{self._query.text!r} has function words alone, and store milvus does not read all texts for "
                "them; ask in mode hybrid or dense."
            )
        filters = [False, True] if options.where or options.where_document or options.within else [False]
        wanted = [
            Missing(self._query, side, options.depth, is_filtered=is_filtered)
            for is_filtered in filters
            for side in _sides(options)
        ]
        while True:
            self._fetch(wanted)
            rows = self._reader.rows_of(list(self._keys))
            view = CandidateView(self._reader, rows, self._config, covers=self._covers, asked=self._keys)
            try:
                return search(cast(IndexReader, view), self._query, options, reranker=reranker), view
            except Missing as missing:
                wanted = [missing]
            except MissingCopies as missing:
                wanted = []
                self._keys.update(dict.fromkeys(missing.keys))

    def _covers(self, query: Query, side: Side, depth: int, least: float, is_filtered: bool) -> bool:
        fetched = self._fetched.get(self._name(query, side, is_filtered))
        if fetched is None:
            return False
        return fetched.is_all or least > fetched.bound

    def _fetch(self, wanted: Sequence[Missing]) -> None:
        asked = {self._name(each.query, each.side, each.is_filtered): each for each in wanted}
        limits = {name: self._limit(name, each.depth) for name, each in asked.items()}
        answers = [
            self._threads.submit(self._search, each.query, each.side, limits[name], each.is_filtered)
            for name, each in asked.items()
        ]
        for name, answer in zip(asked, answers, strict=True):
            keys, bound = answer.result()
            self._keys.update((key, None) for key in keys if key not in self._reader.dead)
            self._fetched[name] = Fetched(limits[name], bound, is_all=bound == -np.inf)

    def _limit(self, name: tuple[Any, ...], depth: int) -> int:
        known = self._fetched.get(name)
        if known is None:
            return min(LIMIT, depth + _MORE)
        if known.limit == LIMIT:
            raise ConfigError(
                f"Milvus gives {LIMIT:,} passages of a side at most, and these do not tell which are the best {depth} "
                "that pass: too many are alike, or too few pass what Milvus cannot filter by (operators, $regex, "
                "$not_contains and others). Filter by a field with $eq, $in or numbers too, or search a local index "
                "(store: chroma)."
            )
        return min(LIMIT, max(depth + _MORE, known.limit * _DEEPER))

    def _search(self, query: Query, side: Side, limit: int, is_filtered: bool) -> tuple[list[str], float]:
        """The keys of the best rows, and what no other scores more than; -inf where there are no others."""
        expression = every([self._reader.visible, self._filter if is_filtered else None])
        engine = self._reader.engine
        if side == "dense":
            if query.vector is None:
                return [], -np.inf
            found = engine.search(engine.chunks, "vector", query.vector, limit=limit, expression=expression)
            bound = found[-1][1] + _ROUNDING * 5 if len(found) == limit else -np.inf
            return [key for key, _ in found], bound
        keys: list[str] = []
        bounds = [-np.inf]
        for languages, weights in self._weights(query):
            own = among("language", languages) if len(languages) < len(self._reader.languages) else None
            found = engine.search(engine.chunks, "weights", weights, limit=limit, expression=every([expression, own]))
            keys += [key for key, _ in found]
            if len(found) == limit:
                bounds.append(found[-1][1] * self._drift * (1 + _ROUNDING))
        return keys, max(bounds)

    def _weights(self, query: Query) -> list[tuple[list[str], dict[int, float]]]:
        """Languages, and what the query's terms, as they see them, are worth: idf and the query's own weight."""
        reader, shared = self._reader, self._reader.shared
        idf = IDF[self._config.bm25_idf or OWN_IDF[self._config.bm25_variant]]
        alike: dict[frozenset[tuple[str, float]], list[str]] = {}
        for language in reader.languages:
            alike.setdefault(frozenset(query.terms[language].items()), []).append(language)
        reader.counts.expect({term for terms in alike for term, _ in terms})
        found = []
        for terms, languages in alike.items():
            weights: dict[int, float] = {}
            for term, weight in terms:
                if (count := reader.counts.total(term)) and weight:
                    number = term_number(term)
                    weights[number] = weights.get(number, 0.0) + weight * idf(shared.size, count)
            if weights:
                found.append((languages, weights))
        return found

    @property
    def _drift(self) -> float:
        """How many times higher a score may be than Milvus's, whose weights are of earlier average lengths."""
        low = self._reader.shared.weighed[0]
        return max(1.0, self._reader.shared.average_length / low) if low else 1.0

    def _name(self, query: Query, side: Side, is_filtered: bool) -> tuple[Any, ...]:
        """Of what is fetched: questions that were asked again are others."""
        asked: Any = query.vector.tobytes() if side == "dense" and query.vector is not None else None
        if side == "lexical":
            asked = _frozen(query.terms)
        return side, asked, self._filter if is_filtered else ""


def _sides(options: SearchOptions) -> list[Side]:
    """Those that bring candidates."""
    return ["dense", "lexical"] if options.sides == "hybrid" else [options.sides]


def _frozen(terms: Mapping[str, Mapping[str, float]]) -> frozenset[tuple[str, frozenset[tuple[str, float]]]]:
    return frozenset((language, frozenset(of.items())) for language, of in terms.items())
