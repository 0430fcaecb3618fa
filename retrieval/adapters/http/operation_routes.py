"""How the service is."""

import asyncio

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from retrieval.adapters.http.openapi import problems
from retrieval.adapters.http.problems import problem, problem_response
from retrieval.adapters.http.responses import HealthOut
from retrieval.adapters.http.service import Service


def operation_routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get("/health", response_model=HealthOut, responses=problems())
    async def health() -> JSONResponse:
        """Whether the process lives."""
        return JSONResponse({"status": "ok"})

    @router.get("/ready", response_model=HealthOut, responses=problems(503))
    async def ready() -> JSONResponse:
        """Whether questions can be answered: the index is open, the model loaded."""
        if not service.is_ready:
            service.begin()
            loading = problem("busy", "The model is being loaded, or the service is stopping; ask again.")
            return problem_response(loading, headers={"Retry-After": "1"})
        return JSONResponse({"status": "ok"})

    @router.get(
        "/metrics", response_class=PlainTextResponse, response_description="The figures.", responses=problems(503)
    )
    async def metrics() -> Response:
        """For Prometheus: requests, seconds by stage, overlap of the two sides, queries without hits, sizes of the
        indexes that are open."""

        def exposed() -> bytes:
            opened = [served for served in service.indexes.all() if served.is_open]
            return service.metrics.exposed({served.name: served.searcher() for served in opened})

        return Response(await asyncio.to_thread(exposed), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return router
