"""The schemas of responses, for OpenAPI. `serializers` and the routes make the JSON itself."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from retrieval.adapters.http.jobs import JobKind, JobStatus
from retrieval.config import Bm25Variant
from retrieval.search_hits import LIKELY, MAX_DUPLICATES
from retrieval.types import MetadataValue, Status


class DuplicateOut(BaseModel):
    """Another passage with the same text, and where it stands."""

    id: str
    document_id: str
    source: str
    page: int | None
    page_end: int | None
    line_start: int
    line_end: int
    metadata: dict[str, MetadataValue]
    citation: str


class HitOut(BaseModel):
    """A passage that answers; scores order the hits of one query and are no probabilities."""

    id: str
    document_id: str
    text: str
    score: float
    rank: int
    relevance: float = Field(description=f"How likely it has to do with the query, 0 to 1; {LIKELY} is likely.")
    source: str
    title: str | None
    headings: list[str]
    page: int | None
    page_end: int | None
    line_start: int
    line_end: int
    char_start: int
    char_end: int
    metadata: dict[str, MetadataValue]
    dense_score: float | None
    dense_rank: int | None
    lexical_score: float
    lexical_rank: int | None
    rerank_score: float | None
    highlights: list[tuple[int, int]]
    duplicates: list[DuplicateOut] = Field(description=f"{MAX_DUPLICATES} at most; empty without collapse.")
    duplicates_total: int
    pending: bool = Field(description="Whether its vector is still to come, so that only its words were compared.")
    citation: str


class CorrectionOut(BaseModel):
    """A word that no passage has, and the nearest one, which was searched for."""

    written: str
    searched: str


class PassageOut(BaseModel):
    """What stands under one number in a context."""

    number: int
    text: str
    citation: str
    hits: list[str] = Field(description="The ids of the hits that it was made of.")
    is_cut: bool = Field(description="Whether the end of it is left out.")


class ContextOut(BaseModel):
    """The passages as text for a prompt: fenced off as data, numbered and cited."""

    text: str = Field(description='"" where nothing fits or was found.')
    tokens: int
    tokenizer: str
    passages: list[PassageOut]
    omitted: list[str] = Field(description="The ids of the hits that did not fit.")


class ResultOut(BaseModel):
    """The hits of one query, and how it was read."""

    query: str
    corrections: list[CorrectionOut]
    required: list[str] = Field(description="Words and phrases that every hit has.")
    excluded: list[str] = Field(description="Words and phrases that no hit has.")
    has_relevant: bool = Field(description="Whether any hit likely has to do with the query.")
    hits: list[HitOut]
    context: ContextOut | None = Field(None, description="Where it was asked for.")


class SearchOut(BaseModel):
    """generation: the state of the index that answered; seconds: that it took, the wait in line included; warnings:
    what is wrong with the filters, such as a field or a value that no chunk has, and which -word excluded nothing."""

    generation: str
    seconds: float
    results: list[ResultOut]
    warnings: list[str]


class _Recorded(BaseModel):
    id: str
    source: str
    folder: str
    status: Status
    reason: str
    title: str | None
    language: str
    size: int
    indexed: str | None = Field(description="ISO 8601, UTC; null where that is not known.")


class RecordOut(_Recorded):
    """A document, as the ledger has it; `folder` is "" for one that was added."""

    chunks: int


class RecordsOut(BaseModel):
    total: int
    documents: list[RecordOut]


class ChunkOut(BaseModel):
    id: str
    ordinal: int
    text: str
    char_start: int
    char_end: int
    line_start: int
    line_end: int
    page: int | None
    page_end: int | None
    headings: list[str]
    tokens: int


class DocumentOut(_Recorded):
    """As RecordOut, with the document's own metadata and its passages in order."""

    metadata: dict[str, MetadataValue]
    chunks: list[ChunkOut]


class FailureOut(BaseModel):
    source: str
    reason: str


class StepOut(BaseModel):
    action: str
    source: str


class SkippedKindOut(BaseModel):
    """How many files with that suffix were skipped for like reasons."""

    suffix: str
    reason: str
    files: int


class ReportOut(BaseModel):
    """What was done. `failed` were not indexed, for the reason given; `notices` were, but a part could not be read."""

    added: int
    updated: int
    deleted: int
    unchanged: int
    failed: list[FailureOut]
    skipped: list[FailureOut]
    skipped_kinds: list[SkippedKindOut]
    notices: list[FailureOut]
    chunks_added: int
    chunks_deleted: int
    chunks_reused: int
    tokens_embedded: int
    truncated: int
    seconds: float
    interrupted: bool
    dry_run: bool
    planned: list[StepOut]
    refused: str


class NamedOut(BaseModel):
    id: str
    source: str


class AddedOut(ReportOut):
    """As ReportOut, with those of the documents sent that the index now has."""

    documents: list[NamedOut]


class DeletedOut(BaseModel):
    documents: int
    chunks: int


class ProgressOut(BaseModel):
    documents: int
    total_documents: int
    bytes: int
    total_bytes: int
    chunks: int
    tokens: int
    held: int = Field(description="Chunks that words find already, while they await their vectors.")


class ProblemOut(BaseModel):
    """RFC 9457: `detail` names the cause and the way out."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str


class JobOut(BaseModel):
    """A sync of a folder, or a rebuild, whose folder is ""; times are ISO 8601, UTC. `report` comes with its end,
    `problem` where it failed."""

    id: str
    kind: JobKind
    folder: str
    status: JobStatus
    created: str
    started: str | None
    finished: str | None
    progress: ProgressOut | None
    report: ReportOut | None
    problem: ProblemOut | None


class JobsOut(BaseModel):
    jobs: list[JobOut]


class FolderOut(BaseModel):
    """A folder that may be synced; `synced` says whether it has been."""

    name: str
    synced: bool


class StatsOut(BaseModel):
    """What the index holds, and what made it."""

    generation: str
    documents: int
    recorded_failures: int
    chunks: int
    pending_chunks: int = Field(description="Those of the chunks that await their vectors: only words find them.")
    tokens: int
    languages: dict[str, int]
    model: str
    pooling: str | None
    dimension: int | None
    max_seq_length: int | None
    limit_is_estimated: bool
    query_prefix: str
    passage_prefix: str
    chunk_size: int | Literal["auto"]
    bm25_variant: Bm25Variant
    bm25_k1: float
    bm25_b: float
    folders: list[FolderOut]
    reranker: str | None


class FeedbackOut(BaseModel):
    source: str = Field(description="The document that was judged.")
    judgements: int = Field(description="How many there are now.")


class IndexOut(BaseModel):
    name: str = Field(description="Its routes are below /indexes/NAME.")


class IndexesOut(BaseModel):
    indexes: list[IndexOut]


class HealthOut(BaseModel):
    status: Literal["ok"]
