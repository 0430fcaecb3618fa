"""Serializers: hits, documents and passages as JSON objects. Pure functions; `responses` has their schemas."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from retrieval.adapters.redaction import redact_paths
from retrieval.prompt import PromptContext
from retrieval.search_hits import SearchHit, SearchHits
from retrieval.types import Chunk, DocumentRecord, clean_text, document_metadata

_CHUNK = (
    "id", "ordinal", "text", "char_start", "char_end", "line_start", "line_end", "page", "page_end", "headings",
    "tokens",
)  # fmt: skip
_NANOSECONDS = 10**9


def result(query: str, hits: SearchHits, context: PromptContext | None, *, tokenizer: str = "") -> dict[str, Any]:
    return {
        "query": clean_text(query),
        "corrections": [asdict(correction) for correction in hits.corrections],
        "required": hits.required,
        "excluded": hits.excluded,
        "has_relevant": hits.has_relevant,
        "hits": [_hit(hit) for hit in hits],
        **({"context": _context(context, tokenizer)} if context is not None else {}),
    }


def _context(context: PromptContext, tokenizer: str) -> dict[str, Any]:
    return {
        "text": context.text,
        "tokens": context.tokens,
        "tokenizer": tokenizer,
        "passages": [
            {
                "number": passage.number,
                "text": passage.text,
                "citation": passage.citation,
                "hits": [hit.id for hit in passage.hits],
                "is_cut": passage.is_cut,
            }
            for passage in context.passages
        ],
        "omitted": [hit.id for hit in context.omitted],
    }


def _hit(hit: SearchHit) -> dict[str, Any]:
    return {
        **asdict(hit),
        "metadata": dict(hit.metadata),
        "citation": hit.citation(),
        "duplicates": [{**asdict(duplicate), "citation": duplicate.citation()} for duplicate in hit.duplicates],
    }


def listed(record: DocumentRecord) -> dict[str, Any]:
    return {**_record(record), "chunks": len(record.chunk_ids)}


def whole(record: DocumentRecord, chunks: Sequence[Chunk]) -> dict[str, Any]:
    """A document with its passages, which are in order."""
    return {**_record(record), "metadata": document_metadata(chunks), "chunks": [_chunk(chunk) for chunk in chunks]}


def _record(record: DocumentRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "source": record.source,
        "folder": record.folder,
        "status": record.status,
        "reason": redact_paths(record.reason),
        "title": record.title,
        "language": record.language,
        "size": record.size,
        "indexed": _time(record.indexed_ns) if record.indexed_ns else None,
    }


def _time(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / _NANOSECONDS, UTC).isoformat(timespec="milliseconds")


def _chunk(chunk: Chunk) -> dict[str, Any]:
    return {name: getattr(chunk, name) for name in _CHUNK}
