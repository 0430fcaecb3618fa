"""Every document and file that an index knows of, with what became of it."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from ingest.status import folder_status
from retrieval.index import HybridIndex
from retrieval.types import DocumentRecord

State = Literal["indexed", "in part", "pending", "indexing", "failed", "skipped"]


class Listed(NamedTuple):
    """state    "indexed"; "in part", indexed without something that `reason` names; "pending", found by its words, and
             not embedded yet; "indexing", being written or interrupted; "failed" and "skipped", for the reason
    chunks   what searches find of it, also where a later version failed
    folder   the synced folder's name; "" for what was added from memory
    """

    source: str
    folder: str
    state: State
    reason: str
    chunks: int


def document_list(index: HybridIndex) -> list[Listed]:
    """By source. The folders are looked at, for files that failed and were skipped; nothing is written."""
    return sorted(_listed(index), key=lambda listed: listed.source)


def _listed(index: HybridIndex) -> Iterator[Listed]:
    searcher = index.searcher()
    chunks = {record.source: len(record.chunk_ids) for record in searcher.searchable()}
    seen: set[str] = set()
    for folder in folder_status(index):
        for source, reason in folder.failed:
            seen.add(source)
            yield Listed(source, folder.name, "failed", reason, chunks.get(source, 0))
        for source, reason in folder.skipped:
            seen.add(source)
            yield Listed(source, folder.name, "skipped", reason, chunks.get(source, 0))
    for record in searcher.documents():
        if record.source not in seen and (record.chunk_ids or record.status in ("failed", "indexing")):
            yield Listed(record.source, record.folder, _state(record), record.reason, chunks.get(record.source, 0))


def _state(record: DocumentRecord) -> State:
    if record.status == "ready":
        return "in part" if record.reason else "indexed"
    return record.status
