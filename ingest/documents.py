"""Documents made in memory as JSON, so that an index can be made of them again; and hashes of what documents hold."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from retrieval.types import Document, Heading, Table


def document_to_json(document: Document) -> str:
    return json.dumps(asdict(document), ensure_ascii=False, sort_keys=True)


def document_from_json(text: str) -> Document:
    """The inverse of document_to_json."""
    values: dict[str, Any] = json.loads(text)
    return Document(
        **{
            **values,
            "pages": tuple(values["pages"]),
            "headings": tuple(Heading(*heading) for heading in values["headings"]),
            "tables": tuple(Table(*table) for table in values["tables"]),
        }
    )


def hash_bytes(data: bytes) -> str:
    """SHA-256 as hexadecimal digits; the version in front says what a hash covers, should that ever change."""
    return f"1:{hashlib.sha256(data).hexdigest()}"
