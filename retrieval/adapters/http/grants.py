"""What a request may do: who asks, how much, of which indexes, and which documents there are for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

Scope = Literal["read", "write", "admin"]
"""Each includes those before it."""

_RANKS = {scope: rank for rank, scope in enumerate(get_args(Scope))}

GRANT = "retrieval.grant"
"""Key of the ASGI scope for the grant of a request."""


@dataclass(frozen=True, slots=True)
class Grant:
    """name      what logs call whoever asks
    scope
    where     the filter that a document passes which there is for it; None for all
    indexes   the names of the indexes that there are for it; None for all
    """

    name: str
    scope: Scope
    where: Mapping[str, Any] | None = None
    indexes: frozenset[str] | None = None

    def may(self, scope: Scope) -> bool:
        return _RANKS[self.scope] >= _RANKS[scope]

    def knows(self, index: str) -> bool:
        """Whether the index is there for it."""
        return self.indexes is None or index in self.indexes


EVERYTHING = Grant("", "admin")
"""Of a service without keys."""
