"""What was made of a generation for a filter, kept for the requests that come with the same one."""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_MOST = 64
"""Filters whose values are kept, those made last."""


class KeptByFilter(Generic[T]):
    """A value for each filter, until the next generation. Threads may share it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._kept: dict[str, tuple[str, T]] = {}

    def get(self, where: Mapping[str, Any] | None, generation: str, make: Callable[[], T]) -> T:
        """The value of this generation; made where there is none yet, perhaps by several threads at once."""
        key = json.dumps(where, sort_keys=True)
        with self._guard:
            known = self._kept.get(key)
        if known is not None and known[0] == generation:
            return known[1]
        made = make()
        with self._guard:
            self._kept = {**dict(list(self._kept.items())[1 - _MOST :]), key: (generation, made)}
        return made
