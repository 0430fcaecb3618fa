"""Documents that a request sends, as JSON, as JSON lines or as files, and what becomes of them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import ValidationError

from ingest import SyncReport, add, add_files
from ingest.report import Failure
from ingest.root import check_free
from retrieval.adapters.http.document_lines import MEDIA_TYPES, results, spooled
from retrieval.adapters.http.document_requests import DocumentBody, DocumentsBody
from retrieval.adapters.http.granted_index import GrantedIndex
from retrieval.adapters.http.problems import Refusal, problem, problem_response
from retrieval.adapters.http.service import Service
from retrieval.adapters.http.uploads import uploaded
from retrieval.adapters.redaction import redacted_report
from retrieval.adapters.sources import check_source
from retrieval.index import HybridIndex
from retrieval.types import Document, document_id

_SHOWN = 3
"""Reasons that are put into words; all are listed."""


async def add_texts(index: GrantedIndex, request: Request) -> Response:
    """The answer to a body of JSON: one document, or several."""
    bodies = await asyncio.to_thread(_bodies, await request.body())  # which may be megabytes
    documents = [Document(**body.model_dump()) for body in bodies]
    await index.check_writable(documents)
    sources = [document.source for document in documents]
    return await _added(index, sources, lambda opened: add(documents, opened))


async def add_uploads(service: Service, index: GrantedIndex, request: Request) -> Response:
    """The answer to a form with files."""
    with service.uploading():
        async with uploaded(request) as files:
            await index.check_writable(Document(source, "") for source in files)
            return await _added(index, files, lambda opened: add_files(files, opened, pool=service.pool))


async def add_lines(service: Service, index: GrantedIndex, request: Request) -> Response:
    """The answer to JSON lines: a line for each, as they are indexed."""
    stack = AsyncExitStack()
    try:
        stack.enter_context(service.uploading())
        file = await stack.enter_async_context(spooled(request))
    except BaseException:
        await stack.aclose()
        raise

    async def lines() -> AsyncIterator[bytes]:
        async with stack:
            async for line in results(index, file):
                yield line

    return StreamingResponse(lines(), media_type=MEDIA_TYPES[0])


async def _added(
    index: GrantedIndex, sources: Collection[str], change: Callable[[HybridIndex], SyncReport]
) -> JSONResponse:
    """What became of the documents. Raises DocumentError for a source that is none, or that belongs to a folder which
    is synced, or may be."""
    for source in sources:
        check_source(source)
    check_free(sources, await index.read(index.folders))
    report = await index.write(change, action="add", documents=[document_id(source) for source in sources])
    index.written(report)
    return _answered(redacted_report(report), sources)


def _answered(report: SyncReport, sources: Collection[str]) -> JSONResponse:
    without = [Failure(*one) for one in (*report.failed, *report.skipped)]
    if len(without) == len(sources):
        reasons = "; ".join(f"{source}: {reason}" for source, reason in without[:_SHOWN])
        listed = [one._asdict() for one in without]
        return problem_response(problem("document", f"Nothing was indexed. {reasons}", failed=listed))
    names = {one.source for one in without}
    documents = [{"id": document_id(source), "source": source} for source in sources if source not in names]
    has_changed = report.added + report.updated > 0
    return JSONResponse({**report.as_dict(), "documents": documents}, 201 if has_changed else 200)


def _bodies(data: bytes) -> list[DocumentBody]:
    """One document, or a list of them. Raises RequestValidationError."""
    try:
        values = json.loads(data)
        if isinstance(values, dict) and "documents" in values:
            return DocumentsBody.model_validate(values).documents
        return [DocumentBody.model_validate(values)]
    except ValidationError as error:
        raise RequestValidationError(
            [{**found, "loc": ("body", *found["loc"])} for found in error.errors(include_url=False)], body=values
        ) from None
    except (ValueError, RecursionError):
        raise Refusal("malformed", "The body is not JSON; see /docs for examples.") from None
