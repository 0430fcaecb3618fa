"""The bodies of requests that bring documents, as pydantic models."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidatorFunctionWrapHandler, WrapValidator

from retrieval.adapters.given_metadata import GivenValue
from retrieval.adapters.http.requests import Asked, at_most
from retrieval.adapters.sources import MAX_SOURCE
from retrieval.types import MAX_METADATA

MAX_DOCUMENTS = 100


def _up_to_the_first(values: Any, validated: ValidatorFunctionWrapHandler) -> Any:
    """Validate entry by entry, so that only the first bad one is reported."""
    if not isinstance(values, dict):
        return validated(values)
    return {name: value for entry in values.items() for name, value in validated(dict([entry])).items()}


class DocumentBody(Asked):
    """A document; it replaces the one with the same source."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"source": "notes/rain.md", "text": "# Rain\n\nIt falls.", "metadata": {"year": 2024, "tags": ["sky"]}}
            ]
        }
    )

    source: str = Field(min_length=1, max_length=MAX_SOURCE, description="What it is cited by.")
    text: str = Field(min_length=1, description="All of its text: Markdown, or plain.")
    title: str | None = Field(None, description="Its title; null: its first heading, or none.")
    metadata: Annotated[Mapping[str, GivenValue], WrapValidator(_up_to_the_first), at_most(MAX_METADATA)] = Field(
        default_factory=dict,
        description="What filters ask for, by name: texts, numbers, booleans, or lists of one of these.",
        json_schema_extra={"maxProperties": MAX_METADATA},
    )


class DocumentsBody(Asked):
    """Documents to index together."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"documents": [{"source": "notes/rain.md", "text": "# Rain\n\nIt falls.", "metadata": {"year": 2024}}]},
                {"documents": [{"source": "memo-7", "text": "The boiler is new.", "title": "Boiler"}]},
            ]
        }
    )

    documents: Annotated[list[DocumentBody], at_most(MAX_DOCUMENTS)] = Field(
        min_length=1, max_length=MAX_DOCUMENTS, description="Each replaces the one with the same source."
    )
