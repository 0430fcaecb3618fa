"""Which index a request asks: the only one, or the one that its path names."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Path, Request

from retrieval.adapters.http.granted_index import GrantedIndex
from retrieval.adapters.http.grants import GRANT, Grant
from retrieval.adapters.http.service import Service

Name = Annotated[str, Path(max_length=64, description="The name of an index; GET /indexes lists them.")]
Chosen = Callable[..., Any]
"""A dependency of FastAPI's."""


def grant_of(request: Request) -> Grant:
    """What access control found that the request may do."""
    grant: Grant = request.scope[GRANT]
    return grant


def granted(service: Service, request: Request, name: str | None) -> GrantedIndex:
    """The index of that name, as the request may use it. Raises Refusal where there is none for it."""
    grant = grant_of(request)
    return GrantedIndex(service.indexes.get(name, grant), grant)


def only_index(service: Service) -> Chosen:
    """For routes that name none."""

    async def only(request: Request) -> GrantedIndex:
        return granted(service, request, None)

    return only


def named_index(service: Service) -> Chosen:
    """For routes below /indexes/{index}."""

    def named(request: Request, index: Name) -> GrantedIndex:
        return granted(service, request, index)

    return named
