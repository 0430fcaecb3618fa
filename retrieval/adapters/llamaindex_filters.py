"""LlamaIndex's metadata filters -> Chroma's `where`, where both mean the same."""

from typing import Any

from llama_index.core.vector_stores import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters

from retrieval.errors import QueryError

_COMPARISONS = {
    FilterOperator.EQ: "$eq", FilterOperator.NE: "$ne", FilterOperator.GT: "$gt", FilterOperator.GTE: "$gte",
    FilterOperator.LT: "$lt", FilterOperator.LTE: "$lte", FilterOperator.IN: "$in", FilterOperator.NIN: "$nin",
    FilterOperator.CONTAINS: "$contains",
}  # fmt: skip
_MEMBERS = {FilterOperator.ANY: "$or", FilterOperator.ALL: "$and"}
_OPPOSITES = {
    "$eq": "$ne", "$ne": "$eq", "$in": "$nin", "$nin": "$in", "$contains": "$not_contains",
    "$and": "$or", "$or": "$and",
}  # fmt: skip
_WAYS_OUT = {
    FilterOperator.TEXT_MATCH: 'where_document={"$contains": ...} asks for a part of the passage\'s own text',
    FilterOperator.TEXT_MATCH_INSENSITIVE: 'where_document={"$regex": "(?i)..."} asks the passage\'s own text',
    FilterOperator.IS_EMPTY: "give the documents that lack it a value of their own, and ask for that",
}


def where_from(filters: MetadataFilters | None) -> dict[str, Any] | None:
    """The filter in the syntax that `HybridIndex.search` takes; None for none.

    Both agree on fields that a document lacks: they pass NE and NIN, and nothing else. CONTAINS, ANY and ALL ask for
    members of a list, and find nothing in a string. Strings are ordered as dates, and refused where they are none. NOT
    lets through what none of its filters does. Raises QueryError for what the index cannot be told: TEXT_MATCH,
    TEXT_MATCH_INSENSITIVE, IS_EMPTY, and an order within NOT, because of a lacking field its opposite would be true.
    """
    return _joined(filters, negated=False) if filters is not None and filters.filters else None


def _joined(filters: MetadataFilters, *, negated: bool) -> dict[str, Any]:
    if not filters.filters:
        raise QueryError("filters: MetadataFilters within others are empty; leave them out.")
    if filters.condition == FilterCondition.NOT:
        negated, name = not negated, "$or"  # none of them: not any of them
    else:
        name = "$or" if filters.condition == FilterCondition.OR else "$and"
    parts = [
        _joined(part, negated=negated) if isinstance(part, MetadataFilters) else _condition(part, negated=negated)
        for part in filters.filters
    ]
    return _all_of(name, parts, negated=negated)


def _condition(filter_: MetadataFilter, *, negated: bool) -> dict[str, Any]:
    operator, value = filter_.operator, filter_.value
    if operator in _MEMBERS:
        if not isinstance(value, list) or not value:
            raise QueryError(f"filters: {operator.name} on {filter_.key!r} takes a list that is not empty.")
        wanted = "$not_contains" if negated else "$contains"
        return _all_of(_MEMBERS[operator], [{filter_.key: {wanted: each}} for each in value], negated=negated)
    if operator not in _COMPARISONS:
        raise QueryError(f"filters: {operator.name} cannot be told to the index; {_WAYS_OUT[operator]}.")
    name = _COMPARISONS[operator]
    if negated and name not in _OPPOSITES:
        raise QueryError(f"filters: {operator.name} within NOT cannot be told to the index; write the opposite.")
    return {filter_.key: {_OPPOSITES[name] if negated else name: value}}


def _all_of(name: str, parts: list[dict[str, Any]], *, negated: bool) -> dict[str, Any]:
    """Parts, which are negated already, where `name` joins them if they are not."""
    return {_OPPOSITES[name] if negated else name: parts} if len(parts) > 1 else parts[0]
