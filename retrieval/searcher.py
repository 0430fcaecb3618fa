"""Searcher: one generation of an index, and everything that can be asked of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Unpack

import numpy as np

from retrieval.config import Config
from retrieval.encoders import Embedder
from retrieval.errors import ConfigError, QueryError
from retrieval.inspection.embedding_stats import EmbeddingStats
from retrieval.inspection.similar import SimilarDocument, SimilarPair, similar_documents, similar_pairs
from retrieval.inspection.stats import Stats, describe, describe_embeddings
from retrieval.rerankers import Rerankers
from retrieval.search import Query, SearchKeywords, SearchOptions, search_all
from retrieval.search.exclusion_hints import exclusion_hints
from retrieval.search.filter_hints import warn
from retrieval.search.operators import has_word
from retrieval.search.query_analysis import analyse
from retrieval.search_hits import SearchHit, SearchHits
from retrieval.segments.reader import IndexReader
from retrieval.segments.restricted_reader import restricted
from retrieval.timing import stage
from retrieval.types import Chunk, DocumentRecord, Reranker, SyncedFolder, clean_text


class Found(NamedTuple):
    """The hits of one query, and what there is to say of how it was read."""

    hits: list[SearchHit]
    hints: tuple[str, ...]


class Searcher:
    """One generation, immutable: whatever is written meanwhile, all that it answers belongs together. Threads may
    share it. HybridIndex.searcher() gives the newest.

    generation   its name; "" before anything was indexed
    reader       its rows
    config       of the index that it belongs to
    """

    def __init__(
        self, reader: IndexReader, config: Config, *, embedder: Callable[[], Embedder], rerankers: Rerankers
    ) -> None:
        self.reader = reader
        self.config = config
        self._embedder = embedder
        self._rerankers = rerankers

    def restricted(self, where: Mapping[str, Any]) -> "Searcher":
        """The same generation as if it had never held the documents outside a filter: whatever is asked of it, the
        answers, warnings and counts tell nothing of them, but for scores in their last digits.

        A document of which some chunk does not pass, or that has no chunk, is outside.
        Raises QueryError for a filter that is empty or cannot be read.
        """
        reader = restricted(self.reader, where, self.config)
        return Searcher(reader, self.config, embedder=self._embedder, rerankers=self._rerankers)

    @property
    def generation(self) -> str:
        return self.reader.generation

    # Searching

    def search(self, query: str, top_k: int = 10, **options: Unpack[SearchKeywords]) -> SearchHits:
        """As HybridIndex.search, in this generation."""
        return self.search_batch([query], top_k, **options)[0]

    @stage("search")
    def search_batch(
        self, queries: Sequence[str], top_k: int = 10, **options: Unpack[SearchKeywords]
    ) -> list[SearchHits]:
        """As `search`, for many queries at once: they are embedded together."""
        if isinstance(queries, str) or not all(isinstance(query, str) for query in queries):
            raise QueryError("A query is a string, and a batch is a list of them.")
        chosen = SearchOptions.of(self.config, top_k, options)
        warnings = self._warnings(chosen)
        reranker = self._rerankers.get(chosen.rerank)
        asked = [_checked(query) for query in queries]
        if not self.reader.size:
            return [SearchHits() for _ in asked]
        with self.reader.explaining_damage():
            read = self._analyse(asked, chosen)
            return [
                query.answered(found.hits, warnings=warnings + found.hints)
                for query, found in zip(read, self._found(read, asked, chosen, reranker), strict=True)
            ]

    def queries(self, texts: Sequence[str]) -> list[Query]:
        """Plain texts, embedded and analysed, as `search` would with operators off. Raises as `search`."""
        options = SearchOptions.of(self.config, 1, {"mode": "hybrid", "alpha": 0.5, "operators": False})
        return self._analyse([_checked(text) for text in texts], options) if self.reader.size else []

    def require_vectors(self, what: str) -> None:
        """Raises ConfigError where chunks await their vectors: `what` would come of a part of the index."""
        if self.reader.committed is not self.reader:
            raise ConfigError(
                f"Documents of the index await their vectors, and {what} needs them all; let `ingest sync` come to its "
                "end first."
            )

    # What is in it

    def documents(self) -> tuple[DocumentRecord, ...]:
        """The ledger's records, by source."""
        return self.reader.records

    def searchable(self) -> tuple[DocumentRecord, ...]:
        """The records of the documents that have chunks, whatever became of reading them since."""
        return self.reader.searchable

    def document(self, source: str) -> DocumentRecord | None:
        """One record of the ledger."""
        return self.reader.record_of(source)

    def chunks(self, source: str) -> list[Chunk]:
        """The chunks of one document, in order; none where it is unknown."""
        record = self.document(source)
        return self.reader.chunks_of(record.id) if record is not None else []

    def folders(self) -> Mapping[str, SyncedFolder]:
        """The synced folders, by the name that their sources begin with."""
        return self.reader.state.folders

    def stats(self) -> Stats:
        return describe(self.reader, self.config)

    def embedding_stats(self, *, sample: int = 4096, seed: int = 0) -> EmbeddingStats:
        """As HybridIndex.embedding_stats, in this generation."""
        return describe_embeddings(self.reader, sample=sample, seed=seed)

    def similar(
        self,
        source: str,
        top_k: int = 10,
        *,
        where: Mapping[str, Any] | None = None,
        min_score: float | None = None,
    ) -> list[SimilarDocument]:
        """As HybridIndex.similar, in this generation."""
        check_cosine(min_score)
        warn(self.reader, where)
        return similar_documents(self.reader, source, top_k=top_k, where=where, min_score=min_score)

    def similar_pairs(
        self,
        *,
        top_k: int = 100,
        max_pairs: int = 10_000,
        where: Mapping[str, Any] | None = None,
        min_score: float | None = 0.9,
        query_chunk_size: int = 1000,
        corpus_chunk_size: int = 100_000,
    ) -> list[SimilarPair]:
        """As HybridIndex.similar_pairs, in this generation."""
        check_cosine(min_score)
        warn(self.reader, where)
        return similar_pairs(
            self.reader,
            top_k=top_k,
            max_pairs=max_pairs,
            where=where,
            min_score=min_score,
            query_chunk_size=query_chunk_size,
            corpus_chunk_size=corpus_chunk_size,
        )

    def _warnings(self, options: SearchOptions) -> tuple[str, ...]:
        """What is wrong with the filters, which is logged too. Raises QueryError for one that cannot be read."""
        return warn(self.reader, options.where, options.within)

    def _found(
        self, queries: Sequence[Query], texts: Sequence[str], options: SearchOptions, reranker: Reranker | None
    ) -> Iterator[Found]:
        """What is found for each query, which was written as the text of the same place says."""
        found = search_all(self.reader, queries, options, reranker=reranker)
        for text, hits in zip(texts, found, strict=True):
            yield Found(hits, exclusion_hints(self.reader, text, hits, operators=options.operators))

    def _analyse(self, queries: Sequence[str], options: SearchOptions) -> list[Query]:
        embedder = self._embedder() if options.sides != "lexical" else None
        return analyse(self.reader, queries, options, embedder=embedder)


def _checked(query: str) -> str:
    query = clean_text(query)
    if not query.strip():
        raise QueryError("The query is empty; ask with at least one word.")
    if not has_word(query):
        raise QueryError(f"The query {query!r} has no word in it; ask with at least one.")
    return query


def check_cosine(min_score: float | None) -> None:
    """Raises QueryError unless it is one."""
    if min_score is not None and not (isinstance(min_score, int | float | np.number) and -1 <= min_score <= 1):
        raise QueryError(f"min_score is {min_score!r}; it must be a cosine, a number between -1 and 1.")
