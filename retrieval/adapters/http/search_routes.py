"""/search: POST for all options, GET for a question in the address; /feedback: what people say of the hits."""

import time
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse

from retrieval.adapters.filter_limits import MAX_PREFIXES, check_filter
from retrieval.adapters.http import serializers
from retrieval.adapters.http.choice import Chosen
from retrieval.adapters.http.granted_index import GrantedIndex
from retrieval.adapters.http.metrics import Metrics
from retrieval.adapters.http.openapi import problems
from retrieval.adapters.http.problems import Refusal
from retrieval.adapters.http.requests import (
    INDEX_TOKENIZER,
    MAX_QUERY,
    MOST,
    ContextBody,
    FeedbackBody,
    Prefix,
    SearchBody,
)
from retrieval.adapters.http.search_responses import FeedbackOut, SearchOut
from retrieval.adapters.http.service import Service
from retrieval.adapters.http.settings import ConfiguredReranker
from retrieval.config import Mode
from retrieval.prompt import as_context
from retrieval.search_hits import SearchHits
from retrieval.searcher import Searcher
from retrieval.token_counts import TokenCount, token_counter
from retrieval.types import Reranker

_LONGEST = 10_000_000
"""Characters of the texts of all hits together."""


def search_routes(service: Service, chosen: Chosen) -> APIRouter:
    router = APIRouter(tags=["search"])

    async def answered(index: GrantedIndex, body: SearchBody) -> JSONResponse:
        started = time.monotonic()
        options = body.options
        options["rerank"] = _reranker(options["rerank"], service.settings.reranker)
        for name in ("where", "where_document"):
            check_filter(name, options[name])
        count_tokens = _token_count(service, index, body.context)

        def results(searcher: Searcher) -> JSONResponse:
            generation, found = _searched(searcher, body.asked, options, service.metrics)
            _check_size(found)
            results = [
                _result(query, hits, body.context, count_tokens) for query, hits in zip(body.asked, found, strict=True)
            ]
            seconds = time.monotonic() - started
            warnings = list(dict.fromkeys(warning for hits in found for warning in hits.warnings))
            answer = {"generation": generation, "seconds": seconds, "results": results, "warnings": warnings}
            return JSONResponse(answer)

        return await index.read(results)

    @router.post("/search", response_model=SearchOut, responses=problems(415, 503))
    async def search(index: Annotated[GrantedIndex, Depends(chosen)], body: SearchBody) -> JSONResponse:
        """The passages that answer one query, or each of several, best first."""
        return await answered(index, body)

    @router.get("/search", response_model=SearchOut, responses=problems(503))
    async def search_by_address(
        index: Annotated[GrantedIndex, Depends(chosen)],
        q: Annotated[
            str,
            Query(
                min_length=1, max_length=MAX_QUERY, description="A question, or words.", examples=["what causes rain?"]
            ),
        ],
        top_k: Annotated[int, Query(ge=1, le=MOST["top_k"], description="Hits at most.")] = 10,
        mode: Annotated[Mode, Query(description="By meaning and words, meaning, or words alone.")] = "hybrid",
        within: Annotated[
            list[Prefix] | None,
            Query(max_length=MAX_PREFIXES, description="How sources begin; repeatable.", examples=[["docs/guide/"]]),
        ] = None,
        min_relevance: Annotated[
            float | None, Query(ge=0, le=1, description="Leave out passages with less relevance.")
        ] = None,
    ) -> JSONResponse:
        """The same for one question in the address, as from a browser or curl; POST /search takes all options."""
        options = {"top_k": top_k, "mode": mode, "within": within, "min_relevance": min_relevance}
        return await answered(index, SearchBody.model_validate({"query": q, **options}))

    @router.post("/feedback", status_code=201, response_model=FeedbackOut, responses=problems(404, 409, 415, 503))
    async def give_feedback(index: Annotated[GrantedIndex, Depends(chosen)], body: FeedbackBody) -> JSONResponse:
        """Say whether a hit was useful. It is kept as a judgement of its document, in files that `retrieve evaluate`
        and `retrieve tune` read."""
        feedback = index.feedback
        if feedback is None:
            raise Refusal("conflict", "This service keeps no feedback; start it with --feedback DIRECTORY.")

        def kept(searcher: Searcher) -> JSONResponse:
            [row] = searcher.reader.rows_of_ids([body.hit]).tolist()
            if row < 0:
                raise Refusal("not-found", f"There is no passage {body.hit!r} any more; search again.")
            source = searcher.reader.chunk(row).source
            if "\t" in source or "\n" in source:
                raise Refusal("query", f"The source {source!r} has a tab or a line break, and cannot be judged.")
            count = feedback.judge(body.query, source, is_useful=body.useful)
            return JSONResponse({"source": source, "judgements": count}, 201)

        return await index.read(kept)

    return router


def _token_count(service: Service, index: GrantedIndex, context: ContextBody | None) -> TokenCount | None:
    """What a context is counted with. Raises Refusal for a tokenizer that the service does not have."""
    if context is None:
        return None
    if context.tokenizer == INDEX_TOKENIZER:
        return token_counter(index.embedder.tokenizer)
    known = service.settings.tokenizers
    if context.tokenizer not in known:
        there = ", ".join([INDEX_TOKENIZER, *known])
        raise Refusal("query", f"context/tokenizer: this service has {there}; start it with --tokenizer for others.")
    return known[context.tokenizer]


def _result(
    query: str, hits: SearchHits, context: ContextBody | None, count_tokens: TokenCount | None
) -> dict[str, Any]:
    if context is None or count_tokens is None:
        return serializers.result(query, hits, None)
    made = as_context(hits, max_tokens=context.max_tokens, tokenizer=count_tokens)
    return serializers.result(query, hits, made, tokenizer=context.tokenizer)


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
