"""What OpenAPI and the tools of MCP say of an answer is what the library says of the value that it is made of."""

from collections.abc import Collection
from typing import get_args, get_type_hints

import pytest
from pydantic import BaseModel

from ingest.report import Failure, PlannedStep, Progress, Skip, SyncReport
from ingest.skipped_kinds import SkippedKind
from retrieval import SearchHit
from retrieval.adapters.http import document_responses as documents
from retrieval.adapters.http import responses as http
from retrieval.adapters.http import search_responses as search
from retrieval.adapters.http.jobs import Job
from retrieval.adapters.mcp import models as mcp
from retrieval.deletion import Deleted
from retrieval.inspection.stats import Stats
from retrieval.types import Chunk, DocumentRecord

IN_LEDGER_ALONE = {
    "content_hash", "mtime_ns", "ctime_ns", "inode", "indexed_ns", "fingerprint", "chunk_ids", "read_as", "given",
}  # fmt: skip


def nullable(type_: type) -> dict[str, bool]:
    """Each field of a class that has annotations, and whether it may be None."""
    names = type_.model_fields if issubclass(type_, BaseModel) else type_.__annotations__
    return {name: type(None) in get_args(hint) for name, hint in get_type_hints(type_).items() if name in names}


@pytest.mark.parametrize(
    ("model", "type_", "added", "left_out"),
    [
        (search.HitOut, SearchHit, {"citation"}, ()),
        (documents.ChunkOut, Chunk, (), {"document_id", "source", "title", "metadata"}),
        (documents.RecordOut, DocumentRecord, {"indexed", "chunks"}, IN_LEDGER_ALONE),
        (documents.ReportOut, SyncReport, {"skipped_kinds"}, ()),
        (documents.SkippedKindOut, SkippedKind, (), ()),
        (documents.FailureOut, Failure, (), ()),
        (documents.FailureOut, Skip, (), ()),
        (documents.StepOut, PlannedStep, (), ()),
        (http.ProgressOut, Progress, (), {"in_hand", "nodes"}),
        (documents.DeletedOut, Deleted, (), ()),
        (http.JobOut, Job, (), {"changed"}),
        (http.StatsOut, Stats, {"generation", "folders", "reranker"}, {"chroma"}),
        (mcp.Problem, Failure, (), ()),
    ],
)
def test_an_answer_has_the_fields_of_what_it_is_made_of(
    model: type[BaseModel], type_: type, added: Collection[str], left_out: Collection[str]
) -> None:
    described, real = nullable(model), nullable(type_)
    assert described.keys() - added == real.keys() - left_out
    assert described.keys() >= set(added)
    assert real.keys() >= set(left_out)
    shared = described.keys() & real.keys()
    assert {name: described[name] for name in shared} == {name: real[name] for name in shared}


@pytest.mark.parametrize(("model", "type_"), [(mcp.Found, SearchHit), (mcp.Part, Chunk), (mcp.Report, SyncReport)])
def test_a_tools_answer_has_some_of_the_same_fields(model: type[BaseModel], type_: type) -> None:
    described, real = nullable(model), nullable(type_)
    described.pop("citation", None)
    assert described == {name: real[name] for name in described}
