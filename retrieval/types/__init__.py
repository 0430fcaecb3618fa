"""The values that travel through the pipeline: a Document becomes Chunks, and a DocumentRecord says what became of it.

A search turns chunks into the hits of retrieval.search_hits.
"""

from retrieval.types.chunk import Chunk, document_metadata
from retrieval.types.clean_text import clean_text
from retrieval.types.cosine_scale import CosineScale
from retrieval.types.document import OWN_PART, Document, Heading, Table
from retrieval.types.document_record import DocumentRecord, Status, SyncedFolder, folder_of
from retrieval.types.ids import chunk_ids, digest, document_id
from retrieval.types.metadata import (
    CHUNK_KEYS,
    FILE_KEYS,
    MAX_MEMBERS,
    MAX_METADATA,
    PAGE_LABEL,
    Metadata,
    MetadataValue,
    Scalar,
    as_stored,
)
from retrieval.types.models import Encoder, Reranker, Vectors

__all__ = [
    "CHUNK_KEYS", "FILE_KEYS", "MAX_MEMBERS", "MAX_METADATA", "OWN_PART", "PAGE_LABEL", "Chunk", "CosineScale",
    "Document", "DocumentRecord", "Encoder", "Heading", "Metadata", "MetadataValue", "Reranker", "Scalar", "Status",
    "SyncedFolder", "Table", "Vectors", "as_stored", "chunk_ids", "clean_text", "digest", "document_id",
    "document_metadata", "folder_of",
]  # fmt: skip
