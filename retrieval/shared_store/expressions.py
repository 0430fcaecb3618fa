"""Filters as Milvus's expressions. What an expression lets through is at least what the filter does.

The filter itself decides, over the rows that were fetched (retrieval.filters). So what Milvus cannot say exactly, in
all of its versions, is said more widely, or not at all.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from retrieval.iso_times import microseconds
from retrieval.types import as_stored

_EXACT = 2**53
"""Below it, a double holds every whole number."""

_MOST = 1000
"""Values of an $in that are sent."""

_DEEPEST = 30
"""Levels of an expression; Milvus reads some 48."""

_LONGEST = 200_000
"""Characters of an expression that is sent."""

_COMPARISONS = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZONES = timedelta(days=2)
"""More than the dates of one moment differ between any two time zones."""

UNEQUAL = " and ".join(f'metadata["{key}"] {test}' for key in ("#", "source") for test in ("!= 1", "not in [1]"))
"""Lets through all rows of a server that takes values which are not there (no key begins so), or of another type, for
unequal, as Chroma does; from 2.6.19 on, Milvus does not."""


class _Said(NamedTuple):
    """An expression, and how many levels of conjunctions and alternatives it has."""

    text: str
    depth: int = 0


def text(value: str) -> str | None:
    """A string as a literal; None where there is none for it: versions differ in how they read control characters."""
    return _quoted(value) if value == _without_controls(value, "") else None


def among(field: str, values: Iterable[str]) -> str:
    """Whether a field is one of these strings, all of which are ids or numbers of ours."""
    return f"{field} in [{', '.join(json.dumps(value) for value in values)}]"


def none_of(field: str, values: Iterable[str]) -> str:
    """Whether a field is none of these strings."""
    return among(field, values).replace(" in ", " not in ", 1)


def every(parts: Iterable[str | None]) -> str:
    """All of these that say something."""
    return " and ".join(f"({part})" for part in parts if part)


def matching(where: Mapping[str, Any] | None, *, negates: bool = False) -> str | None:
    """Chroma's `where`, which was compiled before; None where nothing can be said.

    negates   whether `UNEQUAL` lets rows through, so that $ne and $nin can be said
    """
    return _text_of(_tree(where, lambda key, value: _condition(key, value, negates=negates)))


def containing(where_document: Mapping[str, Any] | None) -> str | None:
    """Chroma's `where_document`, which was compiled before; None where nothing can be said."""
    return _text_of(_tree(where_document, _text_condition))


def beginning(field: str, prefixes: str | Sequence[str] | None) -> str | None:
    """Whether a field begins so, or so: strings are in the order of their code points."""
    if prefixes is None:
        return None
    ranges = []
    for prefix in [prefixes] if isinstance(prefixes, str) else prefixes:
        sayable = _without_controls(prefix, "\0").partition("\0")[0]
        first, last = _quoted(sayable), _quoted(sayable + "\U0010ffff")
        ranges.append(_Said(f"({field} >= {first} and {field} <= {last})", 1) if sayable else None)
    return _text_of(_joined("or", ranges))


def _text_of(said: _Said | None) -> str | None:
    return said.text if said is not None and len(said.text) <= _LONGEST else None


def _tree(expression: Mapping[str, Any] | None, condition: Callable[[str, Any], _Said | None]) -> _Said | None:
    if not expression:
        return None
    [(key, value)] = expression.items()
    if key not in ("$and", "$or"):
        return condition(key, value)
    return _joined(key[1:], [_tree(part, condition) for part in value])


def _joined(word: str, parts: Sequence[_Said | None]) -> _Said | None:
    """A tree of the parts, no deeper than need be: of conditions in a row, Milvus would read a few dozen alone."""
    known = [part for part in parts if part is not None and part.depth < _DEEPEST]
    if not known or (word == "or" and len(known) < len(parts)):
        return None
    while len(known) > 1:
        pairs = [known[at : at + 2] for at in range(0, len(known), 2)]
        known = [
            _Said(f"({pair[0].text} {word} {pair[1].text})", 1 + max(part.depth for part in pair))
            if len(pair) == 2
            else pair[0]
            for pair in pairs
        ]
    return known[0]


