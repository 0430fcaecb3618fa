"""POST /retrieval: Dify's External Knowledge API, so that an application of Dify's asks this index."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from retrieval.adapters.filter_limits import check_filter
from retrieval.adapters.http.choice import granted
from retrieval.adapters.http.openapi import problems
from retrieval.adapters.http.problems import Refusal, problem, problem_response
from retrieval.adapters.http.requests import MAX_QUERY, MOST
from retrieval.adapters.http.service import Service
from retrieval.errors import QueryError
from retrieval.search_hits import SearchHit
from retrieval.searcher import Searcher

_UNKNOWN_KNOWLEDGE = 2001
"""Dify's code for a knowledge_id that is not there."""

_OPERATORS: Mapping[str, str] = {
    "is": "$eq", "is not": "$ne", "=": "$eq", "≠": "$ne", ">": "$gt", "<": "$lt", "≥": "$gte", "≤": "$lte",
    "before": "$lt", "after": "$gt", "in": "$in", "not in": "$nin", "contains": "$contains",
    "not contains": "$not_contains",
}  # fmt: skip
_OF_NUMBERS = frozenset("=≠><≥≤")


class RetrievalSetting(BaseModel):
    """How many passages Dify wants, and how good they must be."""

    top_k: int = Field(default=10, ge=1, le=MOST["top_k"], description="Passages at most.")
    score_threshold: float | None = Field(
        default=None, ge=0, le=1, description="The least relevance of a passage, 0 to 1; 0 lists what is nearest."
    )


class MetadataTest(BaseModel):
    """What a field of the metadata must be."""

    name: Annotated[list[str], Field(min_length=1, max_length=10)] | str = Field(
        description="A field of the metadata; of several, any."
    )
    comparison_operator: str = Field(description=f"{', '.join(_OPERATORS)}; start with, of the source alone.")
    value: str | int | float | list[str] | None = Field(default=None, description="What the field is compared with.")


class MetadataCondition(BaseModel):
    """Which documents may answer."""

    logical_operator: Literal["and", "or"] = Field(default="and", description="Whether all must hold, or any.")
    conditions: list[MetadataTest] | None = Field(default=None, max_length=100, description="What must hold.")


class RetrievalBody(BaseModel):
    """A question of Dify's."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "knowledge_id": "retrieval",
                    "query": "what causes rain?",
                    "retrieval_setting": {"top_k": 3, "score_threshold": 0.5},
                }
            ]
        }
    )

    knowledge_id: str = Field(max_length=200, description="The name of the index.")
    query: str = Field(min_length=1, max_length=MAX_QUERY, description="A question, or words.")
    retrieval_setting: RetrievalSetting = Field(
        default=RetrievalSetting(), description="How many passages, and how good."
    )
    metadata_condition: MetadataCondition | None = Field(default=None, description="Which documents may answer.")


class RetrievedOut(BaseModel):
    """A passage as Dify reads it."""

    content: str = Field(description="The text of a passage.")
    score: float = Field(description="Its relevance, 0 to 1.")
    title: str = Field(description="The title of its document, or else its source.")
    metadata: dict[str, Any] = Field(description="The document's own, with source, citation, page and lines.")


class RetrievalOut(BaseModel):
    """What Dify reads."""

    records: list[RetrievedOut] = Field(description="The passages that answer, best first.")


def dify_route(service: Service) -> APIRouter:
    router = APIRouter(tags=["other clients"])

    @router.post("/retrieval", response_model=RetrievalOut, responses=problems(404, 415, 503))
    async def retrieve_for_dify(request: Request, body: RetrievalBody) -> JSONResponse:
        """What Dify's External Knowledge API asks: register this service's address, a key, and the index's name."""
        try:
            index = granted(service, request, body.knowledge_id)
        except Refusal as refusal:
            code = {"error_code": _UNKNOWN_KNOWLEDGE, "error_msg": refusal.detail}
            return problem_response(problem(refusal.kind, refusal.detail, **code))
        where, within = filters_of(body.metadata_condition)
        check_filter("metadata_condition", where)
        setting = body.retrieval_setting

        def answered(searcher: Searcher) -> JSONResponse:
            hits = searcher.search(
                body.query,
                setting.top_k,
                where=where,
                within=within,
                min_relevance=setting.score_threshold or None,
                operators="required",
                highlight=False,
            )
            return JSONResponse({"records": [_record(hit) for hit in hits]})

        return await index.read(answered)

    return router


def filters_of(condition: MetadataCondition | None) -> tuple[dict[str, Any] | None, list[str] | None]:
    """The arguments `where` and `within` of a search. Raises QueryError for what cannot be told so."""
    tests = (condition.conditions or []) if condition is not None else []
    beginnings = [test for test in tests if test.comparison_operator == "start with"]
    if beginnings and condition is not None and condition.logical_operator == "or" and len(beginnings) < len(tests):
        raise QueryError("metadata_condition: `start with` stands beside others in an `and` alone.")
    if len(beginnings) > 1 and condition is not None and condition.logical_operator == "and":
        raise QueryError("metadata_condition: several `start with` are joined by `or`; send them so.")
    within = [_beginning(test) for test in beginnings]
    parts = [_test(test) for test in tests if test not in beginnings]
    return _joined("$or" if condition and condition.logical_operator == "or" else "$and", parts), within or None


def _beginning(test: MetadataTest) -> str:
    if test.name not in ("source", ["source"]) or not isinstance(test.value, str) or not test.value:
        raise QueryError("metadata_condition: `start with` asks for the beginning of the source alone.")
    return test.value


def _test(test: MetadataTest) -> dict[str, Any]:
    operator = _OPERATORS.get(test.comparison_operator)
    if operator is None:
        raise QueryError(
            f"metadata_condition: {test.comparison_operator!r} cannot be asked of the index; there are "
            f"{', '.join(_OPERATORS)}, and `start with` of the source."
        )
    value: Any = test.value
    if test.comparison_operator in _OF_NUMBERS and isinstance(value, str):
        value = _number(value)
    if operator in ("$in", "$nin") and isinstance(value, str):
        value = [each.strip() for each in value.split(",")]
    names = [test.name] if isinstance(test.name, str) else test.name
    joined = _joined("$or", [{name: {operator: value}} for name in names])
    assert joined is not None
    return joined


def _number(text: str) -> float | str:
    """Dify sends what was typed in."""
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _joined(key: str, parts: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    return {key: list(parts)} if len(parts) > 1 else next(iter(parts), None)


def _record(hit: SearchHit) -> dict[str, Any]:
    place = {"page": hit.page, "line_start": hit.line_start, "line_end": hit.line_end}
    known = {name: value for name, value in place.items() if value is not None}
    metadata = {
        **hit.metadata,
        "source": hit.source,
        "citation": hit.citation(),
        "document_id": hit.document_id,
        **known,
    }
    return {"content": hit.text, "score": hit.relevance, "title": hit.title or hit.source, "metadata": metadata}
