"""The schemas of documents and of what became of them, for OpenAPI. `serializers` and the routes make the JSON."""

from typing import Annotated

from pydantic import BaseModel, Field
from typing_extensions import TypeAliasType

from retrieval.types import MetadataValue, Status

Metadata = TypeAliasType(
    "Metadata",
    Annotated[
        dict[str, MetadataValue],
        Field(description="Metadata of a document, by name.", examples=[{"year": 2024, "tags": ["sky"]}]),
    ],
)
"""A schema of its own, so that generated clients have one class for it."""


class _Recorded(BaseModel):
    id: str = Field(description="The id of the document, a hash of its source.")
    source: str = Field(description="What it is cited by.", examples=["docs/guide/rain.md"])
    folder: str = Field(description='The synced folder that it comes from; "" for one that was added.')
    status: Status = Field(
        description="How it is. Only one that is ready, failed after it was, or is pending is searched."
    )
    reason: str = Field(description='Why it failed or was skipped, or what could not be read of it; else "".')
    title: str | None = Field(description="Its title; null where it has none.")
    language: str = Field(description='The language that its words are read in; "" where nothing is indexed yet.')
    size: int = Field(description="Bytes of its file; 0 for one that was added as text.")
    indexed: str | None = Field(description="When it was indexed: ISO 8601, UTC; null where that is not known.")


class RecordOut(_Recorded):
    """A document, as the ledger has it."""

    chunks: int = Field(description="How many passages it has.")


class RecordsOut(BaseModel):
    """A page of the ledger."""

    total: int = Field(description="How many documents there are, on all pages together.")
    documents: list[RecordOut] = Field(description="Those of this page, by source.")


class ChunkOut(BaseModel):
    """A passage of a document."""

    id: str = Field(description="The id of the passage.")
    ordinal: int = Field(description="Its place among the document's passages, from 0.")
    text: str = Field(description="The text of the passage.")
    char_start: int = Field(description="Where it starts in the document's text, in characters from 0.")
    char_end: int = Field(description="Where it ends in the document's text, exclusive.")
    line_start: int = Field(description="Its first line, from 1.")
    line_end: int = Field(description="Its last line.")
    page: int | None = Field(description="Its first page, from 1; null where the document has no pages.")
    page_end: int | None = Field(description="Its last page; null where the document has no pages.")
    headings: list[str] = Field(description="The headings that it stands under, the outermost first.")
    tokens: int = Field(description="Tokens that the model reads for it, prefix and context header included.")


class DocumentOut(_Recorded):
    """A document, as the ledger has it, with its metadata and its passages."""

    metadata: Metadata = Field(description="The document's own metadata.")
    chunks: list[ChunkOut] = Field(description="Its passages, in order.")


class FailureOut(BaseModel):
    """A document, and what went wrong with it."""

    source: str = Field(description="What it is cited by, or would be.")
    reason: str = Field(description="What went wrong, and the way out.")


class StepOut(BaseModel):
    """What a sync would do with a document."""

    action: str = Field(description="What would be done: add, update or delete.")
    source: str = Field(description="What the document is cited by, or would be.")


class SkippedKindOut(BaseModel):
    """How many files with that suffix were skipped for like reasons."""

    suffix: str = Field(description='The end of their names, such as ".zip"; "" where they have none.')
    reason: str = Field(description="Why they were skipped.")
    files: int = Field(description="How many there are.")


class ReportOut(BaseModel):
    """What was done with documents."""

    added: int = Field(description="Documents that are new.")
    updated: int = Field(description="Documents that replaced an earlier version.")
    deleted: int = Field(description="Documents that are gone.")
    unchanged: int = Field(description="Documents that are as they were.")
    failed: list[FailureOut] = Field(description="Those that were not indexed; an earlier version stays searchable.")
    skipped: list[FailureOut] = Field(description="Files that hold nothing to index.")
    skipped_kinds: list[SkippedKindOut] = Field(description="Those again, counted by the ends of their names.")
    notices: list[FailureOut] = Field(description="Those that were indexed, but a part could not be read.")
    chunks_added: int = Field(description="Passages that came.")
    chunks_deleted: int = Field(description="Passages that went.")
    chunks_reused: int = Field(description="Passages of new and changed documents that needed no embedding.")
    tokens_embedded: int = Field(description="Tokens that the model read.")
    truncated: int = Field(description="Passages that the model could not read whole; always 0.")
    seconds: float = Field(description="How long it took.")
    interrupted: bool = Field(description="Whether it ended before all was done; the next sync goes on from there.")
    dry_run: bool = Field(description="Whether nothing was done; false in answers of the service.")
    planned: list[StepOut] = Field(description="Of a dry run: what would be done.")
    refused: str = Field(description='Of a dry run: why the sync would delete nothing and end; else "".')


class NamedOut(BaseModel):
    """A document that the index now has."""

    id: str = Field(description="The id of the document.")
    source: str = Field(description="What it is cited by.")


class AddedOut(ReportOut):
    """What was done with the documents that were sent."""

    documents: list[NamedOut] = Field(description="Those of them that the index now has.")


class DeletedOut(BaseModel):
    """What was taken away."""

    documents: int = Field(description="How many documents.")
    chunks: int = Field(description="How many passages.")
