"""What a condition of a filter may mean as well: its value in another kind, a period, a place that a chunk reaches.

A filter here is one of those that filters.compile_where takes.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import count
from typing import Any

from retrieval.filters import COMPARISONS
from retrieval.iso_times import following, microseconds
from retrieval.segments.column import Kind, Type
from retrieval.sheet_rows import ROW_END, ROW_START, SHEET, SHEETS
from retrieval.types import Scalar, as_stored

NEGATIVE = ("$ne", "$nin", "$not_contains")

_RANGES: Mapping[str, str] = {"page": "page_end", ROW_START: ROW_END, "line_start": "line_end"}
_TYPES: Mapping[type, Type] = {bool: "bool", float: "float", int: "int", str: "str"}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,16})(?P<fraction>\.[0-9]+)?")
_MOST = 30
"""Values of an $in that are written in other kinds: each costs a pass over the lists."""


def type_of(value: object) -> Type:
    return next((name for kind, name in _TYPES.items() if isinstance(value, kind)), "str")


def values_of(operand: object) -> list[Any]:
    """The value or values that a condition compares with, as the index stores them."""
    return [as_stored(value) for value in (operand if isinstance(operand, list) else [operand])]


def in_every_kind(kinds: Collection[Kind], field: str, operator: str, operand: object) -> dict[str, Any] | None:
    """The filter that holds the condition's value against values of each of these kinds, and a date against all that
    lies within it. None where the value can be written in none of them, or where there are more than _MOST."""
    values = values_of(operand)
    if len(values) > _MOST:
        return None
    own = type_of(values[0])
    singles = {kind.type for kind in kinds if not kind.listed}
    if {"int", "float"} <= singles:
        singles.discard("int" if own == "float" else "float")  # either finds both
    members = {kind.type for kind in kinds if kind.listed}
    parts: list[dict[str, Any]] = []
    for type_ in sorted(singles, key=lambda type_: (type_ != own, type_)):
        single = _number if type_ in ("int", "float") else _CONVERSIONS[type_]
        parts += _of_singles(field, operator, _converted(single, field, values), values)
    if operator not in COMPARISONS:
        name = "$not_contains" if operator in NEGATIVE else "$contains"
        for type_ in sorted(members, key=lambda type_: (type_ != own, type_)):
            parts += [{field: {name: value}} for value in _converted(_CONVERSIONS[type_], field, values)]
    if len(parts) < 2:
        return parts[0] if parts else None
    return {"$and" if operator in NEGATIVE else "$or": parts}


def reaching(known: Collection[str], field: str, operator: str, operand: object) -> dict[str, Any] | None:
    """The filter for the chunks that begin before the page, row, line or sheet that the condition names, and reach it,
    those that begin there included. None where it names none; `known` are the fields that there are."""
    value = as_stored(operand)
    if operator != "$eq":
        return None
    if field == SHEET and SHEETS in known and isinstance(value, str):
        return {"$or": [{SHEET: value}, {SHEETS: {"$contains": value}}]}
    end = _RANGES.get(field)
    if end not in known or type_of(value) != "int":
        return None
    return {"$and": [{field: {"$lte": value}}, {end: {"$gte": value}}]}


def with_conditions(where: Mapping[str, Any], new: Mapping[int, Mapping[str, Any]]) -> Mapping[str, Any]:
    """A filter with others in place of some conditions, by their numbers in filters.conditions, from 0."""
    numbers = count()

    def rebuilt(part: Mapping[str, Any]) -> Mapping[str, Any]:
        [(key, value)] = part.items()
        if key in ("$and", "$or"):
            return {key: [rebuilt(inner) for inner in value]}
        return new.get(next(numbers), part)

    return rebuilt(where) if new else where


def _of_singles(field: str, operator: str, found: Sequence[Scalar], values: Sequence[Any]) -> list[dict[str, Any]]:
    if not found:
        return []
    if operator in COMPARISONS:
        bound = found[0]
        ordered = not isinstance(bound, bool | str) or (isinstance(bound, str) and microseconds(bound) is not None)
        return [{field: {operator: bound}}] if ordered else []
    if operator in NEGATIVE:
        return [{field: {"$nin": [*found]} if len(found) > 1 else {"$ne": found[0]}}]
    if len(found) > 1:
        return [{field: {"$in": [*found]}}]
    text = values[0] if field == "modified" else found[0]
    if isinstance(text, str) and (end := following(text)) is not None:
        first, beyond = (_number(moment, field) if field == "modified" else moment for moment in (text, end))
        return [{"$and": [{field: {"$gte": first}}, {field: {"$lt": beyond}}]}]
    return [{field: found[0]}]


def _converted(convert: Callable[[Any, str], Scalar | None], field: str, values: Sequence[Any]) -> list[Scalar]:
    found = (convert(value, field) for value in values)
    return list(dict.fromkeys(value for value in found if value is not None))


def _number(value: object, field: str) -> int | float | None:
    """The number that a value is or spells; of a date, in the field that counts seconds since the epoch, these."""
    if isinstance(value, str) and field == "modified" and (moment := microseconds(value)) is not None:
        return moment // 1_000_000
    if isinstance(value, str) and (match := _NUMBER.fullmatch(value)):
        return float(value) if match["fraction"] else int(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _int(value: object, field: str) -> int | None:
    number = _number(value, field)
    return int(number) if number is not None and number == int(number) and -(2**63) <= number < 2**63 else None


def _float(value: object, field: str) -> float | None:
    number = _number(value, field)
    return None if number is None else float(number)


def _bool(value: object, _: str) -> bool | None:
    return {"true": True, "false": False, "1": True, "0": False}.get(_str(value, "").lower())


def _str(value: object, _: str) -> str:
    return value if isinstance(value, str) else json.dumps(value)


_CONVERSIONS: Mapping[Type, Callable[[Any, str], Scalar | None]] = {
    "bool": _bool, "float": _float, "int": _int, "str": _str,
}  # fmt: skip
