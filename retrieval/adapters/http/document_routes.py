"""/documents: what is in the index, put there and taken away one by one."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import ValidationError

from ingest import SyncReport, add, add_files
from ingest.report import Failure
from ingest.root import check_deletable, check_free
from retrieval.adapters.http import serializers
from retrieval.adapters.http.choice import Chosen
from retrieval.adapters.http.document_lines import MEDIA_TYPES, results, spooled
from retrieval.adapters.http.granted_index import GONE, GrantedIndex
from retrieval.adapters.http.openapi import problems
from retrieval.adapters.http.problems import Refusal, problem, problem_response
from retrieval.adapters.http.requests import MAX_PAGE, DocumentBody, DocumentsBody
from retrieval.adapters.http.responses import AddedOut, DeletedOut, DocumentOut, RecordsOut
from retrieval.adapters.http.served_file import AS_FILE
from retrieval.adapters.http.service import Service
from retrieval.adapters.http.uploads import MAX_FILES, uploaded
from retrieval.adapters.redaction import redacted_report
from retrieval.adapters.sources import MAX_SOURCE, check_source
from retrieval.index import HybridIndex
from retrieval.searcher import Searcher
from retrieval.types import Document, Status, document_id

DocumentId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="As in a hit's document_id.")]

_BODIES = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "anyOf": [
                    {"$ref": "#/components/schemas/DocumentBody"},
                    {"$ref": "#/components/schemas/DocumentsBody"},
                ]
            },
            "examples": {
                "one": {"value": {"source": "notes/rain.md", "text": "# Rain", "metadata": {"year": 2024}}},
                "several": {"value": {"documents": [{"source": "notes/snow.md", "text": "# Snow"}]}},
            },
        },
        MEDIA_TYPES[0]: {
            "schema": {"type": "string", "description": "A line for each document, as DocumentBody."},
        },
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {
                        "type": "array",
                        "items": {"type": "string", "format": "binary"},
                        "minItems": 1,
                        "maxItems": MAX_FILES,
                        "description": "One part for each file, with its name.",
                    },
                    "source": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": MAX_SOURCE,
                        "description": "What one file alone is cited by, instead of uploads/NAME.",
                    },
                },
            }
        },
    },
}

_SHOWN = 3
"""Reasons that are put into words; all are listed."""


def document_routes(service: Service, chosen: Chosen) -> APIRouter:
    router = APIRouter(prefix="/documents", tags=["documents"])

    @router.get("", response_model=RecordsOut, responses=problems(503))
    async def list_documents(
        index: Annotated[GrantedIndex, Depends(chosen)],
        source: Annotated[str | None, Query(max_length=MAX_SOURCE, description="That one document's source.")] = None,
        prefix: Annotated[str, Query(max_length=MAX_SOURCE, description="How sources begin.")] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
        offset: Annotated[int, Query(ge=0)] = 0,
        status: Annotated[Status | None, Query()] = None,
    ) -> JSONResponse:
        """The ledger's records, by source."""

        def records(searcher: Searcher) -> JSONResponse:
            chosen = [
                record
                for record in searcher.documents()
                if record.source.startswith(prefix)
                and source in (None, record.source)
                and status in (None, record.status)
            ]
            page = chosen[offset : offset + limit]
            return JSONResponse({"total": len(chosen), "documents": [serializers.listed(record) for record in page]})

        return await index.read(records)

    @router.get("/{document_id}", response_model=DocumentOut, responses=problems(404, 503))
    async def get_document(index: Annotated[GrantedIndex, Depends(chosen)], document_id: DocumentId) -> JSONResponse:
        """A document with its passages."""

        def whole(searcher: Searcher) -> JSONResponse:
            found = searcher.reader.record(document_id)
            if found is None:
                raise Refusal("not-found", GONE.format(document_id))
            return JSONResponse(serializers.whole(found, searcher.chunks(found.source)))

        return await index.read(whole)

    @router.get("/{document_id}/file", response_class=Response, responses={200: AS_FILE, **problems(404, 409, 503)})
    async def get_file(index: Annotated[GrantedIndex, Depends(chosen)], document_id: DocumentId) -> Response:
        """The file that a document was read from, where its folder was named when the service was started (--folder)
        and the file is as it was indexed. PDF and text can be shown; anything else is a download."""
        return (await index.open_file(document_id)).response()

    @router.post(
        "",
        status_code=201,
        response_model=AddedOut,
        responses={200: {"model": AddedOut, "description": "Nothing changed"}, **problems(409, 415, 503)},
        openapi_extra={"requestBody": _BODIES},
    )
    async def add_documents(index: Annotated[GrantedIndex, Depends(chosen)], request: Request) -> Response:
        """Index texts, or files. One with the same source is replaced; one that did not change costs nothing. JSON
        lines (application/x-ndjson), a document each, are answered with a line each, as they are indexed."""
        if request.headers["content-type"].partition(";")[0].strip().lower() in MEDIA_TYPES:
            return await _by_lines(service, index, request)
        if request.headers["content-type"].lower().startswith("multipart/"):
            with service.uploading():
                async with uploaded(request) as files:
                    await index.check_writable(Document(source, "") for source in files)
                    return await _added(index, files, lambda opened: add_files(files, opened, pool=service.pool))
        else:
            bodies = await asyncio.to_thread(_bodies, await request.body())  # which may be megabytes
            documents = [Document(**body.model_dump()) for body in bodies]
            await index.check_writable(documents)
            sources = [document.source for document in documents]
            return await _added(index, sources, lambda opened: add(documents, opened))

    @router.delete("/{document_id}", response_model=DeletedOut, responses=problems(404, 409, 503))
    async def delete_document(index: Annotated[GrantedIndex, Depends(chosen)], document_id: DocumentId) -> JSONResponse:
        """Take a document away; one that belongs to a synced folder is not, since it would come back."""

        def delete(opened: HybridIndex) -> dict[str, int]:
            with opened.writing() as writer:
                found = writer.reader.record(document_id)
                if found is None:
                    raise Refusal("not-found", GONE.format(document_id))
                check_deletable(found)
                return {"documents": 1, "chunks": writer.remove([found]).chunks_deleted}

        if await index.read(lambda searcher: searcher.reader.record(document_id)) is None:
            raise Refusal("not-found", GONE.format(document_id))
        return JSONResponse(await index.write(delete, action="delete", documents=[document_id]))

    return router


async def _by_lines(service: Service, index: GrantedIndex, request: Request) -> StreamingResponse:
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
