"""What an index holds, and what made it, in figures."""

from collections import Counter
from collections.abc import Mapping
from itertools import chain
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.config import Bm25Variant, Config
from retrieval.errors import QueryError
from retrieval.inspection.embedding_stats import (
    EmbeddingStats,
    alignment,
    components_for,
    effective_rank,
    histogram,
    mean_cosine_and_uniformity,
    near_duplicate_share,
    repeated_share,
    spectrum,
)
from retrieval.segments.reader import IndexReader

_DUPLICATES_SOUGHT = 1000
"""Sampled chunks that are held against all others, which is what takes longest."""


class Stats(NamedTuple):
    """What is known of the model is None before anything was indexed.

    documents   those that searches can return: with chunks, also where a later version of the file failed
    recorded_failures   those whose last version the ledger has as failed; what was indexed before is among the
                documents. The files that a sync reports as failed are more: folder_status looks at the folders, and
                also finds dangling links, FIFOs, files over the limit and folders that cannot be listed.
    pending_chunks   those of the chunks that await their vectors: words find them, and nothing else does yet
    tokens      of whole embedded strings
    limit_is_estimated   whether tokens are counted without the model's tokenizer
    languages   how the documents' text is analysed for BM25 -> how many documents; the most frequent first
    """

    documents: int
    recorded_failures: int
    chunks: int
    pending_chunks: int
    tokens: int
    languages: Mapping[str, int]
    model: str
    pooling: str | None
    dimension: int | None
    max_seq_length: int | None
    limit_is_estimated: bool
    query_prefix: str
    passage_prefix: str
    chunk_size: int | Literal["auto"]
    bm25_variant: Bm25Variant
    bm25_k1: float
    bm25_b: float
    chroma: str


def describe(reader: IndexReader, config: Config) -> Stats:
    """The figures of the last generation."""
    made_with = reader.fingerprint
    searchable = reader.searchable
    settings = made_with.settings if made_with else config.index_settings()
    return Stats(
        documents=len(searchable),
        recorded_failures=sum(record.status == "failed" for record in reader.records),
        chunks=reader.size,
        pending_chunks=reader.pending,
        tokens=reader.tokens,
        # Records of old have no language but the index's own.
        languages=dict(Counter(record.language or config.language for record in searchable).most_common()),
        model=config.model,
        pooling=made_with.pooling if made_with else None,
        dimension=made_with.dimension if made_with else None,
        max_seq_length=made_with.max_seq_length if made_with else None,
        limit_is_estimated=config.is_endpoint and config.encoder_tokenizer is None,
        query_prefix=settings["query_prefix"],
        passage_prefix=settings["passage_prefix"],
        chunk_size=config.chunk_size,
        bm25_variant=config.bm25_variant,
        bm25_k1=config.bm25_k1,
        bm25_b=config.bm25_b,
        chroma=place_of(config.server_settings()),
    )


def describe_embeddings(reader: IndexReader, *, sample: int, seed: int) -> EmbeddingStats:
    """As HybridIndex.embedding_stats. Raises QueryError."""
    reader = reader.committed
    if not isinstance(sample, int) or sample < 2:
        raise QueryError(f"sample is {sample!r}; it must be a whole number of at least 2.")
    if not reader.size or reader.fingerprint is None:
        raise QueryError("The index holds no chunks yet, and so there is nothing to measure; sync a folder first.")
    random = np.random.default_rng(seed)
    rows = np.sort(random.choice(reader.living, min(sample, reader.size), replace=False))
    sought = np.sort(random.choice(rows, min(_DUPLICATES_SOUGHT, len(rows)), replace=False))
    pairs = _neighbours(reader)
    pairs = pairs[np.sort(random.choice(len(pairs), min(sample, len(pairs)), replace=False))]
    vectors = reader.vectors[rows]
    mean_cosine, uniformity = mean_cosine_and_uniformity(vectors) if len(rows) > 1 else (None, None)
    shares = spectrum(vectors)
    reads = reader.fingerprint.max_seq_length
    chunk_size = reader.fingerprint.settings["chunk_size"]
    limit = reads if chunk_size == "auto" else chunk_size
    tokens = reader.tokens_of_row[reader.living]
    quantiles = np.quantile(tokens, (0.05, 0.25, 0.5, 0.75, 0.95), method="lower").tolist()
    return EmbeddingStats(
        chunks=reader.size,
        sampled=len(rows),
        dimension=reader.fingerprint.dimension,
        mean_cosine=mean_cosine,
        uniformity=uniformity,
        neighbours=len(pairs),
        alignment=alignment(reader.vectors[pairs[:, 0]], reader.vectors[pairs[:, 1]]) if len(pairs) else None,
        effective_dimensions=effective_rank(shares) if len(rows) > 1 else None,
        dimensions_for_90=components_for(shares, share=0.9) if len(rows) > 1 else None,
        chunk_limit=limit,
        max_seq_length=reads,
        token_quantiles=tuple(quantiles),
        fill=quantiles[2] / limit,
        token_histogram=histogram(tokens, limit),
        truncated=int((tokens > reads).sum()),
        exact_duplicates=repeated_share(reader.digests[reader.living]),
        near_duplicates=near_duplicate_share(reader.vectors, sought, alive=reader.alive),
        near_duplicates_of=len(sought),
    )


def _neighbours(reader: IndexReader) -> NDArray[np.intp]:
    """intp [p, 2]: the rows of chunks that follow one another in a document."""
    records = reader.records
    rows = reader.rows_of_ids(list(chain.from_iterable(record.chunk_ids for record in records)))
    document = np.repeat(np.arange(len(records)), [len(record.chunk_ids) for record in records])
    follows = (rows[:-1] >= 0) & (rows[1:] >= 0) & (document[:-1] == document[1:])
    return np.column_stack((rows[:-1][follows], rows[1:][follows]))


def place_of(server: Mapping[str, Any]) -> str:
    """Where the index is kept, in words, from Config.server_settings."""
    if "store_uri" in server:
        return f"{server['store_name']} in Milvus at {server['store_uri']}"
    return f"Chroma at {server['chroma_host']}:{server['chroma_port']}" if server else "its own directory"
