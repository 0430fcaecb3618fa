"""Chunk: a passage of a document, which is what searches find."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from retrieval.types.metadata import Metadata, MetadataValue


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of a document: `document.text[char_start:char_end] == text`.

    Lines and pages count from 1, `ordinal` from 0; `line_end` and `page_end` are those of the last character. `tokens`
    counts the whole string that is embedded: special tokens, passage prefix, context header and text.
    """

    id: str
    document_id: str
    source: str
    text: str
    ordinal: int
    char_start: int
    char_end: int
    line_start: int
    line_end: int
    page: int | None
    page_end: int | None
    tokens: int
    headings: tuple[str, ...]
    title: str | None
    metadata: Metadata = field(default_factory=dict)


def document_metadata(chunks: Sequence[Chunk]) -> dict[str, MetadataValue]:
    """A document's own metadata, given all its chunks: the keys that have the same value in each of them."""
    shared = dict(chunks[0].metadata) if chunks else {}
    return {key: value for key, value in shared.items() if all(chunk.metadata.get(key) == value for chunk in chunks)}
