"""The metadata of LangChain's documents, and filters on them, under names that an index can keep."""

from collections.abc import Mapping
from typing import Any

from retrieval.errors import QueryError
from retrieval.types import CHUNK_KEYS

_PREFIX = "metadata."


def to_index(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """As the index keeps it: a name of the index's own, such as `source`, becomes `metadata.source`; a None is left
    out, as a filter cannot tell it from a name that is not there."""
    return {_kept(name): value for name, value in metadata.items() if value is not None}


def from_index(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of to_index."""
    return {name.removeprefix(_PREFIX): value for name, value in metadata.items()}


def where_from(condition: object) -> Any:
    """The filter on the names that the index keeps; None for none.

    Raises QueryError for what is no filter, such as a function.
    """
    if condition is None:
        return None
    if not isinstance(condition, Mapping):
        raise QueryError(
            f"filter: expected a dict such as {{name: value}} or {{name: {{'$gte': value}}}}, "
            f"got {type(condition).__name__}."
        )
    return {
        name if name in ("$and", "$or") else _kept(name): (
            [where_from(part) for part in value] if name in ("$and", "$or") and isinstance(value, list) else value
        )
        for name, value in condition.items()
    }


def _kept(name: str) -> str:
    is_taken = name in CHUNK_KEYS or (isinstance(name, str) and name.startswith((_PREFIX, "#", "chroma:")))
    return f"{_PREFIX}{name}" if is_taken else name
