"""How values, filters and types are written in hints."""

import json
from collections.abc import Collection, Mapping

from retrieval.segments.column import Type
from retrieval.types import as_stored, clean_text

LONGEST = 100
"""Characters of a value."""

_LONGEST_FILTER = 300
_PLURALS: Mapping[Type, str] = {"bool": "bools", "float": "floats", "int": "ints", "str": "strings"}


def shown(value: object) -> str:
    """A string in quotes, another value as JSON, cut beyond LONGEST characters."""
    return _cut(repr(clean_text(value)) if isinstance(value, str) else written(value), LONGEST)


def written(value: object) -> str:
    """JSON of a filter, or of its values, which can be pasted; cut where it is very long."""
    return _cut(json.dumps(value, ensure_ascii=False, default=as_stored), _LONGEST_FILTER)


def named(types: Collection[Type], *, listed: bool = False) -> str:
    """ "ints and strings", "lists of ints"."""
    return ("lists of " if listed else "") + " and ".join(_PLURALS[type_] for type_ in sorted(types))


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}..."
