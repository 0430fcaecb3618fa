"""Which index a request asks: the only one, or the one that its path names."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Path

from retrieval.adapters.http.served_index import ServedIndex
from retrieval.adapters.http.service import Service

Name = Annotated[str, Path(max_length=64, description="The name of an index; GET /indexes lists them.")]
Chosen = Callable[..., Any]
"""A dependency of FastAPI's."""


def only_index(service: Service) -> Chosen:
    """For routes that name none."""

    async def only() -> ServedIndex:
        return service.indexes.get()

    return only


def named_index(service: Service) -> Chosen:
    """For routes below /indexes/{index}."""

    def named(
        index: Annotated[str, Path(max_length=64, description="The name of an index; see GET /indexes.")],
    ) -> ServedIndex:
        return service.indexes.get(index)

    return named