def _condition(key: str, value: Any, *, negates: bool) -> _Said | None:
    path = text(key)
    if path is None or "/" in key or "~" in key:  # JSON pointers escape these, and versions differ
        return None
    field = f"metadata[{path}]"
    operator, operand = next(iter(value.items())) if isinstance(value, Mapping) else ("$eq", value)
    if operator in _COMPARISONS:
        return _ordered(field, operator, as_stored(operand))
    if operator in ("$eq", "$in"):
        return _one_of(field, operand if operator == "$in" else [operand])
    if operator in ("$ne", "$nin"):
        return _said_if(negates, _other_than(field, operand if operator == "$nin" else [operand]))
    if operator == "$contains":
        literal = _literal(value) if not _is_rounded(value := as_stored(operand)) else None
        return _said_if(literal is not None, f"json_contains({field}, {literal})")
    return None


def _text_condition(operator: str, value: str) -> _Said | None:
    """A wildcard stands for each character that has a meaning in a pattern."""
    pattern = "".join("_" if character in "%_\\" else character for character in _without_controls(value, "_"))
    return _said_if(operator == "$contains" and pattern.strip("_") != "", f"text like {_quoted(f'%{pattern}%')}")


def _one_of(field: str, operands: Sequence[Any]) -> _Said | None:
    if len(operands) > _MOST:
        return None
    values = [as_stored(operand) for operand in operands]
    literals = [_literal(value) for value in values]
    known = [literal for literal in literals if literal is not None]
    listed = f"{field} in [{', '.join(known)}]" if len(known) > 1 else f"{field} == {''.join(known)}"
    others = [_like(field, value) for value, literal in zip(values, literals, strict=True) if literal is None]
    return _joined("or", [*([_Said(listed)] if known else []), *others])


def _other_than(field: str, operands: Sequence[Any]) -> str | None:
    """Of those values that a double holds: others may be taken for their neighbours."""
    if len(operands) > _MOST:
        return None
    values = [value for operand in operands if not _is_rounded(value := as_stored(operand))]
    known = [literal for value in values if (literal := _literal(value)) is not None]
    if not known:
        return None
    return f"{field} not in [{', '.join(known)}]" if len(known) > 1 else f"{field} != {known[0]}"


def _like(field: str, value: Any) -> _Said | None:
    """A string with control characters, any of which may stand in their places."""
    if not isinstance(value, str) or any(character in value for character in "%_\\"):
        return None
    pattern = _without_controls(value, "%")
    return _said_if(pattern.strip("%") != "", f"{field} like {_quoted(pattern)}")


def _ordered(field: str, operator: str, bound: Any) -> _Said | None:
    """Where numbers are rounded, order is not lost but may become equality."""
    word = _COMPARISONS[operator]
    if isinstance(bound, str):
        return _in_time(field, word, bound)
    literal = _literal(bound)
    return _said_if(literal is not None, f"{field} {word[0] + '=' if _is_rounded(bound) else word} {literal}")


def _in_time(field: str, word: str, bound: str) -> _Said | None:
    """Strings by their dates, from some days before, or until some days after."""
    moment = microseconds(bound)
    if moment is None:
        return None
    try:
        there = _EPOCH + timedelta(microseconds=moment) + (-_ZONES if word[0] == ">" else _ZONES)
    except OverflowError:
        return None
    return _Said(f'{field} {word[0]}= "{there.date().isoformat()}"')


def _is_rounded(value: Any) -> bool:
    return not isinstance(value, str | bool) and abs(value) >= _EXACT


def _literal(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 2**63 else None
    digits = format(Decimal(repr(value)), "f")
    return digits if "." in digits else f"{digits}.0"


def _said_if(holds: bool, said: str | None) -> _Said | None:
    return _Said(said) if holds and said is not None else None


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _without_controls(value: str, instead: str) -> str:
    return "".join(instead if character < " " or character == "\x7f" else character for character in value)
