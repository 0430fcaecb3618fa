"""Syncs and their jobs, and how the service is."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from retrieval.adapters.http.jobs import Job
from retrieval.adapters.http.openapi import problems
from retrieval.adapters.http.problems import Refusal, problem, problem_response
from retrieval.adapters.http.requests import SyncBody
from retrieval.adapters.http.responses import HealthOut, JobOut, JobsOut, StatsOut
from retrieval.adapters.http.server_sent import EVENT_STREAM, as_stream
from retrieval.adapters.http.service import Service
from retrieval.searcher import Searcher

_AS_STREAM: dict[str, Any] = {"content": {EVENT_STREAM: {"schema": {"type": "string"}}}}


def operation_routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.post("/sync", status_code=202, response_model=JobOut, responses=problems(404, 415, 503))
    async def start_sync(body: SyncBody) -> JSONResponse:
        """Bring the index in step with a folder. One that is being synced already is not begun again. Where too many of
        its documents would be deleted, as when a share is not mounted, the job fails; `allow_deletions` allows it."""
        job = service.jobs.unfinished(body.folder) or await _started(service, body)
        return JSONResponse(job.as_dict(), 202, {"Location": f"/jobs/{job.id}"})

    @router.get("/jobs", response_model=JobsOut, responses=problems())
    async def list_jobs() -> JSONResponse:
        """The latest syncs that were begun here, the newest first."""
        return JSONResponse({"jobs": [job.as_dict() for job in service.jobs.latest()]})

    @router.get("/jobs/{job_id}", response_model=JobOut, responses={200: _AS_STREAM, **problems(404)})
    async def get_job(
        job_id: Annotated[str, Path(pattern="^[0-9a-f]{32}$")], accept: Annotated[str, Header()] = "*/*"
    ) -> Response:
        """How a sync is; with `Accept: text/event-stream` as it happens: `progress` events, then one of `done`,
        `interrupted` and `failed`."""
        job = service.jobs.find(job_id)
        if job is None:
            raise Refusal("not-found", f"There is no job {job_id!r}; GET /jobs lists the latest.")
        if EVENT_STREAM in accept:
            return StreamingResponse(as_stream(job.events()), media_type=EVENT_STREAM)
        return JSONResponse(job.as_dict())

    @router.get("/stats", response_model=StatsOut, responses=problems(503))
    async def stats() -> JSONResponse:
        """What the index holds, what made it, and which folders may be synced."""

        def described(searcher: Searcher) -> dict[str, Any]:
            synced = searcher.folders()
            figures = searcher.stats()._asdict()
            del figures["chroma"]
            reranker = service.settings.reranker
            return {
                "generation": searcher.generation,
                **figures,
                "folders": [{"name": name, "synced": name in synced} for name in sorted(service.folders(searcher))],
                "reranker": reranker.name if reranker is not None else None,
            }

        return JSONResponse(await service.read(described))

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

    @router.get("/metrics", response_class=PlainTextResponse, responses=problems(503))
    async def metrics() -> Response:
        """For Prometheus: requests, seconds by stage, overlap of the two sides, queries without hits, sizes."""
        exposed = await asyncio.to_thread(lambda: service.metrics.exposed(service.searcher()))
        return Response(exposed, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return router


async def _started(service: Service, body: SyncBody) -> Job:
    """Raises Refusal for a folder that is not one of those that may be synced."""
    name = body.folder
    folders = await service.read(service.folders)
    if name not in folders:
        detail = f"There is no folder {name!r} to sync; GET /stats lists those there are."
        raise Refusal("not-found", detail)
    return service.jobs.unfinished(name) or service.jobs.start(
        name, folders[name], allow_deletions=body.allow_deletions
    )
