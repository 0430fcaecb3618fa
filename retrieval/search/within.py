"""The filter `within`: the chunks of documents whose source begins so."""

from collections.abc import Sequence

import numpy as np

from retrieval.segments.snapshot import Snapshot
from retrieval.topk import Mask


def within(snapshot: Snapshot, prefixes: str | Sequence[str] | None) -> Mask | None:
    """bool [n]: the chunks of the documents whose source begins with the prefix, or with one of several; None where
    there is none."""
    if prefixes is None:
        return None
    begins = prefixes if isinstance(prefixes, str) else tuple(prefixes)
    chosen = {record.id.encode() for record in snapshot.records if record.source.startswith(begins)}
    rows, starts = snapshot.rows_by_document
    is_chosen = [document in chosen for document in snapshot.documents[rows[starts]].tolist()]
    mask = np.empty(snapshot.size, dtype=np.bool_)
    mask[rows] = np.repeat(np.array(is_chosen, dtype=np.bool_), np.diff(starts, append=len(rows)))
    return mask
