"""New documents that a writer began and never came to record."""

from collections.abc import Collection, Sequence

from retrieval.storage import RowStore
from retrieval.types import DocumentRecord, folder_of

_OURS = {"source", "document_id"}
"""Keys that a row has unless others put it there."""


def orphans(store: RowStore, recorded: Sequence[DocumentRecord], folders: Collection[str]) -> list[DocumentRecord]:
    """A record for each document that has rows and none, by source; `folders` are the names of the synced ones."""
    named = {id_ for record in recorded for id_ in record.chunk_ids}
    known = {record.id for record in recorded}
    loose = [id_ for page in store.pages_of_chunk_ids() for id_ in page if id_ not in named]
    ours = [row for row in store.chunk_metadata(loose).values() if row and row.keys() >= _OURS]
    sources = {str(row["source"]) for row in ours if row["document_id"] not in known}
    return [DocumentRecord.begun(source, folder=folder_of(source, folders)) for source in sorted(sources)]
