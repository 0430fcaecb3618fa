"""Many queries over one reader: what they share is computed once for all of them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from retrieval.search.cosines import Scan, float32_products
from retrieval.search.options import SearchOptions
from retrieval.search.pipeline import search
from retrieval.search.query import Query
from retrieval.search_hits import SearchHit
from retrieval.segments.reader import IndexReader
from retrieval.types import Reranker, Vectors

_FEW, _MOST = 16, 128
"""The fewest queries that are scanned together, and the most."""

_SCORES = 1 << 25
"""Scores of one product, 128 MB. The next is made while searches go on from this one."""

_THREADS = 2
"""More would wait for one another: half of a search is arithmetic, during which Python does other things."""


def search_all(
    reader: IndexReader, queries: Sequence[Query], options: SearchOptions, *, reranker: Reranker | None = None
) -> list[list[SearchHit]]:
    """What `search` finds for each."""
    if len(queries) < _FEW or reranker is not None:  # which threads may not be able to share
        return [search(reader, query, options, reranker=reranker) for query in queries]
    together = max(_FEW, min(_MOST, _SCORES // reader.slots))
    blocks = [queries[start : start + together] for start in range(0, len(queries), together)]
    found: list[list[SearchHit]] = []
    with ThreadPoolExecutor(_THREADS) as threads:
        scanning = threads.submit(copy_context().run, _scans, reader, blocks[0])
        for block, next_block in zip_longest(blocks, blocks[1:], fillvalue=()):
            scans = scanning.result()
            scanning = threads.submit(copy_context().run, _scans, reader, next_block)
            found += threads.map(
                lambda context, query, scan: context.run(search, reader, query, options, scan=scan),
                [copy_context() for _ in block],  # one that two threads share cannot be entered
                block,
                scans,
            )
    return found


def _scans(reader: IndexReader, queries: Sequence[Query]) -> list[Scan | None]:
    """A product of matrices reads the vectors once for all queries."""
    vectors = [query.vector for query in queries if query.vector is not None]
    if not vectors or len(vectors) < len(queries) or _FEW * reader.slots > _SCORES:
        return [None] * len(queries)
    products, error = float32_products(reader.vectors.parts, np.stack(vectors))
    products[:, reader.without_cosine] = -np.inf
    return [partial(_known, rough=(row, error)) for row in products]


def _known(_vector: Vectors, rough: tuple[NDArray[np.float32], float]) -> tuple[NDArray[np.float32], float]:
    return rough
