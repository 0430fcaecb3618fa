"""What OpenAI's clients send and read, as pydantic models."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType

from retrieval.adapters.http.requests import MAX_QUERIES, MAX_QUERY

MAX_INPUTS = 2_048
"""Texts of one request for embeddings, as OpenAI's."""

OpenAIFilter = TypeAliasType(
    "OpenAIFilter",
    Annotated[
        dict[str, Any],
        Field(
            description="{type: eq, key, value} and the like, or {type: and, filters: [...]}.",
            examples=[{"type": "gte", "key": "year", "value": 2020}],
        ),
    ],
)
"""A schema of its own, so that generated clients have one class for it."""

_T = TypeVar("_T")

Text = Annotated[str, Field(min_length=1, max_length=MAX_QUERY)]

_Several = Annotated[list[_T], Field(min_length=1, max_length=MAX_INPUTS)]


def _of_texts(schema: dict[str, Any]) -> None:
    """Leave out what is only validated to be refused with a better reason."""
    schema["anyOf"] = schema["anyOf"][:2]


class RankingOptions(BaseModel):
    """How passages are ranked and cut off."""

    ranker: Literal["none", "auto", "default-2024-11-15"] = Field(
        default="auto", description="none leaves out the cross-encoder that the service was started with, if it was."
    )
    score_threshold: float | None = Field(
        default=None, ge=0, le=1, description="The least relevance of a passage, 0 to 1."
    )


class VectorStoreSearchBody(BaseModel):
    """As OpenAI's search of a vector store."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"query": "what causes rain?"}]})

    query: Text | Annotated[list[Text], Field(min_length=1, max_length=MAX_QUERIES)] = Field(
        description="A question; of several, the passages that answer any."
    )
    max_num_results: int = Field(default=10, ge=1, le=50, description="Passages at most.")
    filters: OpenAIFilter | None = Field(default=None, description="Which documents may answer, by their metadata.")
    ranking_options: RankingOptions | None = Field(default=None, description="How passages are ranked and cut off.")
    rewrite_query: bool = Field(default=False, description="Not done here: what is asked is searched for.")


class ContentOut(BaseModel):
    """A text."""

    type: Literal["text"] = Field(description="Always text.")
    text: str = Field(description="The text.")


class FoundOut(BaseModel):
    """A passage that answers, as OpenAI's clients read it."""

    file_id: str = Field(description="The document's id.")
    filename: str = Field(description="The document's source.")
    score: float = Field(description="The passage's relevance, 0 to 1.")
    attributes: dict[str, str | float | bool] = Field(description="The document's metadata, with the citation.")
    content: list[ContentOut] = Field(description="The passage.")


class VectorStorePageOut(BaseModel):
    """The passages that answer, as OpenAI's clients read them."""

    object: Literal["vector_store.search_results.page"] = Field(description="Always that.")
    search_query: list[str] = Field(description="What was asked.")
    data: list[FoundOut] = Field(description="The passages that answer, best first.")
    has_more: bool = Field(description="Always false: there is one page.")
    next_page: str | None = Field(description="Always null: there is one page.")


class EmbeddingsBody(BaseModel):
    """As OpenAI's, with `input_type`, since queries and passages are embedded with different prefixes."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"input": "rain", "model": "packaged"}]})

    input: str | _Several[str] | _Several[int] | _Several[list[int]] = Field(
        description="A text, or several; numbers of tokens are not read.", json_schema_extra=_of_texts
    )
    model: str = Field(description="The index's own, as GET /stats calls it.")
    index: str | None = Field(default=None, max_length=64, description="Whose model, where there are several.")
    input_type: Literal["query", "passage"] = Field(default="query", description="What the texts are.")
    encoding_format: Literal["float", "base64"] = Field(default="float", description="How vectors are written.")
    dimensions: int | None = Field(default=None, description="Those of the model, or none.")
    user: str | None = Field(default=None, description="Whom it is for; nothing is kept of it.")


class EmbeddingOut(BaseModel):
    """A vector."""

    object: Literal["embedding"] = Field(description="Always that.")
    index: int = Field(description="Which of the texts it is of, from 0.")
    embedding: list[float] | str = Field(description="A unit vector; base64 of little-endian float32 if asked so.")


class UsageOut(BaseModel):
    """What the model read."""

    prompt_tokens: int = Field(description="Tokens of all texts, prefixes included.")
    total_tokens: int = Field(description="The same.")


class EmbeddingsOut(BaseModel):
    """The vectors of the texts, in their order."""

    object: Literal["list"] = Field(description="Always that.")
    data: list[EmbeddingOut] = Field(description="A vector for each text.")
    model: str = Field(description="The model that embeds.")
    usage: UsageOut = Field(description="How much the model read.")
