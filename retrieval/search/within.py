"""The filter `within`: the chunks of documents whose source begins so."""

from collections.abc import Sequence

import numpy as np

from retrieval.segments.reader import IndexReader
from retrieval.topk import Mask


def within(reader: IndexReader, prefixes: str | Sequence[str] | None) -> Mask | None:
    """bool [slots]: the chunks of the documents whose source begins with the prefix, or with one of several; None where
    there is none."""
    if prefixes is None:
        return None
    mask = np.zeros(reader.slots, dtype=np.bool_)
    for prefix in [prefixes] if isinstance(prefixes, str) else prefixes:
        mask |= reader.beginning("source", prefix)
    mask[reader.dead] = False
    return mask
