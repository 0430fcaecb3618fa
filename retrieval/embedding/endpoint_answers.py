"""What a server answers to POST /v1/embeddings, read and checked."""

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import numpy as np
import orjson

from retrieval.types import Vectors

_LONGEST = 200
"""Characters of a server's own words that a message repeats."""

_TOO_LONG = re.compile(
    r"context.{0,5}(length|size|window)|too (long|large)"
    r"|(maximum|max|less than|exceed\w*|longer than).{0,40}\btokens?\b"
    r"|(maximum|max|exceed\w*)\W+(input|sequence|context)",
    re.IGNORECASE,
)
"""How servers say that a text is longer than the model reads."""


def rows_of(body: bytes, *, count: int) -> Vectors:
    """float32 [count, dimension], in the order in which the texts were sent: what the answer has under `data`, each
    vector as a list of numbers or as base64 of little-endian float32.

    Raises ValueError, in words that follow "the server answers", for anything else.
    """
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ValueError("something that is no JSON") from None
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list):
        raise ValueError("without a list of vectors")
    if len(data) != count:
        raise ValueError(f"{len(data)} vectors for {count} texts")
    try:
        rows = {item.get("index", place): _vector(item["embedding"]) for place, item in enumerate(data)}
        vectors = np.stack([rows[place] for place in range(count)])
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError("vectors that cannot be read, or cannot be told to belong to one text each") from None
    if vectors.ndim != 2 or not vectors.shape[1] or not np.isfinite(vectors).all():
        raise ValueError("vectors with values that are no numbers")
    return vectors


def words_of(body: bytes) -> str:
    """What an answer says is wrong, on one line, or its beginning."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = body.decode("utf-8", "replace")
    while isinstance(answer, dict):
        answer = next((answer[name] for name in ("error", "message", "detail") if answer.get(name)), str(answer or ""))
    return " ".join(str(answer).split())[:_LONGEST].rstrip(".")


def says_too_long(words: str) -> bool:
    """Whether a refusal is for the length of a text."""
    return bool(_TOO_LONG.search(words))


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that the server asks to wait, given as such or as a date; 0 where it asks for none."""
    said = headers.get("retry-after", "")
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def _vector(embedding: Any) -> Vectors:
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), "<f4")
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as such
        return np.asarray(embedding, dtype=np.float32)
