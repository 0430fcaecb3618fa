"""Texts sent to a server in batches, side by side, in smaller ones where it refuses them."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Never, TypeVar, cast

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

        def give_up(refusal: BatchRefusedError) -> Never:
            raise refusal

        return np.stack(cast(list[Number], self.rows_or_refusals(batches, ask, on_refused=give_up)))

    def rows_or_refusals(
        self,
        batches: Iterable[Sequence[str]],
        ask: Callable[[Sequence[str]], NDArray[Number]],
        *,
        on_refused: Callable[[BatchRefusedError], None],
    ) -> list[Number | BatchRefusedError]:
        """As `rows`, with a refusal in the place of each text that the server refuses by itself.

        on_refused   is called with each; what it raises is raised
        """
        batches = list(batches)
        each = partial(self._rows_of, ask=ask, on_refused=on_refused)
        if len(batches) == 1:
            return each(batches[0])
        with ThreadPoolExecutor(min(self._requests, len(batches)), "requests") as threads:
            return [row for rows in threads.map(each, batches) for row in rows]

    def _rows_of(
        self,
        batch: Sequence[str],
        *,
        ask: Callable[[Sequence[str]], NDArray[Number]],
        on_refused: Callable[[BatchRefusedError], None],
    ) -> list[Number | BatchRefusedError]:
        try:
            return list(ask(batch))
        except BatchRefusedError as refusal:
            if len(batch) == 1:
                on_refused(refusal)
                return [refusal]
        half = len(batch) // 2
        parts = (batch[:half], batch[half:])
        rows = [row for part in parts for row in self._rows_of(part, ask=ask, on_refused=on_refused)]
        if not any(isinstance(row, BatchRefusedError) for row in rows):  # it was for their number, not for one of them
            self.texts = min(self.texts, len(batch) - half)
        return rows
