"""What the answers of servers say about a request that they refuse."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
from pydantic import SecretStr

_LONGEST = 200
"""Characters of a server's own words that a message repeats."""

_TOO_LONG = re.compile(
    r"context.{0,5}(length|size|window)|too (long|large)"
    r"|(maximum|max|less than|exceed\w*|longer than).{0,40}\btokens?\b"
    r"|(maximum|max|exceed\w*)\W+(input|sequence|context)",
    re.IGNORECASE,
)
"""How servers say that a text is longer than the model reads."""


def words_of(body: bytes, *, key: SecretStr | None) -> str:
    """What an answer says is wrong, on one line, or its beginning; without the key, which a server may repeat."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = body.decode("utf-8", "replace")
    while isinstance(answer, dict):
        answer = next((answer[name] for name in ("error", "message", "detail") if answer.get(name)), str(answer or ""))
    words = " ".join(str(answer).split())
    if key is not None:  # replaced in what is decoded, because JSON may write its characters as escapes
        words = words.replace(key.get_secret_value(), "[key]")
    return words[:_LONGEST].rstrip(".")


def json_of(body: bytes) -> Any:
    """Raises ValueError, in words that follow "the server answers", for a body that is no JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ValueError("something that is no JSON") from None


def items_of(items: Any, *, count: int, what: str, asked: str) -> list[Any]:
    """The list. Raises ValueError, in words that follow "the server answers", unless it is one of so many items.

    what    what the items are, such as "scores", and
    asked   what they were asked for, such as "passages"
    """
    if not isinstance(items, list):
        raise ValueError(f"without a list of {what}")
    if len(items) != count:
        raise ValueError(f"{len(items)} {what} for {count} {asked}")
    return items


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
