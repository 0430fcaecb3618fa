"""The OpenAPI description: adds failures, API keys, and the bodies that a route parses itself."""

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from retrieval.adapters.http.access import scope_needed
from retrieval.adapters.http.problems import KINDS, MEDIA_TYPE, OPENAI
from retrieval.adapters.http.requests import DocumentBody, DocumentsBody
from retrieval.adapters.http.responses import ProblemOut

Responses = dict[int | str, dict[str, Any]]

_ALWAYS = (400, 401, 403, 404, 408, 413, 421, 422, 429, 500)
_OF_KEYS = (401, 403, 429)
_REF = "#/components/schemas/{model}"
_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "Where the service was started with keys."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


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
            by_hand = [(model, "validation") for model in (DocumentBody, DocumentsBody, ProblemOut)]
            _, found = models_json_schema(by_hand, ref_template=_REF)  # type: ignore[arg-type]
            components["schemas"] = {**components.get("schemas", {}), **found["$defs"]}
            for path, operations in schema["paths"].items():
                for method, operation in operations.items():
                    scope = scope_needed(method.upper(), path)
                    operation["security"] = [{name: []} for name in _KEYS] if scope else []
                    if path.startswith(OPENAI):
                        _as_openai(operation["responses"])
                    for status in () if scope else _OF_KEYS:
                        operation["responses"].pop(str(status), None)
                    operation["description"] += f"\n\nNeeds a key with the scope `{scope}`." if scope else ""
        return self.openapi_schema or {}


def _as_openai(responses: dict[str, Any]) -> None:
    """Failures are plain JSON where OpenAI's clients ask."""
    for response in responses.values():
        content = response.get("content", {})
        if MEDIA_TYPE in content:
            content["application/json"] = content.pop(MEDIA_TYPE)


def _failure(status: int) -> dict[str, Any]:
    titles = [kind.title for kind in KINDS.values() if kind.status == status]
    schema = {"$ref": _REF.format(model=ProblemOut.__name__)}
    return {"description": "; ".join(titles), "content": {MEDIA_TYPE: {"schema": schema}}}
