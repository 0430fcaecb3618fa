"""What OpenAPI says of failures."""

from typing import Any

from retrieval.adapters.http.models import ProblemOut
from retrieval.adapters.http.problems import KINDS, MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]

_ALWAYS = (400, 401, 403, 413, 421, 429, 500)


def problems(*statuses: int) -> Responses:
    """The failures that a route may answer, beside those that every route may."""
    return {status: _described(status) for status in sorted({*_ALWAYS, *statuses})}


def _described(status: int) -> dict[str, Any]:
    titles = [kind.title for kind in KINDS.values() if kind.status == status]
    return {
        "description": "; ".join(titles),
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{ProblemOut.__name__}"}}},
    }
