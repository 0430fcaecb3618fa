"""A generation back into Chroma: all of it into an empty one, or what differs into one that is there."""

from collections.abc import Iterator, Sequence

import numpy as np

from retrieval.chroma.store import Store
from retrieval.segments.reader import IndexReader
from retrieval.types import Chunk, DocumentRecord, Metadata, Vectors

_ROWS = 1000
_RECORDS = 100
"""In memory at once; a record brings its document's content with it, which may be a book."""


def restore_chroma(store: Store, reader: IndexReader) -> None:
    """Write chunks, ledger and, last, the state that says that they are whole. The store is empty."""
    for chunks, vectors in pages_of_rows(reader):
        store.put_chunks(chunks, vectors, {})
    restore_records(store, reader, reader.records)
    store.set_state(reader.state)


def restore_chunks(store: Store, reader: IndexReader, ids: Sequence[str]) -> None:
    """Write the rows of these chunks again, whole, whatever the store holds of them."""
    for start in range(0, len(ids), _ROWS):
        page = ids[start : start + _ROWS]
        rows = reader.rows_of_ids(page)
        previous: dict[str, Metadata] = store.chunk_metadata(page)
        store.put_chunks([reader.chunk(row) for row in rows.tolist()], np.array(reader.vectors[rows]), previous)


def restore_records(store: Store, reader: IndexReader, records: Sequence[DocumentRecord]) -> None:
    """Write these records again, with what their documents were made of and their vectors."""
    for start in range(0, len(records), _RECORDS):
        page = records[start : start + _RECORDS]
        vectors = np.stack([_mean(reader.vectors[reader.rows_of_document(record.id)]) for record in page])
        contents = [reader.content(record.id) for record in page]
        for has_content in (False, True):  # Chroma takes contents for all the rows of a call, or for none
            chosen = [at for at, content in enumerate(contents) if bool(content) is has_content]
            store.put_records(
                [page[at] for at in chosen],
                vectors[chosen],
                [contents[at] for at in chosen] if has_content else None,
            )


def pages_of_rows(reader: IndexReader) -> Iterator[tuple[list[Chunk], Vectors]]:
    """All chunks with their vectors, float32 [k, dim], some at a time."""
    for start in range(0, reader.size, _ROWS):
        rows = reader.living[start : start + _ROWS]
        yield [reader.chunk(row) for row in rows.tolist()], np.array(reader.vectors[rows])


def _mean(vectors: Vectors) -> Vectors:
    """float32 [dim]: the normalised mean, or zero where there are no rows."""
    total = vectors.sum(axis=0, dtype=np.float64)
    mean: Vectors = (total / max(float(np.linalg.norm(total)), 1e-12)).astype(np.float32)
    return mean
