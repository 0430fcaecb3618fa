"""/documents: what is in the index, put there and taken away one by one."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse

from retrieval.adapters.http import answers
from retrieval.adapters.http.described import problems
from retrieval.adapters.http.models import (
    MAX_PAGE,
    MAX_SOURCE,
    DocumentOut,
    RecordsOut,
)
from retrieval.adapters.http.problems import Refusal
from retrieval.adapters.http.service import Service
from retrieval.index import HybridIndex
from retrieval.types import Status

DocumentId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="As in a hit's document_id.")]

_GONE = "There is no document {!r}; GET /documents lists those there are."


def document_routes(service: Service) -> APIRouter:
    router = APIRouter(prefix="/documents", tags=["documents"])

    @router.get("", response_model=RecordsOut, responses=problems(422, 503))
    async def list_documents(
        prefix: Annotated[str, Query(max_length=MAX_SOURCE, description="How sources begin.")] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
        offset: Annotated[int, Query(ge=0)] = 0,
        status: Annotated[Status | None, Query()] = None,
    ) -> JSONResponse:
        """The ledger's records, by source."""

        def records(index: HybridIndex) -> dict[str, Any]:
            chosen = [
                record
                for record in index.documents()
                if record.source.startswith(prefix) and status in (None, record.status)
            ]
            page = chosen[offset : offset + limit]
            return {"total": len(chosen), "documents": [answers.listed(record) for record in page]}

        return JSONResponse(await service.read(records))

    @router.get("/{document_id}", response_model=DocumentOut, responses=problems(404, 422, 503))
    async def get_document(document_id: DocumentId) -> JSONResponse:
        """A document with its passages."""

        def whole(index: HybridIndex) -> dict[str, Any] | None:
            snapshot = index.snapshot
            records = snapshot.records if snapshot is not None else ()
            found = next((record for record in records if record.id == document_id), None)
            return answers.whole(found, snapshot) if found is not None and snapshot is not None else None

        found = await service.read(whole)
        if found is None:
            raise Refusal("not-found", _GONE.format(document_id))
        return JSONResponse(found)

    return router
