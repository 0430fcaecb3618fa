"""Access control: the host, the origin, the API key, the rate and the size of a request.

The headers decide, before a byte of the body is read. The rules hold for every path: a change that no rule names needs
the scope `admin`, and a path that no rule names is not for a key with a filter.
"""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from retrieval.adapters.http import grants
from retrieval.adapters.http.document_lines import MEDIA_TYPES
from retrieval.adapters.http.grants import EVERYTHING, GRANT, Grant
from retrieval.adapters.http.problems import Refusal, response_of
from retrieval.adapters.http.settings import ServeSettings
from retrieval.adapters.http.uploads import FORM

PUBLIC = frozenset({"/", "/docs", "/health", "/openapi.json", "/ready"})
"""Paths that need no key: the page, the description and the probes. None of them tells what is in the index."""

_OF_PAGE = re.compile(r"/page/[a-z]+\.(?:css|js)")
"""The page's own files, which need none either."""

MAX_JSON = 4_000_000
"""Bytes of a JSON body with documents."""

MAX_QUESTION = 1_000_000
"""Bytes of any other body: the event loop reads it."""

IN_FLIGHT = 32_000_000
"""Bytes of JSON bodies that are held at the same time, all requests together: what is made of them takes several times
as much."""

_WITHIN_INDEX = re.compile(r"^/indexes/[^/]+(?=/)")
_PAGE_OF_INDEX = re.compile(r"/indexes/[^/]+/")
_WRITING = ("/documents", "/uploads", "/sync")
_READING = ("/search", "/mcp", "/retrieval", "/v1", "/feedback")
_JSON = "application/json"
_BODIES: Mapping[str, Sequence[str]] = {"/documents": (_JSON, FORM, *MEDIA_TYPES), "/uploads": (FORM,)}
"""The media types that a route reads; every other reads JSON. Bodies of other types than JSON go to files."""

