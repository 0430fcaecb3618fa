"""/v1: search and embeddings as OpenAI's clients ask for them."""

import base64
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse

from retrieval.adapters.filter_limits import check_filter
from retrieval.adapters.http.choice import granted
from retrieval.adapters.http.openai_bodies import (
    EmbeddingsBody,
    EmbeddingsOut,
    RankingOptions,
    VectorStorePageOut,
    VectorStoreSearchBody,
)
from retrieval.adapters.http.openapi import problems
from retrieval.adapters.http.problems import Refusal
from retrieval.adapters.http.service import Service
from retrieval.encoders import Embedder
from retrieval.errors import QueryError
from retrieval.search_hits import SearchHit
from retrieval.searcher import Searcher
from retrieval.time_limit import check_time
from retrieval.types import Vectors

_SLICE = 32
"""Texts embedded between two looks at the time."""

_COMPARISONS: Mapping[str, str] = {
    "eq": "$eq", "ne": "$ne", "gt": "$gt", "gte": "$gte", "lt": "$lt", "lte": "$lte", "in": "$in", "nin": "$nin",
}  # fmt: skip

VectorStoreId = Annotated[str, Path(max_length=200, description="The name of an index.")]


def openai_routes(service: Service) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["other clients"])

    @router.post(
        "/vector_stores/{vector_store_id}/search", response_model=VectorStorePageOut, responses=problems(404, 415, 503)
    )
    async def search_vector_store(
        request: Request, body: VectorStoreSearchBody, vector_store_id: VectorStoreId
    ) -> JSONResponse:
        """What `client.vector_stores.search` of OpenAI's clients asks; the id is the index's name."""
        index = granted(service, request, vector_store_id)
        if body.rewrite_query:
            raise Refusal("query", "rewrite_query: what is asked is searched for here; leave it out.")
        where = where_of(body.filters) if body.filters else None
        check_filter("filters", where)
        ranking = body.ranking_options or RankingOptions()
        reranker = service.settings.reranker if ranking.ranker != "none" else None
        queries = [body.query] if isinstance(body.query, str) else body.query

        def answered(searcher: Searcher) -> JSONResponse:
            found = searcher.search_batch(
                queries,
                body.max_num_results,
                where=where,
                min_relevance=ranking.score_threshold,
                rerank=reranker.model if reranker is not None else None,
                operators="required",
                highlight=False,
            )
            best: dict[str, SearchHit] = {}
            for hit in (hit for hits in found for hit in hits):
                if hit.id not in best or hit.relevance > best[hit.id].relevance:
                    best[hit.id] = hit
            hits = list(best.values())
            if len(queries) > 1:
                hits.sort(key=lambda hit: (-hit.relevance, hit.rank, hit.id))
            return JSONResponse(
                {
                    "object": "vector_store.search_results.page",
                    "search_query": queries,
                    "data": [_found(hit) for hit in hits[: body.max_num_results]],
                    "has_more": False,
                    "next_page": None,
                }
            )

        return await index.read(answered)

    @router.post("/embeddings", response_model=EmbeddingsOut, responses=problems(404, 415, 503))
    async def create_embeddings(request: Request, body: EmbeddingsBody) -> JSONResponse:
        """Vectors of the index's own model, with its prefix; a text that it would not read whole is refused."""

        index = granted(service, request, body.index)

        def answered(searcher: Searcher) -> JSONResponse:
            model = searcher.config.model
            if body.model not in (model, "default"):
                raise Refusal(
                    "not-found", f"There is no model {body.model[:200]!r} here; ask for {model!r} or 'default'."
                )
            embedder = index.embedder
            if body.dimensions not in (None, embedder.dimension):
                raise Refusal("query", f"dimensions: the vectors have {embedder.dimension}; leave it out.")
            texts = _texts(body.input)
            tokens = _tokens(embedder, texts, is_query=body.input_type == "query")
            vectors = _embedded(embedder, texts, is_query=body.input_type == "query")
            data = [
                {"object": "embedding", "index": at, "embedding": _written(vector, body.encoding_format)}
                for at, vector in enumerate(vectors)
            ]
            usage = {"prompt_tokens": tokens, "total_tokens": tokens}
            return JSONResponse({"object": "list", "data": data, "model": model, "usage": usage})

        return await index.read(answered)

    return router


def where_of(filters: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """OpenAI's filter as the argument `where` of a search. Raises QueryError for what is none."""
    kind = str(filters.get("type"))
    if kind in ("and", "or") and isinstance(filters.get("filters"), list) and filters["filters"] and depth < 10:
        parts = [where_of(each, depth + 1) for each in filters["filters"] if isinstance(each, Mapping)]
        if len(parts) == len(filters["filters"]):
            return {f"${kind}": parts} if len(parts) > 1 else parts[0]
    if kind in _COMPARISONS and isinstance(filters.get("key"), str) and "value" in filters:
        return {filters["key"]: {_COMPARISONS[kind]: filters["value"]}}
    raise QueryError(
        f"filters: expected {{type, key, value}} with a type of {', '.join(_COMPARISONS)}, or "
        "{type: and or or, filters: [...]}, ten deep at most."
    )


def _found(hit: SearchHit) -> dict[str, Any]:
    attributes = {
        name: ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
        for name, value in {**hit.metadata, "citation": hit.citation()}.items()
    }
    content = [{"type": "text", "text": hit.text}]
    return {
        "file_id": hit.document_id, "filename": hit.source, "score": hit.relevance, "attributes": attributes,
        "content": content,
    }  # fmt: skip


def _texts(given: Any) -> list[str]:
    texts = [given] if isinstance(given, str) else given
    if any(not isinstance(text, str) for text in texts):
        detail = (
            "input: numbers of tokens are another model's; send texts (in LangChain: check_embedding_ctx_length=False)."
        )
        raise Refusal("query", detail)
    if empty := [at for at, text in enumerate(texts) if not text.strip()]:
        raise Refusal("query", f"input/{empty[0]}: the text is empty; leave it out.")
    return list(texts)


def _tokens(embedder: Embedder, texts: list[str], *, is_query: bool) -> int:
    """Of all texts as the model reads them. Raises Refusal for one that is too long."""
    prefix = embedder.prefixes.query if is_query else embedder.prefixes.passage
    total = 0
    for at, text in enumerate(texts):
        check_time()
        count = embedder.count_tokens(prefix + text)
        if count > embedder.max_seq_length:
            detail = f"input/{at}: {count:,} tokens, and the model reads {embedder.max_seq_length:,}; send it in parts."
            raise Refusal("query", detail)
        total += count
    return total


def _embedded(embedder: Embedder, texts: list[str], *, is_query: bool) -> Vectors:
    embed = embedder.embed_queries if is_query else embedder.embed_passages
    parts = []
    for start in range(0, len(texts), _SLICE):
        check_time()
        parts.append(embed(texts[start : start + _SLICE]))
    return np.concatenate(parts)


def _written(vector: Vectors, encoding: str) -> list[float] | str:
    if encoding == "float":
        return [float(value) for value in vector]
    return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
