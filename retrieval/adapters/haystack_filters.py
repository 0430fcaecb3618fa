"""Haystack's metadata filters -> Chroma's `where`, where both mean the same."""

from collections.abc import Mapping
from typing import Any

from retrieval.errors import QueryError

_COMPARISONS = {
    "==": "$eq", "!=": "$ne", ">": "$gt", ">=": "$gte", "<": "$lt", "<=": "$lte", "in": "$in", "not in": "$nin",
    "contains": "$contains", "not contains": "$not_contains",
}  # fmt: skip
_LOGIC = {"AND": "$and", "OR": "$or"}


def where_from(filters: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The filter in the syntax that `HybridIndex.search` takes; None for none.

    Both agree on fields that a document lacks: they pass != and "not in", and nothing else. "contains" and
    "not contains" are those of Haystack's document store for Chroma, and ask for a member of a list; a field that a
    document lacks passes "not contains". Strings are ordered as dates, and refused where they are none. NOT is refused,
    because of a lacking field its opposite would be true. Raises QueryError for it and for what is no filter of
    Haystack's.
    """
    return _translated(filters) if filters else None


def _translated(filters: Mapping[str, Any]) -> dict[str, Any]:
    operator, conditions = filters.get("operator"), filters.get("conditions")
    if operator in _LOGIC and isinstance(conditions, list) and conditions:
        parts = [_translated(condition) for condition in conditions]
        return {_LOGIC[operator]: parts} if len(parts) > 1 else parts[0]
    if operator in _COMPARISONS and isinstance(filters.get("field"), str) and "value" in filters:
        return {filters["field"].removeprefix("meta."): {_COMPARISONS[operator]: filters["value"]}}
    if operator == "NOT":
        raise QueryError('filters: NOT cannot be told to the index; write the opposite, with "!=" or "not in".')
    raise QueryError(
        f"filters: {dict(filters)!r} is neither {{field, operator, value}} nor {{operator, conditions}} with one of "
        f"{', '.join([*_COMPARISONS, *_LOGIC])}."
    )
