"""What the index needs of the models that it runs: one that embeds texts, and one that scores them for a query."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Vectors = NDArray[np.float32]
"""float32 [n, dimension]."""


@runtime_checkable
class Encoder(Protocol):
    """Text -> vectors. `HybridIndex.open(path, encoder=...)` takes anything that has these; threads share it.

    name            what messages and the index call it
    version         says that vectors are comparable: change it whenever the same string gets another vector. An index
                    that was made with another version refuses to open.
    dimension       of the vectors
    max_seq_length  how much of a string it reads: tokens, special tokens included; without a tokenizer, characters
    tokenizer       counts those tokens, with neither truncation nor padding; None to count characters
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def max_seq_length(self) -> int: ...

    @property
    def tokenizer(self) -> "Tokenizer | None": ...

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """float [n, dimension], a row for each of n >= 1 texts, which begin with the query prefix. They may be longer
        than max_seq_length; what is beyond need not be read."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """float [n, dimension], a row for each of n >= 1 texts, which begin with the passage prefix and stay within
        max_seq_length. May raise PassagesRefusedError for some of them: their documents fail, others are indexed."""
        ...


@runtime_checkable
class Reranker(Protocol):
    """What `search(rerank=...)` needs of a cross-encoder."""

    def score(self, query: str, passages: Sequence[str]) -> NDArray[np.float64]:
        """float64 [n]; higher is better."""
        ...
