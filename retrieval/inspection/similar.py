"""Documents that are like each other, by the vectors of whole documents. No model takes part."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import PurePath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import QueryError
from retrieval.inspection.resemblance import Sketch, resemblance, sketch_of
from retrieval.search.candidates import any_of
from retrieval.segments.reader import IndexReader
from retrieval.types import Chunk, DocumentRecord, Vectors

Likeness = Literal["identical", "near-duplicate", "related"]
"""identical        the same text, white space aside
near-duplicate   at least half of their wording is the same
related          anything less; they may treat the same subject in other words"""

_NEAR_DUPLICATE = 0.5
"""Least overlap of near-duplicates, as in Broder 1997. The cosine alone cannot tell: with all-MiniLM-L6-v2, abstracts
that share a quarter of their wording reached .96, and licences that share nine tenths stayed at .82; with other models
it has another scale altogether."""

DIGITS = 6
"""Of a score: what float32 vectors are good for. So equal texts score 1.0, and ties are ties."""


@dataclass(frozen=True, slots=True)
class SimilarDocument:
    """A document that is like another one.

    score     cosine of the documents' mean vectors, in [-1, 1], to six digits
    rank      from 1
    overlap   share of the wording that both have, in [0, 1] (retrieval.inspection.resemblance)
    """

    source: str
    title: str | None
    score: float
    document_id: str
    rank: int
    overlap: float
    likeness: Likeness


@dataclass(frozen=True, slots=True)
class SimilarPair:
    """Two documents that are like each other, the first by source first; all else as in SimilarDocument."""

    sources: tuple[str, str]
    titles: tuple[str | None, str | None]
    score: float
    document_ids: tuple[str, str]
    rank: int
    overlap: float
    likeness: Likeness


def similar_documents(
    reader: IndexReader, source: str, *, top_k: int, where: Mapping[str, Any] | None, min_score: float | None
) -> list[SimilarDocument]:
    """The documents nearest to one, as HybridIndex.similar."""
    check_counts({"top_k": top_k})
    record = reader.record_of(source)
    reader = reader.committed
    committed = reader.record_of(source)
    if record is not None and record.status == "pending" and not (committed and committed.chunk_ids):
        raise QueryError(f"{source} awaits its vectors; ask again when its sync is done.")
    if not reader.generation:
        raise QueryError(f"{source} is not in the index, which is empty; sync a folder first.")
    documents = _Documents(reader)
    this = documents.number_of(source)
    chosen = documents.passing(where)
    chosen = chosen[chosen != this]
    vectors = reader.document_vectors
    scores = cosines(vectors[chosen], vectors[[this]])
    if len(chosen) > top_k:  # the rest cannot be among the best, whatever their names
        least = np.partition(scores, len(chosen) - top_k)[len(chosen) - top_k]
        chosen, scores = chosen[scores >= least], scores[scores >= least]
    found = [
        (score, documents.records[number], number)
        for score, number in zip(scores.tolist(), chosen.tolist(), strict=True)
        if min_score is None or score >= min_score
    ]
    found.sort(key=lambda each: (-each[0], each[1].source))
    return [
        SimilarDocument(record.source, record.title, score, record.id, rank, *documents.likeness(this, number))
        for rank, (score, record, number) in enumerate(found[:top_k], 1)
    ]


def similar_pairs(
    reader: IndexReader,
    *,
    top_k: int,
    max_pairs: int,
    where: Mapping[str, Any] | None,
    min_score: float | None,
    query_chunk_size: int,
    corpus_chunk_size: int,
) -> list[SimilarPair]:
    """All pairs of documents that are alike, as HybridIndex.similar_pairs."""
    blocks = {"query_chunk_size": query_chunk_size, "corpus_chunk_size": corpus_chunk_size}
    check_counts({"top_k": top_k, "max_pairs": max_pairs, **blocks})
    reader = reader.committed
    documents = _Documents(reader)
    chosen = documents.passing(where)
    if len(chosen) < 2:
        return []
    vectors = reader.document_vectors[chosen]
    import torch
    from sentence_transformers.util import paraphrase_mining_embeddings

    mined = paraphrase_mining_embeddings(
        torch.from_numpy(vectors),
        query_chunk_size=query_chunk_size,
        corpus_chunk_size=corpus_chunk_size,
        max_pairs=max_pairs,
        top_k=top_k,
    )
    pairs = np.array([pair for _, *pair in mined], np.intp).reshape(-1, 2)
    found = []
    for score, pair in zip(cosines(vectors[pairs[:, 0]], vectors[pairs[:, 1]]).tolist(), pairs, strict=True):
        if min_score is None or score >= min_score:
            one, other = sorted((int(chosen[at]) for at in pair), key=lambda number: documents.records[number].source)
            found.append((score, documents.records[one], documents.records[other], one, other))
    found.sort(key=lambda each: (-each[0], each[1].source, each[2].source))
    return [
        SimilarPair(
            (first.source, second.source),
            (first.title, second.title),
            score,
            (first.id, second.id),
            rank,
            *documents.likeness(one, other),
        )
        for rank, (score, first, second, one, other) in enumerate(found, 1)
    ]


def cosines(vectors: Vectors, others: Vectors) -> NDArray[np.float64]:
    """float64 [n], of rows [n, dim] with rows [n, dim] or with one [1, dim]. Added up in double precision: in single,
    the sixth digit depends on what else is computed in the same matrix product."""
    cosines: NDArray[np.float64] = np.einsum("ij,ij->i", vectors, others, dtype=np.float64)
    return cosines.round(DIGITS)


class _Documents:
    """The documents that have chunks, numbered as the rows of `reader.document_vectors`."""

    def __init__(self, reader: IndexReader) -> None:
        rows, starts = reader.rows_by_document
        record_of = {record.id: record for record in reader.records}
        self.records = [record_of[id_.decode()] for id_ in reader.documents[rows[starts]].tolist()]
        self._rows, self._bounds = rows, np.append(starts, len(rows))
        self._reader = reader
        self._sketch = lru_cache(maxsize=4096)(self._sketch_of)

    def number_of(self, source: str) -> int:
        """Raises QueryError for a source that is unknown, or has no text."""
        for number, record in enumerate(self.records):
            if record.source == source:
                return number
        raise without_text(source, self._reader.records)

    def passing(self, where: Mapping[str, Any] | None) -> NDArray[np.intp]:
        """The numbers of those of which any chunk passes the filter. Raises QueryError."""
        mask = self._reader.select(where, None)
        return np.arange(len(self.records)) if mask is None else np.flatnonzero(any_of(mask, self._reader))

    def likeness(self, one: int, other: int) -> tuple[float, Likeness]:
        """Overlap, and what it is called."""
        return likeness(self._sketch(one), self._sketch(other))

    def _sketch_of(self, number: int) -> Sketch:
        rows = self._rows[self._bounds[number] : self._bounds[number + 1]].tolist()
        return sketch_of_chunks(map(self._reader.chunk, rows))


def sketch_of_chunks(chunks: Iterable[Chunk]) -> Sketch:
    """Of a document's text, from all of its chunks."""
    parts, end = [], 0
    for chunk in sorted(chunks, key=lambda chunk: chunk.ordinal):
        parts.append(chunk.text[max(0, end - chunk.char_start) :])  # what chunks share is not repeated
        end = max(end, chunk.char_end)
    return sketch_of("\n".join(parts))


