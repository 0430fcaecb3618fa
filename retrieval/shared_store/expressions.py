"""Filters as Milvus's expressions. What an expression lets through is at least what the filter does.

The filter itself decides, over the rows that were fetched (retrieval.filters). So what Milvus cannot say exactly, in
all of its versions, is not said: strings with line breaks, numbers that a double does not hold, values that are not
there, dates in strings.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from retrieval.types import as_stored

_EXACT = 2**53
"""Below it, a double holds every whole number."""

_MOST = 1000
"""Values of an $in that are sent."""

_COMPARISONS = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}


def text(value: str) -> str | None:
    """A string as a literal; None where there is none for it."""
    if any(character < " " or character == "\x7f" for character in value):
        return None
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def among(field: str, values: Iterable[str]) -> str:
    """Whether a field is one of these strings, all of which are ids or numbers of ours."""
    return f"{field} in [{', '.join(json.dumps(value) for value in values)}]"


def none_of(field: str, values: Iterable[str]) -> str:
    """Whether a field is none of these strings."""
    return among(field, values).replace(" in ", " not in ", 1)


def every(parts: Iterable[str | None]) -> str:
    """All of these that say something."""
    return " and ".join(f"({part})" for part in parts if part)


def matching(where: Mapping[str, Any] | None) -> str | None:
    """Chroma's `where`, which was compiled before; None where nothing can be said."""
    if not where:
        return None
    [(key, value)] = where.items()
    if key in ("$and", "$or"):
        parts = [matching(part) for part in value]
        if key == "$and":
            return every(parts) or None
        return " or ".join(f"({part})" for part in parts) if None not in parts else None
    path = text(key)
    if path is None or not key or "/" in key or "~" in key:
        return None
    operator, operand = next(iter(value.items())) if isinstance(value, Mapping) else ("$eq", value)
    return _condition(f"metadata[{path}]", operator, operand)


def containing(where_document: Mapping[str, Any] | None) -> str | None:
    """Chroma's `where_document`, which was compiled before; None where nothing can be said."""
    if not where_document:
        return None
    [(key, value)] = where_document.items()
    if key == "$and":
        return every(containing(part) for part in value) or None
    if key != "$contains" or any(character in value for character in "%_\\"):
        return None
    inner = text(f"%{value}%")
    return f"text like {inner}" if inner else None


def beginning(field: str, prefixes: str | Sequence[str] | None) -> str | None:
    """Whether a field begins so, or so: strings are in the order of their code points."""
    if prefixes is None:
        return None
    ranges = []
    for prefix in [prefixes] if isinstance(prefixes, str) else prefixes:
        first, last = text(prefix), text(prefix + "\U0010ffff")
        if first is None or last is None:
            return None
        ranges.append(f"({field} >= {first} and {field} <= {last})")
    return " or ".join(ranges)


def _condition(field: str, operator: str, operand: Any) -> str | None:
    if operator in _COMPARISONS:
        bound = as_stored(operand)
        literal = None if isinstance(bound, str | bool) else _literal(bound)
        return f"{field} {_COMPARISONS[operator]} {literal}" if literal else None
    if operator == "$eq":
        literal = _literal(as_stored(operand))
        return f"{field} == {literal}" if literal else None
    if operator == "$in" and len(operand) <= _MOST:
        literals = [_literal(as_stored(each)) for each in operand]
        known = [literal for literal in literals if literal]
        return f"{field} in [{', '.join(known)}]" if len(known) == len(literals) else None
    if operator == "$contains":
        value = as_stored(operand)
        literal = _literal(value) if isinstance(value, str | int) else None
        return f"json_contains({field}, {literal})" if literal else None
    return None


def _literal(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int):
        return str(value) if abs(value) < _EXACT else None
    written = repr(float(value))
    return written if abs(value) < _EXACT and "e" not in written else None
