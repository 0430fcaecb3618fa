"""Syncs, rebuilds and their jobs, and what an index holds."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from retrieval.adapters.http.choice import Chosen
from retrieval.adapters.http.granted_index import GrantedIndex
from retrieval.adapters.http.jobs import Job
from retrieval.adapters.http.openapi import problems
from retrieval.adapters.http.problems import Refusal
from retrieval.adapters.http.requests import RebuildBody, SyncBody
from retrieval.adapters.http.responses import JobOut, JobsOut, StatsOut
from retrieval.adapters.http.server_sent import EVENT_STREAM, as_stream
from retrieval.adapters.http.service import Service
from retrieval.searcher import Searcher

JobId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="The id that the job was given.")]

_EVENTS: dict[str, Any] = {
    "description": "The events, until the job is over.",
    "content": {
        EVENT_STREAM: {"schema": {"description": "Lines of `event: NAME` and `data: JSON`, with an empty one."}}
    },
}


def sync_routes(service: Service, chosen: Chosen) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.post("/sync", status_code=202, response_model=JobOut, responses=problems(404, 415, 503))
    async def start_sync(
        index: Annotated[GrantedIndex, Depends(chosen)], body: SyncBody, request: Request
    ) -> JSONResponse:
        """Bring the index in step with a folder. One that is being synced already is not begun again. Where too many of
        its documents would be deleted, as when a share is not mounted, the job fails; `allow_deletions` allows it."""
        job = index.jobs.unfinished(body.folder) or await _started(index, body)
        place = request.url.path.removesuffix("/sync")
        return JSONResponse(job.as_dict(), 202, {"Location": f"{place}/jobs/{job.id}"})

    @router.post("/rebuild", status_code=202, response_model=JobOut, responses=problems(404, 409, 415, 503))
    async def start_rebuild(
        index: Annotated[GrantedIndex, Depends(chosen)], body: RebuildBody, request: Request
    ) -> JSONResponse:
        """Rebuild the index from all of its folders and documents, with the present settings of the service's
        configuration file, such as another model. Searches go on from the old index until the new one replaces it."""
        job = index.jobs.unfinished("") or index.rebuild(allow_deletions=body.allow_deletions)
        place = request.url.path.removesuffix("/rebuild")
        return JSONResponse(job.as_dict(), 202, {"Location": f"{place}/jobs/{job.id}"})

    @router.get("/jobs", response_model=JobsOut, responses=problems())
    async def list_jobs(index: Annotated[GrantedIndex, Depends(chosen)]) -> JSONResponse:
        """The latest syncs and rebuilds that were begun here, the newest first."""
        return JSONResponse({"jobs": [job.as_dict() for job in index.jobs.latest()]})

    @router.get("/jobs/{job_id}", response_model=JobOut, responses=problems(404))
    async def get_job(
        index: Annotated[GrantedIndex, Depends(chosen)],
        job_id: JobId,
        accept: Annotated[str, Header(include_in_schema=False)] = "*/*",
    ) -> Response:
        """How a sync or a rebuild is. With `Accept: text/event-stream` it is answered as GET /jobs/{job_id}/events."""
        job = _found(index, job_id)
        return _followed(job) if EVENT_STREAM in accept else JSONResponse(job.as_dict())

    @router.get("/jobs/{job_id}/events", response_class=Response, responses={200: _EVENTS, **problems(404)})
    async def follow_job(index: Annotated[GrantedIndex, Depends(chosen)], job_id: JobId) -> Response:
        """How a sync or a rebuild goes, as it happens: server-sent events called `progress`, then one of `done`,
        `interrupted` and `failed`."""
        return _followed(_found(index, job_id))

    @router.get("/stats", response_model=StatsOut, responses=problems(503))
    async def stats(index: Annotated[GrantedIndex, Depends(chosen)]) -> JSONResponse:
        """What the index holds, what made it, and which folders may be synced."""

        def described(searcher: Searcher) -> dict[str, Any]:
            synced = searcher.folders()
            figures = searcher.stats()._asdict()
            del figures["chroma"]
            reranker = service.settings.reranker
            return {
                "generation": searcher.generation,
                **figures,
                "folders": [{"name": name, "synced": name in synced} for name in sorted(index.folders(searcher))],
                "reranker": reranker.name if reranker is not None else None,
            }

        return JSONResponse(await index.read(described))

    return router


def _found(index: GrantedIndex, job_id: str) -> Job:
    job = index.jobs.find(job_id)
    if job is None:
        raise Refusal("not-found", f"There is no job {job_id!r}; GET /jobs lists the latest.")
    return job


def _followed(job: Job) -> Response:
    return StreamingResponse(as_stream(job.events()), media_type=EVENT_STREAM)


async def _started(index: GrantedIndex, body: SyncBody) -> Job:
    """Raises Refusal for a folder that is not one of those that may be synced."""
    name = body.folder
    folders = await index.read(index.folders)
    if name not in folders:
        detail = f"There is no folder {name!r} to sync; GET /stats lists those there are."
        raise Refusal("not-found", detail)
    return index.jobs.unfinished(name) or index.jobs.sync(name, folders[name], allow_deletions=body.allow_deletions)
