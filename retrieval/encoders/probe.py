"""The vector of one text, by which an index notices that a server runs another model under the same name."""

import base64

import numpy as np
from numpy.typing import NDArray

TEXT = "Forty-two herons wait by the river; am Fluss warten 42 Reiher."

_SAME = 0.999
"""The least cosine. A server gives the same text .9999 and more, whatever is embedded beside it; the same model with
weights of 8 bits about .999, of 4 bits .98, another model far less."""


def as_text(vector: NDArray[np.float32]) -> str:
    """A vector that is not zero, as a fingerprint keeps it: in half precision, which moves a cosine by 1e-6."""
    return base64.b64encode((vector / np.linalg.norm(vector)).astype("<f2").tobytes()).decode("ascii")


def cosine(one: str, other: str) -> float:
    """Of two that `as_text` has made; 0 where their dimensions differ."""
    first, second = (np.frombuffer(base64.b64decode(text), "<f2").astype(np.float64) for text in (one, other))
    if len(first) != len(second):
        return 0.0
    return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)))


def is_same(one: str | None, other: str | None) -> bool:
    """Whether the same model made both. None is a model whose files tell what it is."""
    return one == other or (one is not None and other is not None and cosine(one, other) >= _SAME)
