"""The bodies of requests, as pydantic models: they check what clients send, and OpenAPI describes them."""

from collections.abc import Mapping, Sequence
from functools import reduce
from math import isfinite
from operator import or_
from typing import Annotated, Any, Self, TypeVar, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError, PydanticKnownError
from typing_extensions import TypeAliasType

from retrieval.adapters.filter_limits import MAX_PREFIXES
from retrieval.adapters.sources import MAX_SOURCE
from retrieval.search import OPTIONS, Option

M = TypeVar("M", bound=BaseModel)

MAX_QUERY = 2_000
MAX_QUERIES = 32
MAX_HITS = 1_000
MOST: Mapping[str, int] = {"top_k": 100, "rrf_k": 10_000, "candidates": 1_000, "expand": 20}
"""The limits of a service for the options of a search, beyond those that every search has."""

INDEX_TOKENIZER = "index"
"""That of the index's own model."""

MAX_TOKENS = 1_000_000
"""Of a context."""


def _whole(value: Any) -> Any:
    """1.0 is 1: JSON has one kind of number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def at_most(most: int) -> BeforeValidator:
    """Count the values before any is validated: each bad value would be an error of its own."""

    def counted(values: Any) -> Any:
        if isinstance(values, list | dict) and len(values) > most:
            kind = "List" if isinstance(values, list) else "Object"
            context = {"field_type": kind, "max_length": most, "actual_length": len(values)}
            raise PydanticKnownError("too_long", context)
        return values

    return BeforeValidator(counted)


Prefix = Annotated[str, Field(min_length=1, max_length=MAX_SOURCE)]
QueryText = Annotated[str, Field(min_length=1, max_length=MAX_QUERY)]
Queries = Annotated[list[QueryText], Field(min_length=1, max_length=MAX_QUERIES)]
Filter = TypeAliasType(
    "Filter",
    Annotated[
        dict[str, Any],
        Field(
            description="A filter in Chroma's form: of metadata, such as {field: {$gte: 2020}}, or of text, such as "
            "{$contains: word}; $and and $or join several.",
            examples=[{"source": "docs/guide/rain.md"}],
        ),
    ],
)
"""A schema of its own, so that generated clients have one class for it."""


class Asked(BaseModel):
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


def _field(option: Option) -> tuple[Any, Any]:
    """An option of a search as a field of a body, for create_model."""
    if option.name == "rerank":  # a model or a directory of this machine is none of a client's business
        about = "Whether the cross-encoder that the service was started with rescores the candidates."
        return bool | str | None, Field(None, description=about)
    type_ = reduce(or_, (_json_type(option, type_) for type_ in option.types))
    if_none = f" null: {option.if_none}." if option.if_none else ""
    return type_, Field(option.default, description=option.help + if_none)


def _json_type(option: Option, type_: Any) -> Any:
    if type_ is int:
        return Annotated[int, Field(ge=option.least, le=MOST[option.name]), BeforeValidator(_whole)]
    if type_ is float:
        return Annotated[float, Field(ge=option.least, le=option.most)] if isfinite(option.most) else float
    if type_ is str:
        return Annotated[str, Field(min_length=1, max_length=MAX_SOURCE)]
    if get_origin(type_) is Sequence:
        return Annotated[list[Prefix], Field(min_length=1, max_length=MAX_PREFIXES), at_most(MAX_PREFIXES)]
    return Filter if get_origin(type_) is Mapping else type_


def _with_search_options(model: type[M]) -> type[M]:
    """The model with a field for each option of a search."""
    fields: dict[str, Any] = {name: _field(option) for name, option in OPTIONS.items()}
    return create_model(model.__name__, __base__=model, __module__=model.__module__, __doc__=model.__doc__, **fields)


class ContextBody(Asked):
    """How long a prompt's passages may be."""

    max_tokens: int = Field(ge=1, le=MAX_TOKENS, description="Of the whole text, all told.")
    tokenizer: str = Field(
        INDEX_TOKENIZER,
        max_length=200,
        description="index: the index's own model; or one that the service was started with.",
    )


@_with_search_options
class SearchBody(Asked):
    """One query or several, and how to search: either `query` or `queries` is needed, and all else is optional."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"query": "what causes rain?"},
                {"query": "what causes rain?", "top_k": 3, "where": {"source": "docs/guide/rain.md"}},
                {"queries": ["what causes rain?", "when does it snow?"], "mode": "lexical", "expand": "section"},
            ],
        }
    )

    query: QueryText | None = Field(None, description="A question, or words.")
    queries: Annotated[Queries, at_most(MAX_QUERIES)] | None = Field(
        None, description="Several instead of `query`, answered from the same state of the index."
    )

    context: ContextBody | None = Field(
        None, description="Whether each result has its passages as text for a prompt too, numbered and cited."
    )

    @model_validator(mode="after")
    def _one_or_several(self) -> Self:
        if (self.query is None) == (self.queries is None):
            raise ValueError("give either query or queries")
        if len(self.asked) * self.options["top_k"] > MAX_HITS:
            raise ValueError(f"queries times top_k is more than {MAX_HITS:,}; ask in parts")
        return self

    @property
    def asked(self) -> list[str]:
        return [self.query] if self.query is not None else list(self.queries or ())

    @property
    def options(self) -> dict[str, Any]:
        """By name, `top_k` and `rerank` among them."""
        return {name: getattr(self, name) for name in OPTIONS}


class FeedbackBody(Asked):
    """What somebody says of a hit."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"query": "what causes rain?", "hit": "0" * 32, "useful": True}]}
    )

    query: QueryText = Field(description="What was asked.")
    hit: str = Field(pattern="^[0-9a-f]{32}$", description="The id of the hit.")
    useful: bool = Field(description="Whether it answers.")


class IndexBody(Asked):
    """A new index."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "handbook"}]})

    name: str = Field(min_length=1, max_length=64, description="What it is called in addresses.")


_ALLOW_DELETIONS = "Whether all documents of a folder may be deleted, or more than half of at least 20."


class RebuildBody(Asked):
    """How to rebuild the index."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})

    allow_deletions: bool = Field(False, description=_ALLOW_DELETIONS)


class SyncBody(Asked):
    """Which folder to sync, and how."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"folder": "docs"}]})

    folder: str = Field(min_length=1, max_length=MAX_SOURCE, description="A name that GET /stats lists.")
    allow_deletions: bool = Field(False, description=_ALLOW_DELETIONS)
