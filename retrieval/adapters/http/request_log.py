"""Outermost middleware: request ids, one log line and one metric per request, and security headers."""

import asyncio
import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from retrieval.adapters.http.grants import EVERYTHING, GRANT
from retrieval.adapters.http.logs import FIELDS
from retrieval.adapters.http.metrics import Metrics
from retrieval.adapters.http.problems import Refusal, response_of

log = logging.getLogger(__name__)

_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_ROUTES = frozenset({"/mcp", "/openapi.json"})
"""Routes that the framework does not put into the scope."""

_OF_INDEX = "/indexes/{index}"
"""How the routes of a named index begin."""

_GONE = 499
"""The status that is logged and counted where the client went away before its whole request was there, as of nginx."""

_CUT_OFF = "The service is stopping, and this took too long; what it was to write may be missing. Ask again later."
_SAFE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class RequestLog:
    """ASGI middleware that logs and counts each request. An unexpected error becomes a problem without details, and a
    stack trace in the log.

    A log line names the route, not the path, and holds nothing of query, body or key, so it holds no secret.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _SANE.fullmatch(given) else uuid.uuid4().hex
        started = time.monotonic()
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in _SAFE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except asyncio.CancelledError:  # the server cancels at the end of the grace period
            if status:
                raise
            cut_off = Refusal("busy", _CUT_OFF, headers={"Retry-After": "10"})
            await response_of(cut_off, path=scope["path"])(scope, receive, answer)
        except ClientDisconnect:  # mid-body: nobody is there to be answered
            status = status or _GONE
        except Exception as error:
            log.exception("request %s failed", request_id)
            if not status:
                await response_of(error, path=scope["path"])(scope, receive, answer)
        finally:
            self._tell(scope, request_id, status, seconds=time.monotonic() - started)

    def _tell(self, scope: Scope, request_id: str, status: int, *, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = _route(scope)
        self._metrics.request(method, route, status, seconds=seconds)
        fields = {
            "request_id": request_id,
            "method": method,
            "route": route,
            "status": status,
            "seconds": round(seconds, 6),
            "caller": scope.get(GRANT, EVERYTHING).name or None,
        }
        log.info("answered", extra={FIELDS: fields})


def _route(scope: Scope) -> str:
    """The path of the route that answered, as it is declared: of an index's, the framework names what follows alone."""
    asked = scope.get("path_params", {}).get("index")
    path = scope["path"] if asked is None else scope["path"].removeprefix(f"/indexes/{asked}")
    route = str(getattr(scope.get("route"), "path", path if path in _ROUTES else "none"))
    is_within = asked is not None and route != "none" and not route.startswith(_OF_INDEX)
    return _OF_INDEX + route if is_within else route
