"""A generation with the documents that await vectors: searches find these by their words.

The manifest names their segments apart. Chroma holds their last version, or nothing, and so does the generation without
them, which is what is written, repaired and saved.
"""

import numpy as np

from retrieval.config import Config
from retrieval.segments.manifest import Manifest
from retrieval.segments.reader import IndexReader


def with_pending(reader: IndexReader, config: Config) -> IndexReader:
    """The same generation with the documents of `reader.pending_parts`, each in place of its last version. The reader
    itself where there are none."""
    parts = [part for part in reader.pending_parts if part.records_size and not part.segment.is_cut_off]
    if not parts:
        return reader
    keys = np.concatenate([part.record_keys for part in parts])
    live = reader.without_documents(keys[reader.has_records(keys)])
    return IndexReader(Manifest(reader.state), [*live, *parts], config, committed=reader)
