"""/indexes: which there are, and making and deleting them."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse

from retrieval.adapters.http.choice import grant_of
from retrieval.adapters.http.indexes import NAME
from retrieval.adapters.http.openapi import problems
from retrieval.adapters.http.requests import IndexBody
from retrieval.adapters.http.responses import IndexesOut, IndexOut
from retrieval.adapters.http.service import Service


def index_routes(service: Service) -> APIRouter:
    router = APIRouter(prefix="/indexes", tags=["indexes"])

    @router.get("", response_model=IndexesOut, responses=problems())
    async def list_indexes(request: Request) -> JSONResponse:
        """The indexes that there are for the key; each is asked below /indexes/{index}."""
        names = await asyncio.to_thread(service.indexes.names, grant_of(request))
        return JSONResponse({"indexes": [_index(name) for name in names]})

    @router.post("", status_code=201, response_model=IndexOut, responses=problems(409, 415))
    async def create_index(body: IndexBody) -> JSONResponse:
        """Make an empty index, in the directory that the service was started with (--indexes)."""
        await asyncio.to_thread(service.indexes.create, body.name)
        return JSONResponse(_index(body.name), 201, {"Location": f"/indexes/{body.name}"})

    @router.delete("/{index}", response_model=IndexOut, responses=problems(404, 409))
    async def delete_index(
        index: Annotated[str, Path(pattern=NAME, description="The name of an index.")],
    ) -> JSONResponse:
        """Delete an index of that directory, with all that it holds."""
        await asyncio.to_thread(service.indexes.delete, index)
        return JSONResponse(_index(index))

    return router


def _index(name: str) -> dict[str, Any]:
    return {"name": name}
