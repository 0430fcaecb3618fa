"""Limits on filters where strangers may ask."""

from collections.abc import Iterator

import regex

from retrieval.errors import QueryError

MAX_PREFIXES = 100
"""Source prefixes of `within`."""

_DEEPEST = 10
"""Filters within filters."""

_MOST = 1_000
"""Conditions, each of which is evaluated for each chunk; the values of an `$in` count as one."""

_LARGEST = 2_000
"""Characters of all regular expressions of a filter, counted as _size does: some 3 MB once they are compiled."""

_CLASS = 20
"""What a class of characters, such as \\w, counts: it is compiled to a hundred times the memory of a letter."""

_PART = regex.compile(
    r"(?P<class>\\[pP](?:\{[^}]*\}|.)|\\[wWdDsS]|\[\^?+\]?+(?:\\.|[^]\\])*+\]|\])"
    r"|\{(?P<least>\d+)(?:,(?P<most>\d*))?\}|(?P<opening>\()|(?P<closing>\))|\\.|.",
    regex.DOTALL,
)


def check_filter(name: str, condition: object) -> None:
    """Raises QueryError for a filter so deeply nested that reading it would take all of the stack, or with so many
    conditions that answering it would take all of the time, or whose regular expressions would take all of the memory.
    `name` is the argument that it is given as."""
    level, conditions = [condition], 0
    for _ in range(2 * _DEEPEST):
        conditions += sum(not _inside(each) for value in level if isinstance(value, dict) for each in value.values())
        if conditions > _MOST:
            raise QueryError(f"{name}: at most {_MOST:,} conditions are read; ask for many values with one $in.")
        level = [below for value in level for below in _inside(value)]
    if level:
        raise QueryError(f"{name}: at most {_DEEPEST} levels of conditions are read; write it flatter.")
    patterns = list(_patterns(condition))
    if sum(map(len, patterns)) > _LARGEST or sum(map(_size, patterns)) > _LARGEST:
        raise QueryError(
            f"{name}: its regular expressions are too large: at most {_LARGEST:,} characters, where a class such as "
            f"\\w or [a-z] counts {_CLASS}, and what is repeated {{n}} times counts n times; repeat less, or with +."
        )


def _patterns(condition: object) -> Iterator[str]:
    """All regular expressions of a filter whose depth was checked."""
    if isinstance(condition, dict):
        for operator, operand in condition.items():
            if operator in ("$regex", "$not_regex") and isinstance(operand, str):
                yield operand
    for below in _inside(condition):
        yield from _patterns(below)


def _size(pattern: str) -> int:
    """How large a regular expression is with its counted repetitions written out; never less."""
    groups = [0]
    last = 0
    for part in _PART.finditer(pattern):
        if part["opening"]:
            groups.append(0)
            last = 0
        elif part["closing"]:
            last = groups.pop() if len(groups) > 1 else 0
            groups[-1] += last
        elif part["least"]:
            times = max(int(part["least"][:9]), int((part["most"] or "0")[:9]), 1)
            groups[-1] += last * (times - 1)
            last *= times
        else:
            last = _CLASS if part["class"] else 1
            groups[-1] += last
    return sum(groups)


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return [each for each in value if isinstance(each, dict | list)] if isinstance(value, list) else []
