"""The OpenAPI description: adds failures, API keys, the bodies that a route parses itself, and plain forms."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from retrieval.adapters.http.access import scope_needed
from retrieval.adapters.http.document_requests import DocumentsBody
from retrieval.adapters.http.plain_schemas import choices, never_null, plain, reference
from retrieval.adapters.http.problems import KINDS, MEDIA_TYPE, OPENAI
from retrieval.adapters.http.responses import OpenAIProblemOut, ProblemOut
from retrieval.adapters.http.uploads import FILES_BODY

Responses = dict[int | str, dict[str, Any]]

_ALWAYS = (400, 401, 403, 404, 408, 413, 421, 422, 429, 500)
_OF_KEYS = (401, 403, 429)
_NONDESCRIPT = "Successful Response"
"""FastAPI's word for it."""

_KEYS = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, or a signed token of the identity provider.",
    },
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
}
TAGS = [
    {"name": "search", "description": "Ask, and say whether the answers were useful."},
    {"name": "documents", "description": "What is in an index, put there and taken away one by one."},
    {"name": "operations", "description": "Syncs, rebuilds, and how the service is."},
    {"name": "indexes", "description": "Several indexes in one service."},
    {"name": "other clients", "description": "What clients of Dify and OpenAI ask."},
]


def problems(*statuses: int) -> Responses:
    """The failures of a route: those given, and those of every route."""
    return {status: _failure(status) for status in sorted({*_ALWAYS, *statuses})}


class DescribedApp(FastAPI):
    """A FastAPI application with that description."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            schema = super().openapi()
            components = schema.setdefault("components", {})
            components["securitySchemes"] = _KEYS
            by_hand = [(model, "validation") for model in (DocumentsBody, ProblemOut, OpenAIProblemOut)]
            _, found = models_json_schema(by_hand, ref_template=reference("{model}")["$ref"])  # type: ignore[arg-type]
            named = {**components.get("schemas", {}), **found["$defs"], "FilesBody": FILES_BODY}
            components["schemas"] = {name: plain(each) for name, each in named.items()} | choices()
            for path, operations in schema["paths"].items():
                for method, operation in operations.items():
                    _describe(operation, path=path, scope=scope_needed(method.upper(), path))
                    _name_answers(operation["responses"], components["schemas"])
        return self.openapi_schema or {}


def _describe(operation: dict[str, Any], *, path: str, scope: str | None) -> None:
    operation["summary"] = operation["operationId"].replace("_", " ").capitalize()
    operation["security"] = [{name: []} for name in _KEYS] if scope else []
    operation["description"] += f"\n\nNeeds a key with the scope `{scope}`." if scope else ""
    if path.startswith(OPENAI):
        _as_openai(operation["responses"])
    for status in () if scope else _OF_KEYS:
        operation["responses"].pop(str(status), None)
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = plain(never_null(parameter["schema"]))
    for content in _contents(operation):
        content["schema"] = plain(content["schema"])


def _contents(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What is sent and answered, by media type."""
    for message in (operation.get("requestBody", {}), *operation["responses"].values()):
        yield from message.get("content", {}).values()


def _name_answers(responses: dict[str, Any], schemas: dict[str, Any]) -> None:
    """An answer that nobody described is described as what it holds."""
    for response in responses.values():
        if response["description"] == _NONDESCRIPT:
            for content in response.get("content", {}).values():
                name = content["schema"].get("$ref", "").rpartition("/")[2]
                response["description"] = schemas.get(name, {}).get("description", _NONDESCRIPT)


def _as_openai(responses: dict[str, Any]) -> None:
    """Failures are plain JSON where OpenAI's clients ask."""
    for response in responses.values():
        if MEDIA_TYPE in response.get("content", {}):
            response["content"] = {"application/json": {"schema": reference(OpenAIProblemOut.__name__)}}


def _failure(status: int) -> dict[str, Any]:
    titles = [kind.title for kind in KINDS.values() if kind.status == status]
    return {
        "description": "; ".join(titles),
        "content": {MEDIA_TYPE: {"schema": reference(ProblemOut.__name__)}},
    }
