"""The bodies of requests, as pydantic models: they check what clients send, and OpenAPI describes them."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError, PydanticKnownError

from retrieval.adapters.given_metadata import GivenValue
from retrieval.adapters.sources import MAX_SOURCE
from retrieval.config import Feedback, FusionMethod, Mode
from retrieval.search import DocumentScore
from retrieval.types import MAX_METADATA

MAX_QUERY = 2_000
MAX_QUERIES = 32
MAX_TOP_K = 100
MAX_HITS = 1_000
MAX_CANDIDATES = 1_000
MAX_EXPAND = 20
MAX_DOCUMENTS = 100
MAX_PAGE = 1_000


def _whole(value: Any) -> Any:
    """1.0 is 1: JSON has one kind of number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _never_null(schema: dict[str, Any]) -> None:
    """Leave null out of the schema: a client should omit the field instead."""
    schema.update(next(one for one in schema.pop("anyOf") if one.get("type") != "null"))


def _at_most(most: int) -> BeforeValidator:
    """Count the values before any is validated: each bad value would be an error of its own."""

    def counted(values: Any) -> Any:
        if isinstance(values, list | dict) and len(values) > most:
            kind = "List" if isinstance(values, list) else "Object"
            context = {"field_type": kind, "max_length": most, "actual_length": len(values)}
            raise PydanticKnownError("too_long", context)
        return values

    return BeforeValidator(counted)


def _up_to_the_first(values: Any, validated: ValidatorFunctionWrapHandler) -> Any:
    """Validate entry by entry, so that only the first bad one is reported."""
    if not isinstance(values, dict):
        return validated(values)
    return {name: value for entry in values.items() for name, value in validated(dict([entry])).items()}


Whole = Annotated[int, BeforeValidator(_whole)]
QueryText = Annotated[str, Field(min_length=1, max_length=MAX_QUERY)]
Queries = Annotated[list[QueryText], Field(min_length=1, max_length=MAX_QUERIES)]


class _Asked(BaseModel):
    """A body in JSON's own types, with known fields alone."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, values: Any) -> Any:
        """Refuse the first unknown field, before anything else is validated: there may be many, each an error."""
        names = values if isinstance(values, dict) else ()
        unknown = next((name for name in names if name not in cls.model_fields), None)
        if unknown is not None:
            raise PydanticCustomError("unknown_field", "there is no such field", {"name": str(unknown)})
        return values


class SearchBody(_Asked):
    """One query or several, and how to search: the arguments of HybridIndex.search, by their names."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["query"]}, {"required": ["queries"]}],
            "examples": [
                {"query": "what causes rain?"},
                {"query": "what causes rain?", "top_k": 3, "where": {"source": "docs/guide/rain.md"}},
                {"queries": ["what causes rain?", "when does it snow?"], "mode": "lexical", "expand": "section"},
            ],
        }
    )

    query: QueryText | None = Field(None, description="A question, or words.", json_schema_extra=_never_null)
    queries: Annotated[Queries, _at_most(MAX_QUERIES)] | None = Field(
        None, description="Several, answered from the same state of the index.", json_schema_extra=_never_null
    )
    top_k: Whole = Field(10, ge=1, le=MAX_TOP_K, description="Hits at most.")
    mode: Mode = Field("hybrid", description="Both sides, or one: dense (by meaning), lexical (by words).")
    fusion: FusionMethod | None = Field(None, description="How both sides' scores become one; null as configured.")
    alpha: float | None = Field(None, ge=0, le=1, description="Weight of the dense side; null as configured.")
    rrf_k: Whole = Field(60, ge=1, le=10_000, description="Constant of reciprocal rank fusion.")
    candidates: Whole = Field(100, ge=1, le=MAX_CANDIDATES, description="Chunks that each side brings.")
    feedback: Feedback | None = Field(None, description="Ask again with what the first answers have in common.")
    where: dict[str, Any] | None = Field(None, description="Chroma's metadata filter.")
    where_document: dict[str, Any] | None = Field(None, description="Chroma's text filter.")
    operators: bool | None = Field(
        None, description='Whether "phrase", +must and -not are read; null: unless the query is a sentence.'
    )
    rerank: bool | str | None = Field(
        None, description="Whether the cross-encoder that the service was started with rescores the candidates."
    )
    mmr_lambda: float | None = Field(None, ge=0, le=1, description="1 is relevance alone, 0 diversity alone.")
    expand: Annotated[Whole, Field(ge=0, le=MAX_EXPAND)] | Literal["section"] = Field(
        0, description="Neighbouring chunks on each side of a hit, or all under its headings."
    )
    group_by_document: bool = Field(False, description="One hit a document.")
    document_score: DocumentScore = Field("max", description="What ranks a document: its best chunk, or the whole.")
    min_score: float | None = Field(None, description="Leave out hits with a lower score.")
    highlight: bool = Field(True, description="Mark the words that match.")

    @model_validator(mode="after")
    def _one_or_several(self) -> Self:
        if (self.query is None) == (self.queries is None):
            raise ValueError("give either query or queries")
        if len(self.asked) * self.top_k > MAX_HITS:
            raise ValueError(f"queries times top_k is more than {MAX_HITS:,}; ask in parts")
        return self

    @property
    def asked(self) -> list[str]:
        return [self.query] if self.query is not None else list(self.queries or ())


class DocumentBody(_Asked):
    """A document; it replaces the one with the same source."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"source": "notes/rain.md", "text": "# Rain\n\nIt falls.", "metadata": {"year": 2024, "tags": ["sky"]}}
            ]
        }
    )

    source: str = Field(min_length=1, max_length=MAX_SOURCE, description="What it is cited by.")
    text: str = Field(min_length=1)
    title: str | None = None
    metadata: Annotated[Mapping[str, GivenValue], WrapValidator(_up_to_the_first), _at_most(MAX_METADATA)] = Field(
        default_factory=dict, json_schema_extra={"maxProperties": MAX_METADATA}
    )


class DocumentsBody(_Asked):
    documents: Annotated[list[DocumentBody], _at_most(MAX_DOCUMENTS)] = Field(min_length=1, max_length=MAX_DOCUMENTS)


class SyncBody(_Asked):
    model_config = ConfigDict(json_schema_extra={"examples": [{"folder": "docs"}]})

    folder: str = Field(min_length=1, max_length=MAX_SOURCE, description="A name that GET /stats lists.")
