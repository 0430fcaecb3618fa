"""The documents of a shared index that are most like one, by their mean vectors: Milvus finds them, exactly."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from retrieval.errors import ConfigError, QueryError
from retrieval.filters import compile_where
from retrieval.inspection.similar import (
    DIGITS,
    SimilarDocument,
    check_counts,
    cosines,
    likeness,
    sketch_of_chunks,
    without_text,
)
from retrieval.segments.columns import Columns
from retrieval.shared_store.engine import LIMIT
from retrieval.shared_store.reader import SharedReader
from retrieval.types import DocumentRecord

_MORE, _DEEPER = 50, 4
"""Documents beyond those asked for that are fetched, and how many times more where these were not enough."""

_PAGE = 2000
"""Passages that are held against a filter at once."""


def similar_documents(
    reader: SharedReader, source: str, *, top_k: int, where: Mapping[str, Any] | None, min_score: float | None
) -> list[SimilarDocument]:
    """As HybridIndex.similar. Raises ConfigError where Milvus does not give enough to be sure."""
    check_counts({"top_k": top_k})
    if not reader.generation:
        raise QueryError(f"{source} is not in the index, which is empty; sync a folder first.")
    this = reader.record_of(source)
    if this is None or not this.chunk_ids:
        raise without_text(source, reader.records)
    own = next(row["vector"] for row in reader.document_rows([this.id], ("part", "vector")) if row["part"] == 0)
    vector = np.asarray(own, np.float32)
    passing = _documents_passing(reader, where) if where else None
    limit = min(LIMIT, top_k + _MORE)
    while True:
        found, bound = _nearest(reader, vector, limit)
        chosen = [
            (score, record)
            for score, record in found
            if record.id != this.id and record.chunk_ids and (passing is None or record.id in passing)
        ]
        chosen.sort(key=lambda each: (-each[0], each[1].source))
        is_sure = len(chosen) >= top_k and chosen[top_k - 1][0] > bound
        is_low = min_score is not None and bound < min_score
        if is_sure or is_low or bound == -np.inf:
            break
        if limit == LIMIT:
            raise ConfigError(
                f"Milvus gives {LIMIT:,} documents at most, and these do not tell which are the {top_k} most like "
                f"{source} that pass; search a local index (store: chroma)."
            )
        limit = min(LIMIT, limit * _DEEPER)
    sketch = sketch_of_chunks(reader.chunks_of(this.id))
    return [
        SimilarDocument(
            record.source,
            record.title,
            score,
            record.id,
            rank,
            *likeness(sketch, sketch_of_chunks(reader.chunks_of(record.id))),
        )
        for rank, (score, record) in enumerate(chosen[:top_k], 1)
        if min_score is None or score >= min_score
    ]


def _nearest(reader: SharedReader, vector: Any, limit: int) -> tuple[list[tuple[float, DocumentRecord]], float]:
    """The records of the nearest documents with their scores, and what no other scores more than."""
    engine = reader.engine
    expression = f"part == 0 and born <= {reader.shared.generation}"
    hits = engine.search(engine.documents, "vector", vector, limit=limit, expression=expression)
    keys = [key for key, _ in hits if key not in reader.dead_documents]
    rows = engine.rows(engine.documents, keys, ("id", "vector"))
    reader.remember([row["id"] for row in rows])
    records = [reader.record(row["id"]) for row in rows]
    vectors = np.asarray([row["vector"] for row in rows], np.float32).reshape(len(rows), -1)
    scores = cosines(vectors, vector[None]).tolist() if rows else []
    found = [(score, record) for score, record in zip(scores, records, strict=True) if record is not None]
    return found, hits[-1][1] + 10.0 ** (1 - DIGITS) if len(hits) == limit else -np.inf


def _documents_passing(reader: SharedReader, where: Mapping[str, Any]) -> set[str]:
    """The ids of the documents of which any passage passes the filter."""
    passes, found, page = compile_where(where), set[str](), list[Mapping[str, Any]]()

    def look() -> None:
        mask = passes(Columns.of(page))
        found.update(row["document_id"] for row, passed in zip(page, mask.tolist(), strict=True) if passed)
        page.clear()

    for row in reader.keys_where(reader.matching(where) or "", ("metadata",)):
        page.append(row["metadata"])
        if len(page) == _PAGE:
            look()
    if page:
        look()
    return found
