"""The schemas of jobs, indexes, the service and its problems, for OpenAPI. The routes make the JSON itself."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from retrieval.adapters.http.document_responses import FailureOut, ReportOut
from retrieval.adapters.http.jobs import JobKind, JobStatus
from retrieval.config import Bm25Variant


class InvalidPartOut(BaseModel):
    """A part of a request that does not fit the description."""

    pointer: str = Field(description="A JSON pointer into the body, or query/NAME.", examples=["#/top_k"])
    detail: str = Field(description="Why it does not fit.")


class ProblemOut(BaseModel):
    """Why a request failed: problem details as in RFC 9457."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Which problem it is, for programs.", examples=["urn:hybrid-retrieval:problem:query"])
    title: str = Field(description="The problem in a few words, the same for each of its type.")
    status: int = Field(description="The status of the response.", examples=[422])
    detail: str = Field(description="The cause and the way out, for people.")
    errors: list[InvalidPartOut] = Field(
        default_factory=list, description="The parts of the request that do not fit; only where some do not."
    )
    failed: list[FailureOut] = Field(
        default_factory=list, description="The documents that could not be indexed; only where none could be."
    )


class OpenAIErrorOut(BaseModel):
    """An error as OpenAI's clients read it."""

    message: str = Field(description="The cause and the way out, for people.")
    type: str = Field(description="Which problem it is, for programs.", examples=["query"])
    code: str = Field(description="The same.")
    param: str | None = Field(description="Always null.")


class OpenAIProblemOut(ProblemOut):
    """Why a request of OpenAI's clients failed: what they read, and the problem details beside it."""

    error: OpenAIErrorOut = Field(description="The error as OpenAI's clients read it.")


class ProgressOut(BaseModel):
    """How far a job is."""

    documents: int = Field(description="Documents that are done.")
    total_documents: int = Field(description="Documents that there are to do.")
    bytes: int = Field(description="Bytes of the files that are done.")
    total_bytes: int = Field(description="Bytes of the files that there are to do.")
    chunks: int = Field(description="Passages made so far.")
    tokens: int = Field(description="Tokens that the model has read so far.")
    held: int = Field(description="Passages that words find already, while they await their vectors.")


class JobOut(BaseModel):
    """A sync of a folder, or a rebuild of the index."""

    id: str = Field(description="The id of the job.")
    kind: JobKind = Field(description="What it does.")
    folder: str = Field(description='The folder that it syncs; "" for a rebuild.')
    status: JobStatus = Field(description="How it is.")
    created: str = Field(description="When it was asked for: ISO 8601, UTC.")
    started: str | None = Field(description="When it began: ISO 8601, UTC; null where it waits.")
    finished: str | None = Field(description="When it ended: ISO 8601, UTC; null where it has not.")
    progress: ProgressOut | None = Field(description="How far it is; null before it began.")
    report: ReportOut | None = Field(description="What it did; null before its end, and where it failed.")
    problem: ProblemOut | None = Field(description="Why it failed; null where it did not.")


class JobsOut(BaseModel):
    """The latest jobs."""

    jobs: list[JobOut] = Field(description="Syncs and rebuilds, the newest first.")


class FolderOut(BaseModel):
    """A folder that may be synced."""

    name: str = Field(description="What it is called, in POST /sync too.")
    synced: bool = Field(description="Whether it has been synced.")


class StatsOut(BaseModel):
    """What the index holds, and what made it."""

    generation: str = Field(description="The state of the index.")
    documents: int = Field(description="How many documents are searched.")
    recorded_failures: int = Field(description="How many documents could not be read when they were last tried.")
    chunks: int = Field(description="How many passages are searched.")
    pending_chunks: int = Field(description="How many of these await their vectors: only words find them.")
    tokens: int = Field(description="Tokens of all passages, as the model reads them.")
    languages: dict[str, int] = Field(
        description="How many documents BM25 reads in each language, the most frequent first."
    )
    model: str = Field(description="The model that embeds.")
    pooling: str | None = Field(description="How it makes one vector of many; null before anything was indexed.")
    dimension: int | None = Field(description="Numbers in a vector; null before anything was indexed.")
    max_seq_length: int | None = Field(description="Tokens that the model reads; null before anything was indexed.")
    limit_is_estimated: bool = Field(description="Whether tokens are counted without the model's own tokenizer.")
    query_prefix: str = Field(description="What stands before a query when it is embedded.")
    passage_prefix: str = Field(description="What stands before a passage when it is embedded.")
    chunk_size: int | Literal["auto"] = Field(description="Tokens of a passage at most; auto: what the model reads.")
    bm25_variant: Bm25Variant = Field(description="Which formula scores words.")
    bm25_k1: float = Field(description="BM25's k1: how much a word that comes again adds.")
    bm25_b: float = Field(description="BM25's b: how much the length of a passage matters.")
    folders: list[FolderOut] = Field(description="The folders that may be synced.")
    reranker: str | None = Field(description="The cross-encoder that a search may ask for; null where there is none.")


class IndexOut(BaseModel):
    """An index."""

    name: str = Field(description="Its routes are below /indexes/NAME.", examples=["handbook"])


class IndexesOut(BaseModel):
    """The indexes that there are for the key."""

    indexes: list[IndexOut] = Field(description="By name.")


class HealthOut(BaseModel):
    """That all is well."""

    status: Literal["ok"] = Field(description="Always ok; else the answer is a problem.")
