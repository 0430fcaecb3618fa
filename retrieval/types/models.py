"""What the index needs of the models that it runs: one that embeds texts, and one that scores them for a query."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""float32 [n, dimension]."""


class Encoder(Protocol):
    """What the index needs of an embedding model."""

    @property
    def dimension(self) -> int: ...

    def embed_queries(self, queries: Sequence[str]) -> Vectors:
        """float32 [n, dimension], unit rows."""
        ...

    def embed_passages(self, passages: Sequence[str]) -> Vectors:
        """float32 [n, dimension], unit rows."""
        ...


@runtime_checkable
class Reranker(Protocol):
    """What `search(rerank=...)` needs of a cross-encoder."""

    def score(self, query: str, passages: Sequence[str]) -> NDArray[np.float64]:
        """float64 [n]; higher is better."""
        ...
