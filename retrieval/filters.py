"""Chroma's `where` and `where_document`, compiled into predicates over columns of metadata and over a text.

The syntax, what it refuses and what it selects are those of `collection.get` in embedded Chroma 1.5.9, as observed:

    number        an int equals the float of the same value (5 and 5.0); a bool is no number, a string neither
    missing key   satisfies $ne, $nin and $not_contains, and nothing else
    $contains     on a field asks for a member of a list, of the same type: 5 is no member of [5.0], and nothing is a
                  member of what is no list
    list          equals and exceeds nothing: it satisfies $ne, $nin, $contains and $not_contains alone
    text          is compared by code point: case, accents and normal form all count
    $regex        is the Rust `regex` crate's, unanchored and Unicode-aware, linear in the text, without look-around or
                  back-references

It differs where Chroma's SQL gives an answer that its own syntax does not mean:

    - Chroma truncates a float before it compares it with an int field: there {"year": 1999.5} matches 1999,
      {"year": {"$gte": 1999.5}} matches 1999 and {"year": {"$lt": 1999.5}} does not. And it rounds an int beyond 2**53
      before it compares it with a float field. Here numbers compare by value.
    - Chroma refuses to order strings. Here those that are ISO dates or times are ordered in time, and a date that is
      compared with passes over all others.
    - Chroma cuts the string of a $contains at its first NUL. No stored text has a NUL, so here it holds nowhere.
    - Chroma fails on some 1,000 alternatives in one $or and 40,000 values in one $in. Here there is no such limit.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic_core import SchemaError, SchemaValidator, core_schema

from retrieval.errors import QueryError
from retrieval.iso_times import microseconds
from retrieval.time_limit import check_time
from retrieval.types import Scalar, as_stored

T = TypeVar("T")
Comparison = Literal["$gt", "$gte", "$lt", "$lte"]
Mask = NDArray[np.bool_]


class FilterColumns(Protocol):
    """What a filter asks of the metadata of n rows. Each answer is a bool [n] that belongs to the caller."""

    @property
    def size(self) -> int: ...

    def equal(self, field: str, values: Collection[Scalar]) -> Mask:
        """The rows whose value in `field` is one of `values`, all of one type."""
        ...

    def compare(self, field: str, comparison: Comparison, bound: float) -> Mask:
        """The rows whose value in `field` is a number greater (less) than `bound`."""
        ...

    def compare_times(self, field: str, comparison: Comparison, bound: int) -> Mask:
        """The rows whose value in `field` is an ISO date or time after (before) `bound`, in microseconds since the
        epoch."""
        ...

    def contains(self, field: str, value: Scalar) -> Mask:
        """The rows whose list in `field` has `value` as a member, of the same type."""
        ...


RowPredicate = Callable[[FilterColumns], Mask]
TextPredicate = Callable[[str], bool]

COMPARISONS: Mapping[str, Comparison] = {name: name for name in get_args(Comparison)}
_FIELD_OPERATORS = ("$eq", "$ne", *COMPARISONS, "$in", "$nin", "$contains", "$not_contains")
_DOCUMENT_OPERATORS = ("$contains", "$not_contains", "$regex", "$not_regex")
_DOCUMENT_KEYS = ("#document", "chroma:document")
_DEEPEST = 63  # one level more and Chroma's parser gives up


def compile_where(where: Mapping[str, object] | None) -> RowPredicate:
    """A predicate over columns of metadata: which rows satisfy `where`? It answers bool [n].

    where   Chroma's metadata filter: {"field": value}, {"field": {"$gt": 1}}, {"$and": [...]}, {"$or": [...]}; None and
            {} hold for every chunk. Operators: $eq $ne $gt $gte $lt $lte $in $nin $contains $not_contains. Values may
            also be dates, datetimes and scalars of numpy.

    Raises QueryError for what Chroma refuses too.
    """
    if where is None or where == {}:
        return _every_row
    return _compile(where, name="where", condition=_field_condition, joined=_joined_masks)


def compile_where_document(where_document: Mapping[str, object] | None) -> TextPredicate:
    """A predicate over a chunk's text: does it satisfy `where_document`?

    where_document   Chroma's document filter: {"$contains": "rain"}, {"$regex": "(?i)rain"}, $not_contains, $not_regex,
                     and $and and $or over lists of these; None and {} hold for every chunk.

    Raises QueryError for what Chroma refuses too.
    """
    if where_document is None or where_document == {}:
        return _always
    return _compile(where_document, name="where_document", condition=_document_condition, joined=_joined_answers)


def _every_row(columns: FilterColumns) -> Mask:
    return np.ones(columns.size, np.bool_)


def _always(_: str) -> bool:
    return True


def _compile(
    expression: object,
    *,
    name: str,
    condition: Callable[[str, object], T],
    joined: Callable[[str, Sequence[T]], T],
    depth: int = 0,
) -> T:
    """The predicate of one expression: `joined` makes one of the parts of an $and or $or, `condition` one of a leaf."""
    if depth > _DEEPEST:
        raise QueryError(f"{name}: nested deeper than {_DEEPEST} levels; put the conditions into one $and or $or.")
    key, value = _only_item(expression, where=name)
    if key not in ("$and", "$or"):
        return condition(key, value)
    if not isinstance(value, list) or len(value) < 2:
        raise QueryError(
            f"{name}: {key} takes a list of two or more expressions, got {value!r}; write one alone as it is."
        )
    parts = [_compile(part, name=name, condition=condition, joined=joined, depth=depth + 1) for part in value]
    return joined(key, parts)


def _joined_masks(key: str, parts: Sequence[RowPredicate]) -> RowPredicate:
    combine = np.logical_and if key == "$and" else np.logical_or

    def predicate(columns: FilterColumns) -> Mask:
        mask = parts[0](columns)
        for part in parts[1:]:
            check_time()
            combine(mask, part(columns), out=mask)  # one mask at a time: there may be thousands of parts
        return mask

    return predicate


def _joined_answers(key: str, parts: Sequence[TextPredicate]) -> TextPredicate:
    if key == "$and":
        return lambda text: all(part(text) for part in parts)
    return lambda text: any(part(text) for part in parts)


def _only_item(expression: object, *, where: str) -> tuple[str, object]:
    """The single key of an expression, and its value."""
    if not isinstance(expression, Mapping):
        raise QueryError(f"{where}: expected an object such as {{name: value}}, got {expression!r}.")
    if len(expression) != 1:
        raise QueryError(
            f"{where}: expected exactly one key, got {dict(expression)!r}; join conditions with "
            '{"$and": [{...}, {...}]}.'
        )
    [(key, value)] = expression.items()
    if not isinstance(key, str):
        raise QueryError(f"{where}: keys are strings, got {key!r}.")
    return key, value


def _field_condition(key: str, value: object) -> RowPredicate:
    if key in _DOCUMENT_KEYS:
        raise QueryError(f"where: {key} is the chunk's text, not a field; use where_document.")
    if key.startswith("$"):
        raise QueryError(
            f"where: {key} cannot stand in place of a field; here only $and and $or can. Write "
            f'{{"field": {{"{key}": ...}}}}.'
        )
    if not isinstance(value, Mapping):
        return _equal(key, [_scalar(value, where=f"where: field {key!r}")], negated=False)

    name, operand = _only_item(value, where=f"where: field {key!r}")
    where = f"where: {name} on field {key!r}"
    if comparison := COMPARISONS.get(name):
        return _ordered(key, comparison, as_stored(operand), where=where)
    if name in ("$in", "$nin"):
        return _equal(key, _scalars(operand, where=where), negated=name == "$nin")
    if name in ("$eq", "$ne"):
        return _equal(key, [_scalar(operand, where=where)], negated=name == "$ne")
    if name in ("$contains", "$not_contains"):
        return _contains(key, _scalar(operand, where=where), negated=name == "$not_contains")
    raise QueryError(f"where: unknown operator {name} on field {key!r}; there are {', '.join(_FIELD_OPERATORS)}.")


def _document_condition(name: str, operand: object) -> TextPredicate:
    if name not in _DOCUMENT_OPERATORS:
        raise QueryError(
            f"where_document: unknown operator {name}; there are {', '.join(_DOCUMENT_OPERATORS)}, $and and $or."
        )
    where = f"where_document: {name}"
    if not isinstance(operand, str) or not operand:
        raise QueryError(f"{where} takes a string that is not empty, got {operand!r}.")
    wanted = _text(operand, where=where)
    if name.endswith("regex"):
        condition = _regex(wanted, where=where)
    else:

        def condition(text: str) -> bool:
            return wanted in text

    return (lambda text: not condition(text)) if name.startswith("$not_") else condition


def _regex(pattern: str, *, where: str) -> TextPredicate:
    """Whether the Rust `regex` crate, which Chroma uses and pydantic too, finds the pattern in a text."""
    check_time()
    try:
        validator = SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
    except SchemaError as error:
        cause = str(error).splitlines()[-1].strip().removeprefix("SchemaError: ").removeprefix("error: ")
        raise QueryError(f"{where}: {pattern!r} is not a pattern of Rust's regex crate: {cause.rstrip('.')}.") from None
    return validator.isinstance_python


def _ordered(key: str, comparison: Comparison, operand: object, *, where: str) -> RowPredicate:
    moment = microseconds(operand) if isinstance(operand, str) else None
    if moment is not None:
        return lambda columns: columns.compare_times(key, comparison, moment)
    bound = _number(operand, where=where)
    return lambda columns: columns.compare(key, comparison, bound)


def conditions(where: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """The field, operator and operand of each condition of a filter that can be compiled."""
    for key, value in where.items():
        if key in ("$and", "$or"):
            yield from (condition for part in value for condition in conditions(part))
        elif isinstance(value, Mapping):
            yield from ((key, operator, operand) for operator, operand in value.items())
        else:
            yield key, "$eq", value


def _equal(key: str, values: Collection[Scalar], *, negated: bool) -> RowPredicate:
    def predicate(columns: FilterColumns) -> Mask:
        return _negated(columns.equal(key, values), negated)

    return predicate


def _contains(key: str, value: Scalar, *, negated: bool) -> RowPredicate:
    def predicate(columns: FilterColumns) -> Mask:
        return _negated(columns.contains(key, value), negated)

    return predicate


def _negated(mask: Mask, negated: bool) -> Mask:
    return np.logical_not(mask, out=mask) if negated else mask


def _scalars(operand: object, *, where: str) -> list[Scalar]:
    if not isinstance(operand, list) or not operand:
        raise QueryError(f"{where} takes a list that is not empty, got {operand!r}.")
    operand = [as_stored(value) for value in operand]
    if len({type(value) for value in operand}) > 1:
        raise QueryError(f"{where} takes values of one type, got {operand!r}; write 5.0 for 5 beside floats.")
    return [_scalar(value, where=where) for value in operand]


def _scalar(value: object, *, where: str) -> Scalar:
    value = as_stored(value)
    if isinstance(value, str):
        return _text(value, where=where)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(value, where=where)
    raise QueryError(f"{where} takes a string, int, float or bool, got {value!r} ({type(value).__name__}).")


def _number(value: object, *, where: str) -> int | float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise QueryError(f"{where} takes a number or an ISO date, got {value!r}; nothing else has an order here.")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise QueryError(f"{where}: {value} does not fit into 64 bits; write it as a float.")
    if not math.isfinite(value):
        raise QueryError(f"{where}: {value} cannot be stored, so nothing compares with it; leave the condition out.")
    return value


def _text(value: str, *, where: str) -> str:
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise QueryError(f"{where}: {value!r} has half of a surrogate pair, which no text has; correct its encoding.")
    return value
