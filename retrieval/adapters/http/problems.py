"""Errors as RFC 9457 problem details: the same causes and ways out as on the command line, and nothing else."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from retrieval import errors
from retrieval.adapters.redaction import client_message, shortened
from retrieval.types import clean_text

_SHOWN = 20
"""Parts of a request that do not fit, listed at most."""

_LONGEST = 200
"""Characters of a pointer."""

MEDIA_TYPE = "application/problem+json"
OPENAI = "/v1/"
"""How the paths begin that OpenAI's clients ask."""

_TYPE = "urn:hybrid-retrieval:problem:"


class Kind(NamedTuple):
    status: int
    title: str


KINDS: Mapping[str, Kind] = {
    "malformed": Kind(400, "The request cannot be read"),
    "unauthorized": Kind(401, "A valid API key is needed"),
    "forbidden": Kind(403, "This is not allowed"),
    "not-found": Kind(404, "There is no such thing"),
    "index-not-found": Kind(404, "There is no index"),
    "method-not-allowed": Kind(405, "The resource has no such method"),
    "slow": Kind(408, "The request came too slowly"),
    "conflict": Kind(409, "The state of the index does not allow it"),
    "index-locked": Kind(409, "Another process is writing"),
    "too-large": Kind(413, "The request is too large"),
    "unsupported-media-type": Kind(415, "The body has a type that is not read"),
    "wrong-host": Kind(421, "The request is for another host"),
    "invalid": Kind(422, "The request does not fit the description"),
    "query": Kind(422, "The query or its options make no sense"),
    "document": Kind(422, "The document cannot be indexed as given"),
    "too-many-requests": Kind(429, "Too many requests"),
    "internal": Kind(500, "Something went wrong"),
    "busy": Kind(503, "The service is busy"),
    "timeout": Kind(503, "It took too long"),
    "model": Kind(503, "The model cannot be used"),
    "index-unusable": Kind(503, "The index cannot be used"),
}
"""Every problem there is, by the last part of its type."""

_OF_ERRORS: Sequence[tuple[type[errors.RetrievalError], str]] = (
    (errors.QueryError, "query"),
    (errors.SyncedSourceError, "conflict"),
    (errors.DocumentError, "document"),
    (errors.LoadError, "document"),
    (errors.ConfigError, "conflict"),
    (errors.DeletionsRefusedError, "conflict"),
    (errors.IndexNotFoundError, "index-not-found"),
    (errors.IndexLockedError, "index-locked"),
    (errors.IndexUnusableError, "index-unusable"),
    (errors.ModelError, "model"),
    (errors.TimeLimitError, "timeout"),
    (errors.RetrievalError, "index-unusable"),
)
"""Subclasses before their bases."""

_OF_STATUS = {
    400: "malformed", 404: "not-found", 405: "method-not-allowed", 413: "too-large", 415: "unsupported-media-type",
}  # fmt: skip
"""What the framework itself answers."""


class Refusal(HTTPException):
    """A request that is turned away, as one of KINDS; `detail` names the cause and the way out."""

    def __init__(self, kind: str, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(KINDS[kind].status, detail, headers)
        self.kind = kind


def problem(kind: str, detail: str, **more: Any) -> dict[str, Any]:
    """The members of a problem details object."""
    status, title = KINDS[kind]
    return {"type": _TYPE + kind, "title": title, "status": status, "detail": _line(detail), **more}


def problem_of(error: BaseException) -> dict[str, Any]:
    """What a client may know of an error: our own say what is wrong, all others nothing."""
    if isinstance(error, errors.RetrievalError):
        kind = next(kind for type_, kind in _OF_ERRORS if isinstance(error, type_))
        return problem(kind, client_message(error))
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, Refusal):
        return problem(error.kind, error.detail)
    if isinstance(error, HTTPException):
        return problem(_OF_STATUS.get(error.status_code, "malformed"), _sentence(error.detail))
    return problem("internal", "An error that nobody foresaw; the log has it under this request's X-Request-ID.")


def response_of(error: BaseException, *, path: str) -> JSONResponse:
    """The whole answer to a request that failed; OpenAI's clients read errors of their own form, and nothing else."""
    headers = error.headers if isinstance(error, HTTPException) else None
    members = problem_of(error)
    if path.startswith(OPENAI):
        kind = members["type"].removeprefix(_TYPE)
        said = {"message": members["detail"], "type": kind, "code": kind, "param": None}
        return JSONResponse({"error": said, **members}, members["status"], headers)
    return problem_response(members, headers=headers)


def problem_response(members: dict[str, Any], *, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(members, members["status"], headers, media_type=MEDIA_TYPE)


def _invalid(error: RequestValidationError) -> dict[str, Any]:
    """Which parts do not fit, and why; not what was sent, which may be long or secret."""
    found = error.errors()[:_SHOWN]
    if any(one["type"] == "json_invalid" for one in found):
        return problem("malformed", "The body is not JSON; see /docs for examples.")
    reasons: dict[str, list[str]] = {}
    for one in found:
        reasons.setdefault(_pointer(one, error.body), []).append(str(one["msg"]).removeprefix("Value error, "))
    parts = [(pointer, _either(alternatives)) for pointer, alternatives in reasons.items()]
    detail = "; ".join(f"{pointer}: {reason}" for pointer, reason in parts[:3])
    listed = [{"pointer": _line(pointer), "detail": _line(reason)} for pointer, reason in parts]
    return problem("invalid", f"{detail}.", errors=listed)


def _pointer(found: Mapping[str, Any], body: Any) -> str:
    """A JSON pointer into the body, as a fragment; or the name of a parameter."""
    place, *names = found["loc"]
    if place != "body":
        return "/".join(map(str, found["loc"]))[:_LONGEST]
    if found["type"] == "unknown_field":
        names.append(found["ctx"]["name"])
    elif found["type"] != "missing":
        names = names[: _depth(names, body)]
    return "/".join(["#", *(str(name).replace("~", "~0").replace("/", "~1") for name in names)])[:_LONGEST]


def _depth(names: Sequence[int | str], value: Any) -> int:
    """How many of the names lead into the body: what follows is what pydantic calls an alternative."""
    for depth, name in enumerate(names):
        try:
            value = value[name]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(names)


def _either(reasons: Sequence[str]) -> str:
    """Each way in which a value would have fitted."""
    first, *others = dict.fromkeys(reasons)
    return ", or ".join([first, *(other.removeprefix("Input should be ") for other in others)])


def _sentence(detail: str) -> str:
    return detail if detail.endswith(".") else f"{detail}."


def _line(text: str) -> str:
    return shortened(" ".join(clean_text(text).split()))
