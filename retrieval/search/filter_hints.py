"""Why a filter finds less than was meant: it names a field, a value or a folder that there is not, values of another
type, or only some of the kinds that a field holds."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import chain, islice
from typing import Any

import numpy as np

from retrieval.filters import COMPARISONS, compile_where, conditions
from retrieval.search.filter_variants import NEGATIVE, in_every_kind, reaching, type_of, values_of, with_conditions
from retrieval.search.hint_texts import LONGEST, named, shown, written
from retrieval.search.nearest_values import values_instead
from retrieval.search.within_hints import folders_called, prefix_hint
from retrieval.segments.column import Type
from retrieval.segments.reader import IndexReader
from retrieval.sheet_rows import SHEET
from retrieval.types import as_stored

log = logging.getLogger(__name__)

_MOST = 5
_NEAREST = 3
_LISTED = 30
"""Hints, names that are alike, and names where none is."""

_EXAMINED = 30
"""How many conditions of a filter are looked at."""

_PLACES = ("page", SHEET)
"""Fields of which a chunk that only reaches the value is expected. By a row or a line a chunk is looked up again."""

_SOURCES = ("source", "folder")
"""Fields that are asked for a folder by mistake."""


def filter_hints(
    reader: IndexReader, where: Mapping[str, Any] | None, within: str | Sequence[str] | None = None
) -> list[str]:
    """One line for each condition that no chunk can decide, that finds less than the value it names, or, where no chunk
    passes the whole filter, that no chunk passes; none where there is nothing to find at all.

    where, within   as in HybridIndex.search. Raises QueryError for a `where` that cannot be read.
    """
    compile_where(where)
    if not reader.size:
        return []
    prefixes = [within] if isinstance(within, str) else within or []
    found = chain(
        _where_hints(reader, where) if where else (),
        (hint for prefix in prefixes if (hint := prefix_hint(reader, prefix))),
    )
    hints: dict[str, None] = {}
    for hint in found:
        hints[hint] = None
        if len(hints) == _MOST:
            break
    return list(hints)


def warn(
    reader: IndexReader, where: Mapping[str, Any] | None, within: str | Sequence[str] | None = None
) -> tuple[str, ...]:
    """Log what filter_hints has to say, and return it. Raises IndexDamagedError where values cannot be read."""
    with reader.explaining_damage():
        hints = tuple(filter_hints(reader, where, within))
    for hint in hints:
        log.warning("%s.", hint)
    return hints


def _where_hints(reader: IndexReader, where: Mapping[str, Any]) -> Iterator[str]:
    passing = _passing(reader, where)
    examined = list(islice(conditions(where), _EXAMINED))
    wider: dict[int, Mapping[str, Any]] = {}
    if len(examined) < _EXAMINED:  # each is tried in the whole filter: a long one would take seconds
        found = ((number, _wider(reader, *condition, passing=passing)) for number, condition in enumerate(examined))
        wider = {number: other for number, other in found if other is not None}
    quiet = True
    for number, condition in enumerate(examined):
        hint = _field_hint(reader, *condition)
        if hint is None and number in wider and _differs(reader, where, number, condition, wider):
            hint = _narrow_hint(reader, *condition, wider=wider[number])
        if hint is None and not passing:
            hint = _value_hint(reader, *condition)
        if hint:
            quiet = False
            yield hint
    if quiet and not passing:
        yield f"where: no chunk passes {written(where)} as a whole"


def _field_hint(reader: IndexReader, field: str, operator: str, operand: object) -> str | None:
    """That no chunk can decide a condition."""
    known = reader.metadata_kinds
    if field not in known:
        return f"where: no chunk has a field {shown(field)}; {_alike(field, known)}"
    value = values_of(operand)[0]
    type_ = type_of(value)
    singles = {kind.type for kind in known[field] if not kind.listed}
    members = {kind.type for kind in known[field] if kind.listed}
    meant = in_every_kind(known[field], field, operator, operand)
    ask = f"; ask with {written(meant)}" if meant else ""
    if operator in ("$contains", "$not_contains"):
        if type_ in members:
            return None
        if members:
            return f"where: the lists in {shown(field)} hold {named(members)}, and {shown(value)} is none of these{ask}"
        if meant and not _passing(reader, meant):
            instead = _instead(reader, field, [value])
            return f"where: {shown(field)} holds no lists, and no chunk has {shown(value)}{instead}"
        return f"where: {shown(field)} holds no lists{ask}"
    wanted: set[Type] = {"int", "float"} if type_ in ("int", "float") else {type_}
    if singles & wanted:
        return None
    if members & wanted and operator not in COMPARISONS:
        ask = written(meant) if meant else "$contains"
        return f"where: {shown(field)} holds lists, and a list equals nothing; ask for a member with {ask}"
    held = named(singles) if singles else f"lists of {named(members)}"
    return f"where: {shown(field)} holds {held}, which are never compared with {shown(value)}{ask}"


def _wider(
    reader: IndexReader, field: str, operator: str, operand: object, *, passing: int
) -> Mapping[str, Any] | None:
    """What finds all that a condition names; None where it does so itself."""
    known = reader.metadata_kinds
    other = in_every_kind(known.get(field, ()), field, operator, operand)
    if other is None or other in ({field: {operator: operand}}, {field: operand}):
        other = reaching(known, field, operator, operand) if field in _PLACES or not passing else None
    return other


def _differs(
    reader: IndexReader,
    where: Mapping[str, Any],
    number: int,
    condition: tuple[str, str, Any],
    wider: Mapping[int, Mapping[str, Any]],
) -> bool:
    """Whether other chunks pass with what is wider in place of the condition of this number: as the filter stands, or
    with all the others wider too; or, where no chunk passes filter or condition, alone."""
    field, operator, operand = condition
    own = {number: wider[number]}
    others = {other: wider[other] for other in wider if other != number}
    pairs = [(where, with_conditions(where, own))]
    if others:
        pairs.append((with_conditions(where, others), with_conditions(where, others | own)))
    alone = {field: {operator: operand}}
    if not _passing(reader, where) and not _passing(reader, alone):
        pairs.append((alone, wider[number]))
    return any(_passing(reader, narrow) != _passing(reader, wide) for narrow, wide in pairs)


def _narrow_hint(reader: IndexReader, field: str, operator: str, operand: object, *, wider: Mapping[str, Any]) -> str:
    """That a condition finds less than what it names."""
    kinds = reader.metadata_kinds[field]
    if wider == reaching(reader.metadata_kinds, field, operator, operand):
        return (
            f"where: {shown(field)} is where a chunk begins; those that begin before {shown(operand)} and reach it are "
            f"found with {written(wider)}"
        )
    if "$and" in wider and operator not in NEGATIVE:
        return f"where: {shown(operand)} equals no date or time within it; ask with {written(wider)}"
    *others, last = (named([kind.type], listed=kind.listed) for kind in sorted(kinds))
    return f"where: {shown(field)} holds {', '.join(others)} and {last}; what sees all of them is {written(wider)}"


def _value_hint(reader: IndexReader, field: str, operator: str, operand: object) -> str | None:
    """That no chunk passes a condition, and what values there are."""
    if _passing(reader, {field: {operator: operand}}):
        return None
    if operator in NEGATIVE or operator in COMPARISONS:
        return f"where: no chunk passes {written({field: {operator: operand}})}{_instead(reader, field, [])}"
    asked = written(operand) if isinstance(operand, list) else shown(as_stored(operand))
    return f"where: no chunk has {asked} in {shown(field)}{_instead(reader, field, values_of(operand))}"


def _passing(reader: IndexReader, where: Mapping[str, Any]) -> int:
    """How many chunks pass a filter."""
    mask = reader.select(where, None)
    return reader.size if mask is None else int(np.count_nonzero(mask))


def _instead(reader: IndexReader, field: str, values: Sequence[Any]) -> str:
    """What there is in place of values of a condition that no chunk passes: the end of a hint, or ""."""
    there = values_instead(reader, field, values)
    below = [folder for value in values[:1] if field in _SOURCES for folder in folders_called(reader, str(value))]
    ends = (there, below and f"`within` finds what lies below {', '.join(map(shown, below))}")
    return "".join(f"; {end}" for end in ends if end)


def _alike(name: str, known: Collection[str]) -> str:
    by_lower = {other.lower(): other for other in known}
    near = [by_lower[other] for other in get_close_matches(name.lower()[:LONGEST], by_lower, n=_NEAREST, cutoff=0.6)]
    bare = name.rpartition(".")[2]  # as in "metadata.author"
    near += [other for other in sorted(known) if other.startswith(f"{name}.") or other in (f"{name}_", bare)][:_NEAREST]
    if near:
        return f"the nearest: {', '.join(map(shown, dict.fromkeys(near)))}"
    names = sorted(known)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"there are {', '.join(shown(name)[1:-1] for name in names[:_LISTED])}{more}"
