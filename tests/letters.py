"""A small encoder of a program's own, which notes what it is asked."""

from collections.abc import Sequence
from typing import Any

import numpy as np

LIMIT = 60
"""Characters that the encoder reads."""


class Letters:
    """An Encoder: counts letters. It has no tokenizer, and forgets to make its vectors of unit length.

    queries, passages   what it was asked to embed
    batches             how many queries at a time
    answer              what it gives for queries instead of vectors, unless that is None
    """

    name = "letters"
    dimension = 27
    max_seq_length = LIMIT
    tokenizer = None

    def __init__(self, version: str = "1") -> None:
        self.version = version
        self.answer: Any = None
        self.queries: list[str] = []
        self.passages: list[str] = []
        self.batches: list[int] = []

    def embed_queries(self, texts: Sequence[str]) -> np.ndarray:
        self.queries += texts
        self.batches.append(len(texts))
        if self.answer is not None:
            return self.answer
        return np.array([self._vector(text) for text in texts])

    def embed_passages(self, texts: Sequence[str]) -> np.ndarray:
        self.passages += texts
        return np.array([self._vector(text) for text in texts])

    def _vector(self, text: str) -> np.ndarray:
        letters = np.frombuffer(text.split(": ", 1)[1].lower().encode(), np.uint8)
        return np.bincount(np.where((letters >= 97) & (letters < 123), letters - 96, 0), minlength=27).astype(float)
