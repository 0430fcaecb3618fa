"""Limits on filters where strangers may ask."""

from retrieval.errors import QueryError

MAX_PREFIXES = 100
"""Source prefixes of `within`."""

_DEEPEST = 10
"""Filters within filters."""

_MOST = 1_000
"""Conditions, each of which is evaluated for each chunk; the values of an `$in` count as one."""


def check_filter(name: str, condition: object) -> None:
    """Raises QueryError for a filter so deeply nested that reading it would take all of the stack, or with so many
    conditions that answering it would take all of the time. `name` is the argument that it is given as."""
    level, conditions = [condition], 0
    for _ in range(2 * _DEEPEST):
        conditions += sum(not _inside(each) for value in level if isinstance(value, dict) for each in value.values())
        if conditions > _MOST:
            raise QueryError(f"{name}: at most {_MOST:,} conditions are read; ask for many values with one $in.")
        level = [below for value in level for below in _inside(value)]
    if level:
        raise QueryError(f"{name}: at most {_DEEPEST} levels of conditions are read; write it flatter.")


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return [each for each in value if isinstance(each, dict | list)] if isinstance(value, list) else []
