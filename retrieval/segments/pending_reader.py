"""A generation with the documents that await vectors: searches find these by their words.

The manifest names their segments apart. Chroma holds their last version, or nothing, and so does the generation without
them, which is what is written, repaired and saved.
"""

from retrieval.config import Config
from retrieval.segments.manifest import Manifest
from retrieval.segments.reader import IndexReader


def with_pending(reader: IndexReader, config: Config) -> IndexReader:
    """The same generation with the documents of `reader.pending_parts`, each in place of its last version. The reader
    itself where there are none."""
    parts = [part for part in reader.pending_parts if part.records_size]
    if not parts:
        return reader
    ids = [part.segment.record_ids[place].decode() for part in parts for place in part.record_places]
    live = reader.without_documents(ids)
    documents = dict(reader.documents_of_folder)
    for part in parts:
        for place in part.record_places:
            record = part.segment.record(place)
            if reader.record(record.id) is None:
                documents[record.folder] = documents.get(record.folder, 0) + 1
    manifest = Manifest(reader.state, documents=documents)
    return IndexReader(manifest, [*live, *parts], config, committed=reader)
