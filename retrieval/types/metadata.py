"""Metadata: the values that a filter can ask for, and which of them a document may bring along."""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from retrieval.errors import DocumentError
from retrieval.types.clean_text import clean_text

Scalar = str | int | float | bool
MetadataValue = Scalar | Sequence[Scalar]
Metadata = Mapping[str, MetadataValue]

CHUNK_KEYS = frozenset(
    {
        "document_id", "source", "ordinal", "char_start", "char_end", "line_start", "line_end", "page", "page_end",
        "tokens", "headings", "title",
    }
)  # fmt: skip
"""The keys that the metadata of every chunk has; a document's own metadata may not use them."""

PAGE_LABEL = "page_label"
"""The key for the numbers printed on a chunk's pages, "iv" or "iv–2". Only chunks have it whose printed numbers differ
from the position of the pages in the file."""

FILE_KEYS = frozenset({"folder", "suffix", "modified", "language"})
"""The keys that every chunk of a synced file has in addition: the folder's name, the suffix in lower case (".md"), the
time of the last change in whole seconds since the epoch, and the language used for its analysis ("english")."""

MAX_METADATA = 1_000
"""The most keys that a document's own metadata may have. Chroma fails for good on ten times as many."""

MAX_MEMBERS = 1_000
"""The most members that all lists in a document's own metadata may have together. Chroma fails for good on six times as
many."""


def as_stored(value: object) -> object:
    """A date or datetime as an ISO string ("2024-03-05", "2024-03-05T10:00:00+01:00"), a numpy scalar as the Python
    value; any other value unchanged."""
    if isinstance(value, np.datetime64) and not np.isnat(value):
        is_date = np.datetime_data(value.dtype)[0] in ("Y", "M", "W", "D")
        value = value.astype("datetime64[D]" if is_date else "datetime64[us]").item()
    elif isinstance(value, np.generic):
        value = value.item()
    return value.isoformat() if isinstance(value, date) else value


def checked_metadata(metadata: Mapping[str, object], *, source: str) -> dict[str, MetadataValue]:
    """A document's own metadata in the form that is stored; Document says what that form is.

    Raises DocumentError, which names the source and the key, for what cannot be stored.
    """
    if len(metadata) > MAX_METADATA:
        raise DocumentError(
            f"{source}: the metadata has {len(metadata):,} keys, and {MAX_METADATA:,} are kept at most; "
            "leave out those that no search filters by."
        )
    checked = {key: _checked_value(key, value, source=source) for key, value in metadata.items()}
    members = sum(len(value) for value in checked.values() if isinstance(value, list))
    if members > MAX_MEMBERS:
        raise DocumentError(
            f"{source}: the lists in the metadata have {members:,} members, and {MAX_MEMBERS:,} are kept at "
            "most; leave out those that no search filters by."
        )
    return checked


def _checked_value(key: str, value: object, *, source: str) -> MetadataValue:
    if (
        not isinstance(key, str)
        or key in CHUNK_KEYS
        or not key
        or key.startswith(("$", "#", "chroma:"))
        or clean_text(key) != key
    ):
        raise DocumentError(f"{source}: metadata key {key!r} is taken by the index or Chroma; rename it.")
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = list(value)
    if not isinstance(value, list | tuple):
        return _checked_scalar(value, f"{source}: metadata {key!r} is")
    members: list[Any] = [_checked_scalar(member, f"{source}: metadata {key!r} holds") for member in value]
    kinds = sorted({type(member).__name__ for member in members})
    if kinds == ["float", "int"]:
        members = [float(member) for member in members]
    elif len(kinds) > 1:
        raise DocumentError(
            f"{source}: metadata {key!r} is a list of {' and '.join(kinds)}; a list holds values of one type."
        )
    if not members:
        raise DocumentError(
            f"{source}: metadata {key!r} is an empty list, which Chroma cannot store; leave the key out."
        )
    return members


def _checked_scalar(value: object, description: str) -> Scalar:
    """The value as a plain str, bool, int or float: an instance of a subclass becomes one of the base class.

    description   how an error message begins: source, key and verb.
    """
    value = as_stored(value)
    if isinstance(value, str):
        return clean_text(value[:])
    if isinstance(value, bool):
        return value
    if not isinstance(value, int | float):
        raise DocumentError(
            f"{description} a {type(value).__name__}; Chroma filters str, int, float and bool values and lists of "
            "these, so convert it or leave it out."
        )
    fits = -(2**63) <= value < 2**63 if isinstance(value, int) else math.isfinite(value)
    if not fits:
        raise DocumentError(f"{description} {value}, which 64 bits cannot hold; make it a string.")
    return int(value) if isinstance(value, int) else float(value)
