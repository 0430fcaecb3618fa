"""Metadata that a caller of `sync` gives each file, which the ledger keeps until the caller gives it again."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from ingest.plain_metadata import plain_metadata
from ingest.scan import Scan, ScannedFile
from retrieval.errors import DocumentError
from retrieval.types import DocumentRecord, Metadata

MetadataOf = Callable[[str, Path], Mapping[str, Any] | None]
"""A file's source and path -> the metadata that a caller gives it; None for none."""


def with_given(scanned: Scan, ledger: Mapping[str, DocumentRecord], metadata: MetadataOf | None) -> Scan:
    """The scan, with what `metadata` gives each file; with None, what it gave when it was last asked.

    Raises DocumentError for what cannot be stored, and what `metadata` raises.
    """
    if metadata is None:
        known = {source: record.given for source, record in ledger.items() if record.given}
        given = (known.get(file.source, "") for file in scanned.files) if known else None
    else:
        given = (_given(metadata, file) for file in scanned.files)
    if given is None:
        return scanned
    files = tuple(replace(file, given=json) for file, json in zip(scanned.files, given, strict=True))
    return replace(scanned, files=files)


def given_metadata(record: DocumentRecord | None) -> Metadata:
    """What `metadata` gave the document."""
    given: Metadata = orjson.loads(record.given) if record is not None and record.given else {}
    return given


def _given(metadata: MetadataOf, file: ScannedFile) -> str:
    values = metadata(file.source, Path(file.path))
    if not values and (values is None or isinstance(values, Mapping)):
        return ""
    if not isinstance(values, Mapping):
        raise DocumentError(f"metadata({file.source!r}) gave a {type(values).__name__}; return a dict, or None.")
    plain = plain_metadata(values)
    if notice := plain.notice(f"What metadata({file.source!r}) gave"):
        raise DocumentError(f"{notice}. Shorten it, or leave that out.")
    title = {"title": plain.title} if plain.title else {}
    return orjson.dumps({**plain.metadata, **title}, option=orjson.OPT_SORT_KEYS).decode()
