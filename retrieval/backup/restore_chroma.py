"""A generation back into an empty Chroma: its rows, and the vectors of whole documents."""

import numpy as np

from retrieval.chroma.store import Store
from retrieval.segments.reader import IndexReader
from retrieval.types import Vectors

_ROWS = 1000
_RECORDS = 100
"""In memory at once; a record brings its document's content with it, which may be a book."""


def restore_chroma(store: Store, reader: IndexReader) -> None:
    """Write chunks, ledger and, last, the state that says that they are whole."""
    for start in range(0, reader.size, _ROWS):
        rows = reader.living[start : start + _ROWS]
        store.put_chunks([reader.chunk(row) for row in rows.tolist()], np.array(reader.vectors[rows]), {})
    for start in range(0, len(reader.records), _RECORDS):
        records = reader.records[start : start + _RECORDS]
        vectors = np.stack([_mean(reader.vectors[reader.rows_of_document(record.id)]) for record in records])
        contents = [reader.content(record.id) for record in records]
        for has_content in (False, True):  # Chroma takes contents for all the rows of a call, or for none
            chosen = [at for at, content in enumerate(contents) if bool(content) is has_content]
            store.put_records(
                [records[at] for at in chosen],
                vectors[chosen],
                [contents[at] for at in chosen] if has_content else None,
            )
    store.set_state(reader.state)


def _mean(vectors: Vectors) -> Vectors:
    """float32 [dim]: the normalised mean, or zero where there are no rows."""
    total = vectors.sum(axis=0, dtype=np.float64)
    mean: Vectors = (total / max(float(np.linalg.norm(total)), 1e-12)).astype(np.float32)
    return mean
