"""What a server answers to POST /v1/embeddings, read and checked."""

import base64
from typing import Any

import numpy as np

from retrieval.endpoints.answers import items_of, json_of
from retrieval.types import Vectors


def rows_of(body: bytes, *, count: int) -> Vectors:
    """float32 [count, dimension], in the order in which the texts were sent: what the answer has under `data`, each
    vector as a list of numbers or as base64 of little-endian float32.

    Raises ValueError, in words that follow "the server answers", for anything else.
    """
    answer = json_of(body)
    listed = answer.get("data") if isinstance(answer, dict) else None
    data = items_of(listed, count=count, what="vectors", asked="texts")
    try:
        rows = {item.get("index", place): _vector(item["embedding"]) for place, item in enumerate(data)}
        vectors = np.stack([rows[place] for place in range(count)])
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError("vectors that cannot be read, or cannot be told to belong to one text each") from None
    if vectors.ndim != 2 or not vectors.shape[1] or not np.isfinite(vectors).all():
        raise ValueError("vectors with values that are no numbers")
    return vectors


def _vector(embedding: Any) -> Vectors:
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), "<f4")
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as such
        return np.asarray(embedding, dtype=np.float32)
