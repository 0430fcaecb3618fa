"""/documents, /uploads: what is in the index, put there and taken away one by one."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from ingest.root import check_deletable
from retrieval.adapters.http import serializers
from retrieval.adapters.http.additions import add_lines, add_texts, add_uploads
from retrieval.adapters.http.choice import Chosen
from retrieval.adapters.http.document_lines import MEDIA_TYPES
from retrieval.adapters.http.document_responses import AddedOut, DeletedOut, DocumentOut, RecordsOut
from retrieval.adapters.http.granted_index import GONE, GrantedIndex
from retrieval.adapters.http.openapi import problems
from retrieval.adapters.http.plain_schemas import reference
from retrieval.adapters.http.problems import Refusal
from retrieval.adapters.http.served_file import AS_FILE
from retrieval.adapters.http.service import Service
from retrieval.adapters.http.uploads import FORM
from retrieval.adapters.sources import MAX_SOURCE
from retrieval.index import HybridIndex
from retrieval.searcher import Searcher
from retrieval.types import Status

DocumentId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="As in a hit's document_id.")]

_MAX_PAGE = 1_000

_TEXTS = {
    "required": True,
    "description": "Documents, each with its source and its text.",
    "content": {"application/json": {"schema": reference("DocumentsBody")}},
}
_FILES = {
    "required": True,
    "description": "The files, and what one alone is cited by.",
    "content": {FORM: {"schema": reference("FilesBody")}},
}


def document_routes(service: Service, chosen: Chosen) -> APIRouter:
    router = APIRouter(tags=["documents"])

    @router.get("/documents", response_model=RecordsOut, responses=problems(503))
    async def list_documents(
        index: Annotated[GrantedIndex, Depends(chosen)],
        source: Annotated[
            str | None,
            Query(max_length=MAX_SOURCE, description="That one document's source.", examples=["docs/guide/rain.md"]),
        ] = None,
        prefix: Annotated[
            str, Query(max_length=MAX_SOURCE, description="How sources begin.", examples=["docs/guide/"])
        ] = "",
        limit: Annotated[int, Query(ge=1, le=_MAX_PAGE, description="Documents of a page.")] = 100,
        offset: Annotated[int, Query(ge=0, description="Documents before the page.")] = 0,
        status: Annotated[Status | None, Query(description="How documents are; all without it.")] = None,
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

    @router.get("/documents/{document_id}", response_model=DocumentOut, responses=problems(404, 503))
    async def get_document(index: Annotated[GrantedIndex, Depends(chosen)], document_id: DocumentId) -> JSONResponse:
        """A document with its passages."""

        def whole(searcher: Searcher) -> JSONResponse:
            found = searcher.reader.record(document_id)
            if found is None:
                raise Refusal("not-found", GONE.format(document_id))
            return JSONResponse(serializers.whole(found, searcher.chunks(found.source)))

        return await index.read(whole)

    @router.get(
        "/documents/{document_id}/file", response_class=Response, responses={200: AS_FILE, **problems(404, 409, 503)}
    )
    async def get_file(index: Annotated[GrantedIndex, Depends(chosen)], document_id: DocumentId) -> Response:
        """The file that a document was read from. The service has it where --folder names its folder, and refuses one
        that has changed since it was indexed. A browser shows PDF and text, and downloads anything else."""
        return (await index.open_file(document_id)).response()

    @router.post(
        "/documents",
        status_code=201,
        response_model=AddedOut,
        responses={200: {"model": AddedOut, "description": "Nothing changed"}, **problems(409, 415, 503)},
        openapi_extra={"requestBody": _TEXTS},
    )
    async def add_documents(index: Annotated[GrantedIndex, Depends(chosen)], request: Request) -> Response:
        """Index texts. One with the same source is replaced; one that did not change costs nothing.

        Also read here, and not described by the schema: one document without the list around it; JSON lines
        (application/x-ndjson), a document each, which are answered with a line each, as they are indexed; and the form
        of POST /uploads."""
        kind = request.headers["content-type"].partition(";")[0].strip().lower()
        if kind in MEDIA_TYPES:
            return await add_lines(service, index, request)
        return await (add_uploads(service, index, request) if kind == FORM else add_texts(index, request))

    @router.post(
        "/uploads",
        status_code=201,
        response_model=AddedOut,
        responses={200: {"model": AddedOut, "description": "Nothing changed"}, **problems(409, 415, 503)},
        openapi_extra={"requestBody": _FILES},
    )
    async def upload_files(index: Annotated[GrantedIndex, Depends(chosen)], request: Request) -> Response:
        """Index files: text, Markdown, HTML, PDF, office documents and what else a sync reads. A file's source is
        `uploads/` and its name, or `source`, if it is alone. One with the same source is replaced."""
        return await add_uploads(service, index, request)

    @router.delete("/documents/{document_id}", response_model=DeletedOut, responses=problems(404, 409, 503))
    async def delete_document(index: Annotated[GrantedIndex, Depends(chosen)], document_id: DocumentId) -> JSONResponse:
        """Take a document away; one that belongs to a synced folder is not, since it would come back."""

        def delete(opened: HybridIndex) -> dict[str, int]:
            with opened.writing() as writer:
                writer.commit()  # so that the generation has what an interrupted writer left
                found = writer.shown.record(document_id)
                if found is None:
                    raise Refusal("not-found", GONE.format(document_id))
                check_deletable(found)
                return {"documents": 1, "chunks": writer.remove([found]).chunks_deleted}

        if await index.read(lambda searcher: searcher.reader.record(document_id)) is None:
            raise Refusal("not-found", GONE.format(document_id))
        return JSONResponse(await index.write(delete, action="delete", documents=[document_id]))

    return router
