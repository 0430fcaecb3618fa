"""POST /search."""

import time
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from retrieval.adapters.filter_limits import check_filter
from retrieval.adapters.http import serializers
from retrieval.adapters.http.metrics import Metrics
from retrieval.adapters.http.openapi import problems
from retrieval.adapters.http.problems import Refusal
from retrieval.adapters.http.requests import SearchBody
from retrieval.adapters.http.responses import SearchOut
from retrieval.adapters.http.service import Service
from retrieval.adapters.http.settings import ConfiguredReranker
from retrieval.search_hits import SearchHits
from retrieval.searcher import Searcher
from retrieval.types import Reranker

_LONGEST = 10_000_000
"""Characters of the texts of all hits together."""


def search_routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["search"])

    @router.post("/search", response_model=SearchOut, responses=problems(415, 503))
    async def search(body: SearchBody) -> JSONResponse:
        """The passages that answer one query, or each of several, best first."""
        started = time.monotonic()
        options = body.options
        options["rerank"] = _reranker(options["rerank"], service.settings.reranker)
        for name in ("where", "where_document"):
            check_filter(name, options[name])

        def answered(searcher: Searcher) -> JSONResponse:
            generation, found = _searched(searcher, body.asked, options, service.metrics)
            _check_size(found)
            results = [serializers.result(query, hits) for query, hits in zip(body.asked, found, strict=True)]
            seconds = time.monotonic() - started
            warnings = list(dict.fromkeys(warning for hits in found for warning in hits.warnings))
            answer = {"generation": generation, "seconds": seconds, "results": results, "warnings": warnings}
            return JSONResponse(answer)

        return await service.read(answered)

    return router


def _searched(
    searcher: Searcher, queries: list[str], options: Mapping[str, Any], metrics: Metrics
) -> tuple[str, list[SearchHits]]:
    """The generation and its hits."""
    found = searcher.search_batch(queries, **options)
    alpha = searcher.config.alpha if options["alpha"] is None else options["alpha"]
    metrics.answered(found, is_hybrid=options["mode"] == "hybrid" and 0 < alpha < 1)
    return searcher.generation, found


def _reranker(asked: bool | str | None, configured: ConfiguredReranker | None) -> Reranker | None:
    """The reranker that the service was started with. Raises Refusal for any other: no request may load a model or read
    a directory of this machine."""
    if asked is None or asked is False:
        return None
    if configured is None:
        raise Refusal("query", "rerank: this service has no cross-encoder; start it with --rerank NAME.")
    if asked not in (True, configured.name):
        raise Refusal("query", f"rerank: this service has {configured.name} alone; ask for it with true.")
    return configured.model


def _check_size(found: list[SearchHits]) -> None:
    """Raises Refusal for too much text in one answer: a section may be as long as a book."""
    size = sum(len(hit.text) for hits in found for hit in hits)
    if size > _LONGEST:
        raise Refusal(
            "query", f"The answer has {size:,} characters, and {_LONGEST:,} are sent at most; lower expand or top_k."
        )
