"""The application: its routes, its middleware and its lifespan."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response

from retrieval import __version__
from retrieval.adapters.http.access import AccessControl
from retrieval.adapters.http.choice import named_index, only_index
from retrieval.adapters.http.dify_route import dify_route
from retrieval.adapters.http.document_routes import document_routes
from retrieval.adapters.http.facet_routes import facet_routes
from retrieval.adapters.http.index_routes import index_routes
from retrieval.adapters.http.mcp_route import mcp_app, mcp_routes
from retrieval.adapters.http.openai_routes import openai_routes
from retrieval.adapters.http.openapi import TAGS, DescribedApp
from retrieval.adapters.http.operation_routes import operation_routes
from retrieval.adapters.http.page import page_routes
from retrieval.adapters.http.problems import Refusal, response_of
from retrieval.adapters.http.request_log import RequestLog
from retrieval.adapters.http.search_routes import search_routes
from retrieval.adapters.http.service import Service
from retrieval.adapters.http.sync_routes import sync_routes
from retrieval.adapters.redaction import client_message, shortened
from retrieval.errors import RetrievalError

_REPEATABLE = "within"

_LONGEST = 100
"""Characters of an unknown name that a message repeats."""

log = logging.getLogger(__name__)


def create_app(service: Service) -> FastAPI:
    """The application for a service; it closes the service at its end."""

    mcp = mcp_app(service)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.begin()
        try:
            async with mcp.router.lifespan_context(mcp) if mcp is not None else nullcontext():
                yield
        finally:
            await service.end()

    app = DescribedApp(
        title="hybrid-retrieval",
        version=__version__,
        summary="Hybrid search over documents: BM25 and dense vectors, fused.",
        openapi_tags=TAGS,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation,
    )
    app.add_middleware(AccessControl, settings=service.settings)
    if service.settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=sorted(service.settings.origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-API-Key", "X-Request-ID"],
            expose_headers=["Location", "Retry-After", "X-Request-ID"],
        )
    app.add_middleware(RequestLog, metrics=service.metrics)
    for error in (RetrievalError, RequestValidationError, HTTPException):
        app.add_exception_handler(error, _refused)
    app.include_router(page_routes(app))
    known = [Depends(_known_parameters)]
    for prefix, chosen in (("", only_index(service)), ("/indexes/{index}", named_index(service))):
        for of_index in (search_routes, document_routes, facet_routes, sync_routes):
            app.include_router(of_index(service, chosen), prefix=prefix, dependencies=known)
    for routes in (index_routes, operation_routes, dify_route, openai_routes):
        app.include_router(routes(service), dependencies=known)
    if mcp is not None:
        app.router.routes += mcp_routes(mcp, service)
    return app


def _operation(route: APIRoute) -> str:
    """The name of an operation in generated clients."""
    return f"{route.name}_in_index" if "{index}/" in route.path else route.name


async def _known_parameters(request: Request) -> None:
    """Raises Refusal for a query parameter that would be ignored: an unknown or a repeated one."""
    fields = request.scope["route"].dependant.query_params
    known = {field.alias for field in fields}
    unknown = next((name for name in request.query_params if name not in known), None)
    if unknown is not None:
        there = f"there are {', '.join(sorted(known))}" if known else "there are none here"
        raise Refusal("invalid", f"query/{unknown[:_LONGEST]}: there is no such parameter; {there}.")
    single = sorted(field.alias for field in fields if field.alias != _REPEATABLE)
    repeated = next((name for name in single if len(request.query_params.getlist(name)) > 1), None)
    if repeated is not None:
        raise Refusal("invalid", f"query/{repeated}: it is there more than once.")


async def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code in (404, 405) and not isinstance(error, Refusal):
        error = _no_route(request, error)
    if isinstance(error, RetrievalError) and client_message(error) != (whole := shortened(str(error))):
        log.warning("%s", whole)
    return response_of(error, path=request.url.path)


def _no_route(request: Request, error: HTTPException) -> Refusal:
    """What to ask instead of a path or a method that there is not."""
    path = shortened(request.url.path)[:_LONGEST]
    if error.status_code == 404:
        return Refusal(
            "not-found", f"There is no {path} here; /docs describes what there is, and /openapi.json to programs."
        )
    allowed = (error.headers or {}).get("Allow", "")
    way_out = f"send {allowed.replace(', ', ' or ')}" if allowed else "/docs says which"
    return Refusal(
        "method-not-allowed", f"{path} is not asked with {request.method}; {way_out}.", headers=error.headers
    )
