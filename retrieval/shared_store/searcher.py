"""Searches of a shared index: one generation, for as long as its rows are kept."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn, Protocol, TypeVar, Unpack, cast

from retrieval.config import Config
from retrieval.encoders import Embedder
from retrieval.errors import ConfigError, IndexLockedError
from retrieval.filters import compile_where, compile_where_document
from retrieval.inspection.embedding_stats import EmbeddingStats
from retrieval.inspection.similar import SimilarDocument, SimilarPair
from retrieval.inspection.stats import Stats
from retrieval.rerankers import Rerankers
from retrieval.search import Query, SearchKeywords, SearchOptions
from retrieval.search.exclusion_hints import exclusion_hints
from retrieval.search.query_analysis import analyse
from retrieval.search_hits import SearchHits
from retrieval.searcher import Found, Searcher, check_cosine
from retrieval.segments.reader import IndexReader
from retrieval.shared_store.candidates import CandidateSearch
from retrieval.shared_store.languages import SharedLanguages
from retrieval.shared_store.reader import SharedReader
from retrieval.shared_store.similar import similar_documents
from retrieval.shared_store.state import SharedState
from retrieval.types import Chunk, DocumentRecord, Reranker

T = TypeVar("T")

_THREADS = 4
"""Calls under way at once: two sides, filtered and not."""


class Newest(Protocol):
    """Tells what the newest generation is, now."""

    def state(self) -> SharedState: ...

    def newest(self) -> SharedReader: ...


class SharedSearcher(Searcher):
    """As Searcher. Rows that died are kept until the generation after the next: a searcher that has outlived them, and
    has answered nothing yet, goes on with the newest generation; else it raises IndexLockedError.

    There are no hints on filters, which would need all values of a field.
    """

    def __init__(
        self,
        generations: Newest,
        reader: SharedReader,
        config: Config,
        *,
        embedder: Callable[[], Embedder],
        rerankers: Rerankers,
    ) -> None:
        super().__init__(cast(IndexReader, reader), config, embedder=embedder, rerankers=rerankers)
        self._generations = generations
        self._shared = reader
        self._has_answered = False

    def search_batch(
        self, queries: Sequence[str], top_k: int = 10, **options: Unpack[SearchKeywords]
    ) -> list[SearchHits]:
        """As Searcher.search_batch. Raises ConfigError for what cannot be had exactly."""
        return self._whole(lambda: super(SharedSearcher, self).search_batch(queries, top_k, **options))

    def queries(self, texts: Sequence[str]) -> list[Query]:
        return self._whole(lambda: super(SharedSearcher, self).queries(texts))

    def documents(self) -> tuple[DocumentRecord, ...]:
        return self._whole(lambda: self._shared.records)

    def searchable(self) -> tuple[DocumentRecord, ...]:
        return self._whole(lambda: self._shared.searchable)

    def document(self, source: str) -> DocumentRecord | None:
        return self._whole(lambda: self._shared.record_of(source))

    def chunks(self, source: str) -> list[Chunk]:
        return self._whole(lambda: super(SharedSearcher, self).chunks(source))

    def stats(self) -> Stats:
        return self._whole(super().stats)

    def embedding_stats(self, *, sample: int = 4096, seed: int = 0) -> EmbeddingStats:
        _refuse("embedding statistics", "the vectors of all passages")

    def similar(
        self,
        source: str,
        top_k: int = 10,
        *,
        where: Mapping[str, Any] | None = None,
        min_score: float | None = None,
    ) -> list[SimilarDocument]:
        check_cosine(min_score)
        compile_where(where)
        return self._whole(
            lambda: similar_documents(self._shared, source, top_k=top_k, where=where, min_score=min_score)
        )

    def restricted(self, where: Mapping[str, Any]) -> NoReturn:
        _refuse("keys with filters", "all passages at hand")

    def similar_pairs(self, **options: Any) -> list[SimilarPair]:
        _refuse("similar pairs", "the vectors of all documents")

    def _warnings(self, options: SearchOptions) -> tuple[str, ...]:
        compile_where(options.where)
        compile_where_document(options.where_document)
        _check(options)
        return ()

    def _found(
        self, queries: Sequence[Query], texts: Sequence[str], options: SearchOptions, reranker: Reranker | None
    ) -> Iterator[Found]:
        with ThreadPoolExecutor(_THREADS) as threads:
            for query, text in zip(queries, texts, strict=True):
                hits, view = CandidateSearch(self._shared, query, options, self.config, threads).hits(reranker)
                hints = exclusion_hints(cast(IndexReader, view), text, hits, operators=options.operators)
                yield Found(hits, hints)

    def _analyse(self, queries: Sequence[str], options: SearchOptions) -> list[Query]:
        embedder = self._embedder() if options.sides != "lexical" else None
        languages = SharedLanguages(self._shared, self.config)
        return analyse(self.reader, queries, options, embedder=embedder, languages=languages)

    def _whole(self, answer: Callable[[], T]) -> T:
        """An answer of one generation, all of whose rows were there throughout."""
        while True:
            found = answer()
            state = self._generations.state()
            if self._shared.shared.generation in (state.generation, *state.dead):
                self._has_answered = True
                return found
            if self._has_answered:
                raise IndexLockedError(
                    "The index has been written twice since this searcher was taken, and its generation is gone; take "
                    "another: index.searcher()."
                )
            self._shared = self._generations.newest()
            self.reader = cast(IndexReader, self._shared)


def _check(options: SearchOptions) -> None:
    """Raises ConfigError for what cannot be had exactly from candidates."""
    if options.fusion == "rrf" and options.sides == "hybrid":
        _refuse("fusion rrf", "the ranks of all passages", "ask with fusion dbsf, convex or learned")
    if options.document_score == "mean":
        _refuse("document_score mean", "the mean vectors of all documents", "ask with document_score max")


def _refuse(what: str, needs: str, instead: str = "sync a local index (store: chroma) of the same folder") -> NoReturn:
    raise ConfigError(f"{what[0].upper()}{what[1:]}: store milvus does not have {needs}; {instead}.")
