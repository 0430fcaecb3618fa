"""Texts sent to a server in batches, side by side, in smaller ones where it refuses them."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from retrieval.endpoints.failures import BatchRefusedError

Number = TypeVar("Number", bound=np.generic)


class Batches:
    """Threads may share it.

    texts      the most texts that the server takes in a request, as far as is known
    requests   the most requests at once
    """

    def __init__(self, *, texts: int, requests: int) -> None:
        self.texts = texts
        self._requests = requests

    def rows(
        self, batches: Iterable[Sequence[str]], ask: Callable[[Sequence[str]], NDArray[Number]]
    ) -> NDArray[Number]:
        """A row for each text of one batch or more, in their order; `ask` brings those of a batch.

        Raises what `ask` raises; BatchRefusedError for a single text only.
        """
        batches = list(batches)
        if len(batches) == 1:
            return self._rows_of(batches[0], ask)
        with ThreadPoolExecutor(min(self._requests, len(batches)), "requests") as threads:
            return np.concatenate(list(threads.map(lambda batch: self._rows_of(batch, ask), batches)))

    def _rows_of(self, batch: Sequence[str], ask: Callable[[Sequence[str]], NDArray[Number]]) -> NDArray[Number]:
        try:
            return ask(batch)
        except BatchRefusedError:
            if len(batch) == 1:
                raise
        half = len(batch) // 2
        rows = np.concatenate([self._rows_of(batch[:half], ask), self._rows_of(batch[half:], ask)])
        self.texts = min(self.texts, len(batch) - half)
        return rows