_OF_DOCUMENTS = frozenset(
    {
        "/search",
        "/feedback",
        "/documents",
        "/uploads",
        "/facets",
        "/stats",
        "/mcp",
        "/retrieval",
        "/indexes",
        "/v1/embeddings",
    }
)
_BUCKETS = 10_000
_SAFE = ("GET", "HEAD", "OPTIONS")
_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^][\s:/?#@\\]+)(?::\d{0,5})?")
"""A Host header in small letters: a name or an address, and perhaps a port; nothing else (RFC 9110, 7.2)."""


def scope_needed(method: str, path: str) -> grants.Scope | None:
    """The scope that a request needs; None if it needs no key."""
    if path in PUBLIC or (method in _SAFE and (_PAGE_OF_INDEX.fullmatch(path) or _OF_PAGE.fullmatch(path))):
        return None
    within = _WITHIN_INDEX.sub("", path, count=1)
    if path != "/metrics" and (method in _SAFE or _is_below(within, _READING)):
        return "read"
    return "write" if _is_below(within, _WRITING) else "admin"


def _is_below(path: str, starts: Sequence[str]) -> bool:
    return any(path == start or path.startswith(f"{start}/") for start in starts)


def is_of_documents(path: str) -> bool:
    """Whether what is asked there is answered with documents alone, so that a filter can be held against it."""
    within = _WITHIN_INDEX.sub("", path, count=1)
    return within in _OF_DOCUMENTS or _is_below(within, ("/documents", "/v1"))


class AccessControl:
    """ASGI middleware that refuses, with problem details, what ServeSettings do not allow."""

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        self._app = app
        self._settings = settings
        self._buckets: dict[str, Bucket] = {}
        self._in_flight = _InFlight(IN_FLIGHT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            headers = Headers(scope=scope)
            check_host(headers, self._settings.hosts)
            check_origin(scope["method"], headers, self._settings.origins)
            self._check_key(scope, headers)
            most = self._most(scope, headers)
        except Refusal as refusal:
            await response_of(refusal, path=scope["path"])(scope, receive, send)
            return
        held = self._in_flight.share() if most <= MAX_JSON else None  # uploads go to files
        body = _Body(receive, most=most, seconds=self._settings.seconds, held=held)
        try:
            await self._app(scope, body.receive, send)
        finally:
            if held is not None:
                held.give_back()

    def _check_key(self, scope: Scope, headers: Mapping[str, str]) -> None:
        scope[GRANT] = EVERYTHING
        needed = scope_needed(scope["method"], scope["path"])
        if needed is None or not self._settings.has_keys:
            return
        grant = self._settings.find(_secret(headers))
        if grant is None and _WITHIN_INDEX.sub("", scope["path"], count=1) == "/retrieval":
            raise Refusal("forbidden", "Send a key that the service knows.")  # by this, Dify tells that it is wrong
        if grant is None:
            raise Refusal(
                "unauthorized", "Send a key that the service knows: Authorization: Bearer KEY.", headers=_CHALLENGE
            )
        scope[GRANT] = grant
        self._bucket(grant).take()
        if not grant.may(needed):
            detail = f"This key has the scope {grant.scope}, and the request needs {needed}; send one that has it."
            raise Refusal("forbidden", detail)
        if grant.where is not None and not is_of_documents(scope["path"]):
            raise Refusal(
                "forbidden", "This key has a filter, and the request is about all documents, or nothing has this path."
            )

    def _bucket(self, grant: Grant) -> "Bucket":
        if grant.name not in self._buckets:
            if len(self._buckets) >= _BUCKETS:  # of tokens there may be any number
                self._buckets.pop(next(iter(self._buckets)))
            self._buckets[grant.name] = Bucket(self._settings.rate)
        return self._buckets[grant.name]

    def _most(self, scope: Scope, headers: Mapping[str, str]) -> int:
        """The size limit of the body, in bytes. Raises Refusal for a media type that the route does not read, and for a
        longer body."""
        if scope["method"] != "POST" or scope["path"] in PUBLIC:
            return MAX_JSON
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        within = _WITHIN_INDEX.sub("", scope["path"])
        read = _BODIES.get(within, (_JSON,))
        if kind not in read:
            what = "JSON" if _JSON in read else "a form with files"
            raise Refusal("unsupported-media-type", f"The body must be {what}: send Content-Type: {read[0]}.")
        most_json = MAX_JSON if within in _BODIES else MAX_QUESTION
        most = most_json if kind == _JSON else self._settings.upload_bytes
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > most:
            raise _too_large(most)
        return most


class Bucket:
    """A token bucket that holds a minute's worth of requests. Not thread-safe: for one event loop."""

    def __init__(self, rate: int) -> None:
        """`rate` requests a minute; 0 means no limit."""
        self._rate = rate
        self._tokens = float(rate)
        self._seen = time.monotonic()

    def take(self) -> None:
        """Take a token. Raises Refusal if there is none left."""
        if not self._rate:
            return
        now = time.monotonic()
        self._tokens = min(self._rate, self._tokens + (now - self._seen) * self._rate / 60)
        self._seen = now
        if self._tokens < 1:
            wait = max(1, round((1 - self._tokens) * 60 / self._rate))
            raise Refusal(
                "too-many-requests",
                f"This key may ask {self._rate:,} times a minute; wait {wait} s, or start with a higher --rate.",
                headers={"Retry-After": str(wait)},
            )
        self._tokens -= 1


class _InFlight:
    """Bytes that requests hold together. Not thread-safe: for one event loop."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0

    def share(self) -> "_Share":
        """What one request holds of them: nothing yet."""
        return _Share(self)


class _Share:
    def __init__(self, whole: _InFlight) -> None:
        self._whole = whole
        self._held = 0

    def take(self, size: int) -> None:
        """Raises Refusal where others hold too much; a request that is alone may always have what it needs."""
        others = self._whole.held - self._held
        if others and others + self._held + size > self._whole.most:
            detail = "Other requests with long bodies are on their way; send this one again when they are done."
            raise Refusal("busy", detail, headers={"Retry-After": "2"})
        self._held += size
        self._whole.held += size

    def give_back(self) -> None:
        self._whole.held -= self._held
        self._held = 0


class _Body:
    """The body of a request, with a limit on its size and its time; `held` counts its bytes."""

    def __init__(self, receive: Receive, *, most: int, seconds: float, held: _Share | None) -> None:
        self._receive = receive
        self._held = held
        self._most = most
        self._seconds = seconds
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._left = most
        self._is_whole = False

    async def receive(self) -> Message:
        """The ASGI `receive`. Raises Refusal."""
        if self._is_whole:  # the next message says that the client disconnected, and may take any time
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise Refusal("slow", f"The body did not come within {self._seconds:g} s; send less at once.") from None
        self._is_whole = not message.get("more_body", False)
        size = len(message.get("body", b""))
        self._left -= size
        if self._left < 0:
            raise _too_large(self._most)
        if self._held is not None:
            self._held.take(size)
        return message


def check_host(headers: Mapping[str, str], allowed: frozenset[str]) -> None:
    """Raises Refusal for a Host header that is not allowed. DNS rebinding sends one: that is how another site's page
    reaches a service on loopback."""
    name = _hostname(headers.get("host", ""))
    if allowed and name not in allowed:
        raise Refusal(
            "wrong-host", f"The Host header names {name[:255]!r}; a name that is meant is given with --allowed-host."
        )


def check_origin(method: str, headers: Mapping[str, str], allowed: frozenset[str] = frozenset()) -> None:
    """Raises Refusal for a request from another site's page, but for the origins allowed. A browser may leave out
    Origin, and then says in Sec-Fetch-Site whose page it is; a link to the page here may come from anywhere."""
    origin = headers.get("origin")
    if origin is not None and origin.lower() in allowed:
        return
    is_foreign = origin is not None and origin.lower().partition("://")[2] != headers.get("host", "").lower()
    if is_foreign or (
        origin is None and method not in _SAFE and headers.get("sec-fetch-site") in ("cross-site", "same-site")
    ):
        raise Refusal(
            "forbidden",
            "The request comes from another site's page. If that page is meant, start the service with "
            "--allowed-origin ORIGIN; a proxy in between must pass on the Host header.",
        )


def _hostname(host: str) -> str:
    match = _HOST.fullmatch(host.lower())
    return match["name"].strip("[]") if match is not None else ""


def _secret(headers: Mapping[str, str]) -> str:
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")


def _too_large(most: int) -> Refusal:
    return Refusal("too-large", f"The body is longer than {most:,} bytes, which is the most that is read here.")
