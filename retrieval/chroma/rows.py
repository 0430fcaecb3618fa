"""How chunks and records are laid out as Chroma rows. Always the same keys: an upsert merges into what is there."""

from collections.abc import Mapping, Sequence
from typing import Any

from retrieval.types import CHUNK_KEYS, Chunk, CosineScale, DocumentRecord, Metadata, MetadataValue, SyncedFolder


def chunk_metadata(chunk: Chunk) -> dict[str, MetadataValue]:
    """A chunk's row: always the keys of CHUNK_KEYS, then the document's own. Chroma knows no None: no page is 0, no
    title is "", and headings are joined by newlines, which none of them contains."""
    return {
        **chunk.metadata,
        "document_id": chunk.document_id,
        "source": chunk.source,
        "ordinal": chunk.ordinal,
        "char_start": chunk.char_start,
        "char_end": chunk.char_end,
        "line_start": chunk.line_start,
        "line_end": chunk.line_end,
        "page": chunk.page or 0,
        "page_end": chunk.page_end or 0,
        "tokens": chunk.tokens,
        "headings": "\n".join(chunk.headings),
        "title": chunk.title or "",
    }


def chunk_from(id_: str, text: str, metadata: Mapping[str, Any]) -> Chunk:
    """The inverse of chunk_metadata."""
    return Chunk(
        id=id_,
        document_id=metadata["document_id"],
        source=metadata["source"],
        text=text,
        ordinal=metadata["ordinal"],
        char_start=metadata["char_start"],
        char_end=metadata["char_end"],
        line_start=metadata["line_start"],
        line_end=metadata["line_end"],
        page=metadata["page"] or None,
        page_end=(metadata["page"] and metadata.get("page_end", metadata["page"])) or None,  # rows of old have none
        tokens=metadata["tokens"],
        headings=tuple(metadata["headings"].split("\n")) if metadata["headings"] else (),
        title=metadata["title"] or None,
        metadata={key: value for key, value in metadata.items() if key not in CHUNK_KEYS},
    )


def record_metadata(record: DocumentRecord) -> dict[str, MetadataValue]:
    return {
        "source": record.source,
        "folder": record.folder,
        "content_hash": record.content_hash,
        "size": record.size,
        "mtime_ns": record.mtime_ns,
        "ctime_ns": record.ctime_ns,
        "inode": str(record.inode),  # Chroma's integers are signed, an inode is not
        "indexed_ns": record.indexed_ns,
        "status": record.status,
        "reason": record.reason,
        "fingerprint": record.fingerprint,
        "title": record.title or "",
        "language": record.language,
        "read_as": record.read_as,
        "given": record.given,
        "chunks": len(record.chunk_ids),
        "chunk_ids": " ".join(record.chunk_ids),
    }


def record_from(id_: str, metadata: Mapping[str, Any]) -> DocumentRecord:
    fields = {key: metadata[key] for key in metadata if key not in ("chunks", "chunk_ids", "title")}
    fields["inode"] = int(fields.get("inode", 0))  # older rows have none
    chunk_ids = tuple(metadata["chunk_ids"].split())
    return DocumentRecord(id=id_, chunk_ids=chunk_ids, title=metadata["title"] or None, **{"language": "", **fields})


def folders_from(values: Mapping[str, Any]) -> dict[str, SyncedFolder]:
    """Synced folders as JSON holds them: name -> [path, include, exclude]."""
    return {name: SyncedFolder(path, tuple(incl), tuple(excl)) for name, (path, incl, excl) in values.items()}


def scale_from(values: Sequence[float] | None) -> CosineScale | None:
    """A CosineScale as JSON holds it; None where there is none."""
    return None if values is None else CosineScale(*values)


def replacing(new: dict[str, MetadataValue], old: Metadata) -> Any:
    """Chroma merges metadata into what a row has; a key set to None is removed."""
    return {**dict.fromkeys(old), **new}
