"""Bodies of requests and answers, as pydantic checks them and OpenAPI describes them."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from retrieval.adapters.http.jobs import JobStatus
from retrieval.config import Bm25Variant, Feedback, FusionMethod, Mode
from retrieval.search import DocumentScore
from retrieval.types import MetadataValue, Status

MAX_QUERY = 2_000
MAX_QUERIES = 32
MAX_TOP_K = 100
MAX_HITS = 1_000
MAX_CANDIDATES = 1_000
MAX_EXPAND = 20
MAX_DOCUMENTS = 100
MAX_SOURCE = 1_000
MAX_PAGE = 1_000

QueryText = Annotated[str, Field(min_length=1, max_length=MAX_QUERY)]


class _Asked(BaseModel):
    """What clients send: exactly what is described, in JSON's own types."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class SearchBody(_Asked):
    """One query or several, and how to search: the arguments of HybridIndex.search, by their names."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["query"]}, {"required": ["queries"]}],
            "examples": [
                {"query": "what causes rain?"},
                {"query": "what causes rain?", "top_k": 3, "where": {"source": "docs/guide/rain.md"}},
                {"queries": ["what causes rain?", "when does it snow?"], "mode": "lexical", "expand": "section"},
            ],
        }
    )

    query: QueryText | SkipJsonSchema[None] = Field(None, description="A question, or words.")
    queries: Annotated[list[QueryText], Field(min_length=1, max_length=MAX_QUERIES)] | SkipJsonSchema[None] = Field(
        None, description="Several, answered from the same state of the index."
    )
    top_k: int = Field(10, ge=1, le=MAX_TOP_K, description="Hits at most.")
    mode: Mode = Field("hybrid", description="Both sides, or one: dense (by meaning), lexical (by words).")
    fusion: FusionMethod | None = Field(None, description="How both sides' scores become one; null as configured.")
    alpha: float | None = Field(None, ge=0, le=1, description="Weight of the dense side; null as configured.")
    rrf_k: int = Field(60, ge=1, le=10_000, description="Constant of reciprocal rank fusion.")
    candidates: int = Field(100, ge=1, le=MAX_CANDIDATES, description="Chunks that each side brings.")
    feedback: Feedback | None = Field(None, description="Ask again with what the first answers have in common.")
    where: dict[str, Any] | None = Field(None, description="Chroma's metadata filter.")
    where_document: dict[str, Any] | None = Field(None, description="Chroma's text filter.")
    operators: bool | None = Field(
        None, description='Whether "phrase", +must and -not are read; null: unless the query is a sentence.'
    )
    rerank: bool | str | None = Field(
        None, description="Whether the cross-encoder that the service was started with rescores the candidates."
    )
    mmr_lambda: float | None = Field(None, ge=0, le=1, description="1 is relevance alone, 0 diversity alone.")
    expand: Annotated[int, Field(ge=0, le=MAX_EXPAND)] | Literal["section"] = Field(
        0, description="Neighbouring chunks on each side of a hit, or all under its headings."
    )
    group_by_document: bool = Field(False, description="One hit a document.")
    document_score: DocumentScore = Field("max", description="What ranks a document: its best chunk, or the whole.")
    min_score: float | None = Field(None, description="Leave out hits with a lower score.")
    highlight: bool = Field(True, description="Mark the words that match.")

    @model_validator(mode="after")
    def _one_or_several(self) -> Self:
        if (self.query is None) == (self.queries is None):
            raise ValueError("give either query or queries")
        if len(self.asked) * self.top_k > MAX_HITS:
            raise ValueError(f"queries times top_k is more than {MAX_HITS:,}; ask in parts")
        return self

    @property
    def asked(self) -> list[str]:
        return [self.query] if self.query is not None else list(self.queries or ())


class HitOut(BaseModel):
    """A passage that answers; scores order the hits of one query and are no probabilities."""

    id: str
    document_id: str
    text: str
    score: float
    rank: int
    source: str
    title: str | None
    headings: list[str]
    page: int | None
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
    citation: str


class ResultOut(BaseModel):
    query: str
    hits: list[HitOut]


class SearchOut(BaseModel):
    """generation: the state of the index that answered; seconds: that it took, the wait in line included."""

    generation: str
    seconds: float
    results: list[ResultOut]


class RecordOut(BaseModel):
    """A document, as the ledger has it; `folder` is "" for one that was added."""

    id: str
    source: str
    folder: str
    status: Status
    reason: str
    title: str | None
    language: str
    chunks: int
    size: int
    indexed: str | None = Field(description="ISO 8601, UTC; null where that is not known.")


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
    headings: list[str]
    tokens: int


class DocumentOut(BaseModel):
    """As RecordOut, with the document's own metadata and its passages in order."""

    id: str
    source: str
    folder: str
    status: Status
    reason: str
    title: str | None
    language: str
    size: int
    indexed: str | None
    metadata: dict[str, MetadataValue]
    chunks: list[ChunkOut]


class DocumentBody(_Asked):
    """A text with a name; it replaces what has the same source."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"source": "notes/rain.md", "text": "# Rain\n\nIt falls.", "metadata": {"year": 2024}}]
        }
    )

    source: str = Field(min_length=1, max_length=MAX_SOURCE, description="What it is cited by.")
    text: str
    title: str | None = None
    metadata: Mapping[str, MetadataValue] = Field(default_factory=dict)


class DocumentsBody(_Asked):
    documents: list[DocumentBody] = Field(min_length=1, max_length=MAX_DOCUMENTS)


class FailureOut(BaseModel):
    source: str
    reason: str


class StepOut(BaseModel):
    action: str
    source: str


class ReportOut(BaseModel):
    """What was done. `failed` were not indexed, for the reason given; the others were."""

    added: int
    updated: int
    deleted: int
    unchanged: int
    failed: list[FailureOut]
    skipped: list[FailureOut]
    chunks_added: int
    chunks_deleted: int
    chunks_reused: int
    tokens_embedded: int
    truncated: int
    seconds: float
    interrupted: bool
    dry_run: bool
    planned: list[StepOut]


class DeletedOut(BaseModel):
    documents: int
    chunks: int


class SyncBody(_Asked):
    model_config = ConfigDict(json_schema_extra={"examples": [{"folder": "docs"}]})

    folder: str = Field(min_length=1, max_length=MAX_SOURCE, description="A name that GET /stats lists.")


class ProgressOut(BaseModel):
    documents: int
    total_documents: int
    bytes: int
    total_bytes: int
    chunks: int
    tokens: int


class ProblemOut(BaseModel):
    """RFC 9457: `detail` names the cause and the way out."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str


class JobOut(BaseModel):
    """A sync; times are ISO 8601, UTC. `report` comes with its end, `problem` where it failed."""

    id: str
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
    failed: int
    chunks: int
    tokens: int
    languages: dict[str, int]
    model: str
    pooling: str | None
    dimension: int | None
    max_seq_length: int | None
    query_prefix: str
    passage_prefix: str
    chunk_size: int | Literal["auto"]
    bm25_variant: Bm25Variant
    bm25_k1: float
    bm25_b: float
    folders: list[FolderOut]
    reranker: str | None


class HealthOut(BaseModel):
    status: Literal["ok"]
