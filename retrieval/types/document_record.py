"""DocumentRecord: what the ledger knows of a document, and SyncedFolder: the folder that a document comes from."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

from retrieval.types.ids import document_id

Status = Literal["indexing", "ready", "failed", "skipped", "pending"]


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """The ledger's entry for one document.

    folder        the name of the synced folder that it comes from; "" for a document added from memory.
    content_hash  a hash of the file's bytes, or of text and metadata; "" before anything was committed.
    size, mtime_ns, indexed_ns   bytes, and nanoseconds since the epoch; 0 for a document added from memory.
    status        "ready": indexed; "indexing": a write is under way; "failed": the document cannot be read, and the
                  chunks are those of the last version that could be; "skipped": the file holds nothing to index;
                  "pending": searches find it by its words, and Chroma gets it when its vectors are there.
    reason        why it failed or was skipped; the document's notices where it is ready.
    fingerprint   Fingerprint.id of the settings that made the chunks; "" where there are none.
    language      the language of retrieval.analysis that BM25 reads its text in; "" where nothing was indexed yet.
    chunk_ids     the chunks that belong to it, in order. A search returns no other chunk of it.
    read_as       how the file was read: documents.READING, and which sidecar; "" where that is not known. A sync reads
                  the file again when this changes.
    given         JSON of the metadata that a caller of `sync` gave it; "" for none.
    ctime_ns, inode   of the file: when its content or name last changed, in nanoseconds since the epoch, and its number
                  in its file system; 0 where they are not known.
    """

    id: str
    source: str
    folder: str
    content_hash: str
    size: int
    mtime_ns: int
    indexed_ns: int
    status: Status
    reason: str
    fingerprint: str
    title: str | None
    language: str
    chunk_ids: tuple[str, ...]
    ctime_ns: int = 0
    inode: int = 0
    read_as: str = ""
    given: str = ""

    @classmethod
    def begun(cls, source: str, *, folder: str = "", content_hash: str = "", indexed_ns: int = 0) -> Self:
        """The record of a document that has no chunks yet."""
        return cls(
            id=document_id(source),
            source=source,
            folder=folder,
            content_hash=content_hash,
            size=0,
            mtime_ns=0,
            indexed_ns=indexed_ns,
            status="indexing",
            reason="",
            fingerprint="",
            title=None,
            language="",
            chunk_ids=(),
        )


class SyncedFolder(NamedTuple):
    """A folder that an index is kept in step with: its absolute path, and the patterns that chose its files when it
    was last synced."""

    path: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


def folder_of(source: str, folders: Collection[str]) -> str:
    """The name of the synced folder that a source belongs to; "" where it belongs to none.

    folders   the names of the synced folders.
    """
    name = source.partition("/")[0]
    return name if name in folders else ""
