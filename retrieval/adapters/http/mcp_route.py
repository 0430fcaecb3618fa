"""/mcp, /indexes/{index}/mcp: an index as read-only tools for models, with the access control, queue and time limit of
the other routes."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from importlib.util import find_spec

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from retrieval.adapters.http.choice import granted
from retrieval.adapters.http.granted_index import GrantedIndex
from retrieval.adapters.http.problems import Refusal
from retrieval.adapters.http.service import Service
from retrieval.errors import ConfigError, RetrievalError
from retrieval.time_limit import time_limit
from retrieval.timing import hearing

log = logging.getLogger(__name__)

PATH = "/mcp"

_ASKED: ContextVar[GrantedIndex] = ContextVar("asked")
"""The index that a request asks; tools run in its context."""


def mcp_app(service: Service) -> Starlette | None:
    """None without the extra `mcp`; a warning says so where there is another version of it than is needed."""
    if find_spec("mcp") is None:
        return None
    try:
        from retrieval.adapters.mcp.server import http_app
    except ConfigError as error:
        log.warning("%s is not served: the package mcp that is installed is another version. %s", PATH, error)
        return None

    @asynccontextmanager
    async def turn() -> AsyncIterator[None]:
        try:
            async with service.work_queue.slot():
                with (
                    time_limit(service.settings.seconds),
                    hearing(service.metrics.stage),
                ):  # also on the threads that tools run on
                    yield
        except Refusal as refusal:
            raise RetrievalError(refusal.detail) from None

    return http_app(_ASKED.get, path=PATH, check_host=False, turn=turn)


def mcp_routes(app: Starlette, service: Service) -> list[Route]:
    """Where messages are posted. There is no stream to GET: without sessions, it would tell nothing and never end."""
    limit = 2 * service.settings.seconds  # one half to wait for a turn, the end of which a tool is told
    endpoint = _OfIndex(_InTime(app, limit), service)
    return [Route(path, endpoint, methods=["POST"]) for path in (PATH, f"/indexes/{{index}}{PATH}")]


class _OfIndex:
    """An ASGI app that is told which index is asked. Raises Refusal for one that is not there."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = _ASKED.set(granted(self._service, Request(scope), scope["path_params"].get("index")))
        try:
            await self._app({**scope, "path": PATH, "raw_path": PATH.encode(), "path_params": {}}, receive, send)
        finally:
            _ASKED.reset(token)


class _InTime:
    """An ASGI app with a time limit. Raises Refusal where no answer has begun by then; one that has ends."""

    def __init__(self, app: Starlette, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def answer(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            async with asyncio.timeout(self._seconds) as limit:
                await self._app(scope, receive, answer)
        except TimeoutError:
            if not limit.expired():
                raise
            if not has_begun:
                detail = f"No answer within {self._seconds:g} s; try again later."
                raise Refusal("timeout", detail, headers={"Retry-After": "5"}) from None
