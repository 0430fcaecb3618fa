"""What people write as metadata, in YAML or Python -> what an index stores, and what is left out of that."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from retrieval.types import CHUNK_KEYS, FILE_KEYS, MetadataValue, as_stored, clean_text

_MOST_KEYS = 200
_MOST_MEMBERS = 300
_LONGEST = 1_000
"""Keys, members of all lists together, and characters of a value. Every chunk of the document carries them."""

_MOST_STEPS = 10_000
"""A few lines of YAML with aliases stand for millions of values."""

_DEEPEST = 50
_NAMED = 5
_WHOLE = 1 << 63


class Plain(NamedTuple):
    """title     a document's, where the mapping has one
    metadata  as Document takes it
    left_out  names of what is not in it
    """

    title: str | None
    metadata: dict[str, MetadataValue]
    left_out: tuple[str, ...]

    def notice(self, what: str) -> str | None:
        """What to tell people of what is left out of `what`."""
        if not self.left_out:
            return None
        names = ", ".join(self.left_out[:_NAMED])
        more = f" and {len(self.left_out) - _NAMED:,} more" if len(self.left_out) > _NAMED else ""
        return f"{what} has values that no filter can find, too long or too many, or of an unknown kind: {names}{more}"


def plain_metadata(values: Mapping[Any, Any]) -> Plain:
    """What a mapping holds, in one level.

    A mapping inside becomes keys with dots, `author: {name: Ada}` "author.name"; a list of mappings a list under each
    such key. Lists inside lists become one. Dates become ISO strings, numbers beyond 64 bits strings, and so do members
    of different types. What is null or empty is no value. A name that the index uses itself gets an underscore behind
    it, "source_"; but a title is the document's.
    """
    title = _title(values.get("title"))
    walk = _Walk()
    for key, value in values.items():
        if key != "title" or title is None:
            walk.take(_name(key), value)
    metadata: dict[str, MetadataValue] = {}
    members = 0
    for key, leaf in walk.leaves.items():
        members += len(leaf.values) if leaf.is_list else 0
        if len(metadata) == _MOST_KEYS or (leaf.is_list and members > _MOST_MEMBERS):
            walk.left_out.append(key)
        else:
            metadata[key] = _of_one_type(leaf.values) if leaf.is_list else leaf.values[0]
    return Plain(title, metadata, tuple(dict.fromkeys(walk.left_out)))


@dataclass(slots=True)
class _Leaf:
    values: list[Any] = field(default_factory=list)
    is_list: bool = False


@dataclass(slots=True)
class _Walk:
    """Collects the values below each name."""

    leaves: dict[str, _Leaf] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    steps: int = 0

    def take(self, name: str, value: object, *, is_member: bool = False, level: int = 0) -> None:
        self.steps += 1
        if self.steps > _MOST_STEPS or len(name) > _LONGEST or level > _DEEPEST:
            self.left_out.append(name[:_LONGEST])
        elif isinstance(value, Mapping):
            for key, below in value.items():
                self.take(f"{name}.{clean_text(str(key))}", below, is_member=is_member, level=level + 1)
        elif isinstance(value, list | tuple | set | frozenset | np.ndarray):
            for member in _members(value):
                self.take(name, member, is_member=True, level=level + 1)
        elif value is not None:
            self._take_scalar(name, _scalar(value), is_member=is_member)

    def _take_scalar(self, name: str, value: object, *, is_member: bool) -> None:
        if value is None:
            self.left_out.append(name)
            return
        leaf = self.leaves.setdefault(name, _Leaf())
        leaf.values.append(value)
        leaf.is_list = leaf.is_list or is_member or len(leaf.values) > 1


def _members(value: Any) -> Iterable[Any]:
    """In an order that is the same in each process, as that of a set is not: it must not look like a change."""
    if isinstance(value, np.ndarray):
        return np.ravel(value)
    return sorted(value, key=str) if isinstance(value, set | frozenset) else value


def _scalar(value: object) -> str | int | float | bool | None:
    """None for what is too long, or of a kind that nothing stores."""
    value = as_stored(value)
    if isinstance(value, str):
        text = clean_text(value).strip()  # a block of YAML ends with a newline
        return text if len(text) <= _LONGEST else None
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_WHOLE <= value < _WHOLE else _scalar(str(value)) if value.bit_length() < _LONGEST else None
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return None


def _of_one_type(values: list[Any]) -> list[Any]:
    kinds = {type(value) for value in values}
    if len(kinds) == 1:
        return values
    return [float(value) for value in values] if kinds == {int, float} else [_written(value) for value in values]


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _name(key: object) -> str:
    name = clean_text(str(key))
    if name in CHUNK_KEYS or name in FILE_KEYS:
        return f"{name}_"
    return f"_{name}" if not name or name.startswith(("$", "#", "chroma:")) else name


def _title(value: object) -> str | None:
    value = None if isinstance(value, bool) else as_stored(value)
    return str(value).strip() or None if isinstance(value, str | int | float) else None