def likeness(one: Sketch, other: Sketch) -> tuple[float, Likeness]:
    """Overlap, and what it is called."""
    if one.digest == other.digest:
        return 1.0, "identical"
    overlap = round(resemblance(one, other), 3)
    return overlap, "near-duplicate" if overlap >= _NEAR_DUPLICATE else "related"


def without_text(source: str, ledger: Iterable[DocumentRecord]) -> QueryError:
    """What to raise for a document that has no chunks: it is unknown, or has no text."""
    known = []
    for record in ledger:
        if record.source == source:
            return QueryError(f"{source} has no text in the index: {record.reason or 'it is empty'}.")
        if record.chunk_ids:
            known.append(record.source)
    close = " or ".join(close_matches(source, known))
    hint = f"did you mean {close}?" if close else "`ingest status` tells what is."
    return QueryError(f"{source} is not in the index; {hint}")


def close_matches(source: str, known: Sequence[str]) -> list[str]:
    """Up to three sources with the same file name, or else of like spelling."""
    name = PurePath(source).name.casefold()
    same_name = [other for other in known if PurePath(other).name.casefold() == name]
    return get_close_matches(source, same_name or known, n=3, cutoff=0.0 if same_name else 0.6)


def check_counts(counts: Mapping[str, int]) -> None:
    for name, value in counts.items():
        if not isinstance(value, int) or value < 1:
            raise QueryError(f"{name} is {value!r}; it must be a whole number of at least 1.")
