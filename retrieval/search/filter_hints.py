"""Why a filter finds less than was meant: it names a field or a folder that there is not, or values of another type."""

import json
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import accumulate, chain, islice
from typing import Any

from retrieval.filters import COMPARISONS, compile_where, conditions
from retrieval.search.within import within as rows_within
from retrieval.segments.column import Kind, Type
from retrieval.segments.reader import IndexReader
from retrieval.types import as_stored, clean_text

log = logging.getLogger(__name__)

_MOST = 5
_NEAREST = 3
_LISTED = 30
_LONGEST = 100
"""Hints, names that are alike, names where none is, and characters of a value."""

_SOURCES = 20_000
_FOLDERS = 2_000
"""Looked through for one that is like a prefix."""

_PLURALS: Mapping[Type, str] = {"bool": "bools", "float": "floats", "int": "ints", "str": "strings"}
_TYPES: Mapping[type, Type] = {bool: "bool", float: "float", int: "int", str: "str"}


def filter_hints(
    reader: IndexReader, where: Mapping[str, Any] | None, within: str | Sequence[str] | None = None
) -> list[str]:
    """One line for each condition that no chunk can decide; none where there is nothing to find at all. A value that
    does not occur, in a field of its type, is no mistake.

    where, within   as in HybridIndex.search. Raises QueryError for a `where` that cannot be read.
    """
    compile_where(where)
    if not reader.size:
        return []
    prefixes = [within] if isinstance(within, str) else within or []
    found = chain(
        (hint for condition in conditions(where or {}) if (hint := _field_hint(reader.metadata_kinds, *condition))),
        (_prefix_hint(reader, prefix) for prefix in prefixes if not _any_within(reader, prefix)),
    )
    return list(islice(dict.fromkeys(found), _MOST))


def warn(
    reader: IndexReader, where: Mapping[str, Any] | None, within: str | Sequence[str] | None = None
) -> tuple[str, ...]:
    """Log what filter_hints has to say, and return it."""
    hints = tuple(filter_hints(reader, where, within))
    for hint in hints:
        log.warning("%s.", hint)
    return hints


def _field_hint(known: Mapping[str, Collection[Kind]], field: str, operator: str, operand: object) -> str | None:
    if field not in known:
        return f"where: no chunk has a field {_shown(field)}; {_alike(field, known)}"
    value = as_stored(operand[0] if isinstance(operand, list) else operand)
    type_: Type = next((name for kind, name in _TYPES.items() if isinstance(value, kind)), "str")
    singles = {kind.type for kind in known[field] if not kind.listed}
    members = {kind.type for kind in known[field] if kind.listed}
    if operator in ("$contains", "$not_contains"):
        if type_ in members:
            return None
        if members:
            return f"where: the lists in {_shown(field)} hold {_named(members)}, and {_shown(value)} is none of these"
        return f"where: {_shown(field)} holds no lists; ask with {_written({field: value})}"
    wanted: set[Type] = {"int", "float"} if type_ in ("int", "float") else {type_}
    if singles & wanted:
        return None
    if members & wanted and operator not in COMPARISONS:
        return (
            f"where: {_shown(field)} holds lists, and a list equals nothing; ask for a member with "
            f"{_written({field: {'$contains': value}})}"
        )
    held = _named(singles) if singles else f"lists of {_named(members)}"
    return f"where: {_shown(field)} holds {held}, which are never compared with {_shown(value)}"


def _alike(name: str, known: Collection[str]) -> str:
    by_lower = {other.lower(): other for other in known}
    near = [by_lower[other] for other in get_close_matches(name.lower()[:_LONGEST], by_lower, n=_NEAREST, cutoff=0.6)]
    near += [other for other in sorted(known) if other.startswith(f"{name}.") or other == f"{name}_"][:_NEAREST]
    if near:
        return f"the nearest: {', '.join(map(_shown, dict.fromkeys(near)))}"
    names = sorted(known)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"there are {', '.join(_shown(name)[1:-1] for name in names[:_LISTED])}{more}"


def _any_within(reader: IndexReader, prefix: str) -> bool:
    mask = rows_within(reader, prefix)
    return mask is None or bool(mask.any())


def _prefix_hint(reader: IndexReader, prefix: str) -> str:
    folders = list(_folders(reader))
    end = f"/{prefix.strip('/').lower()}"
    near = [folder for folder in folders if f"/{folder}".lower().rstrip("/").endswith(end)][:_NEAREST]
    near = near or get_close_matches(prefix[:_LONGEST], folders[:_FOLDERS], n=_NEAREST, cutoff=0.6)
    if near:
        return f"within: no source begins with {_shown(prefix)}; the nearest: {', '.join(map(_shown, near))}"
    tops = [folder for folder in folders if folder.count("/") == 1][:_NEAREST]
    there = f"; they begin with {', '.join(map(_shown, tops))}" if tops else ""
    return f"within: no source begins with {_shown(prefix)}{there}"


def _folders(reader: IndexReader) -> Iterator[str]:
    """Those that sources lie in, sorted, with "/" at the end of each."""
    sources = chain.from_iterable(segment.columns.strings("source") for segment in reader.segments)
    found: set[str] = set()
    for source in islice(sources, _SOURCES):
        found.update(accumulate(f"{part}/" for part in source.split("/")[:-1]))
    yield from sorted(found)


def _named(types: Collection[Type]) -> str:
    return " and ".join(_PLURALS[type_] for type_ in sorted(types))


def _shown(value: object) -> str:
    text = repr(clean_text(value)) if isinstance(value, str) else _written(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[: 2 * _LONGEST]
