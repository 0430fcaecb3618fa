"""A snapshot back into an empty Chroma: the rows that it was made of, and the vectors of whole documents."""

import numpy as np

from retrieval.chroma.store import Store
from retrieval.segments.snapshot import Snapshot
from retrieval.types import Vectors

_ROWS = 1000
_RECORDS = 100
"""In memory at once; a record brings its document's content with it, which may be a book."""


def restore_chroma(store: Store, snapshot: Snapshot) -> None:
    """Write chunks, ledger and, last, the state that says that they are whole."""
    for start in range(0, snapshot.size, _ROWS):
        rows = range(start, min(start + _ROWS, snapshot.size))
        store.put_chunks([snapshot.chunk(row) for row in rows], np.array(snapshot.vectors[rows.start : rows.stop]), {})
    by_document = np.argsort(snapshot.documents, kind="stable")
    owners = snapshot.documents[by_document]
    for start in range(0, len(snapshot.records), _RECORDS):
        records = snapshot.records[start : start + _RECORDS]
        ids = np.array([record.id for record in records], dtype=owners.dtype)
        bounds = zip(np.searchsorted(owners, ids, "left"), np.searchsorted(owners, ids, "right"), strict=True)
        vectors = np.stack([_mean(snapshot.vectors[by_document[first:last]]) for first, last in bounds])
        contents = [snapshot.content(start + at) for at in range(len(records))]
        for has_content in (False, True):  # Chroma takes contents for all the rows of a call, or for none
            chosen = [at for at, content in enumerate(contents) if bool(content) is has_content]
            store.put_records(
                [records[at] for at in chosen],
                vectors[chosen],
                [contents[at] for at in chosen] if has_content else None,
            )
    store.set_state(snapshot.state)


def _mean(vectors: Vectors) -> Vectors:
    """float32 [dim]: the normalised mean, or zero where there are no rows."""
    total = vectors.sum(axis=0, dtype=np.float64)
    mean: Vectors = (total / max(float(np.linalg.norm(total)), 1e-12)).astype(np.float32)
    return mean
