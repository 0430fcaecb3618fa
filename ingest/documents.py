"""What is kept of a document in the ledger: its language, a hash of what it holds, and the JSON of one made in memory,
so that an index can be made of it again."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from retrieval.analysis import detect_language
from retrieval.config import AUTO
from retrieval.sheet_rows import SheetRow
from retrieval.types import Document, Heading, Table

_LATER = frozenset({"notices", "page_labels", "rows"})
"""Fields that older documents' JSON does not have: where they are empty they are left out, so that its hash stays."""

READING = "1"
"""How files are read, as DocumentRecord.read_as has it. Raise it where loaders or the chunker make another text, other
headings or other metadata of the same file: the next sync then reads every file once again, and embeds what differs."""


def document_to_json(document: Document) -> str:
    values = {name: value for name, value in asdict(document).items() if value or name not in _LATER}
    return json.dumps(values, ensure_ascii=False, sort_keys=True)


def document_from_json(text: str) -> Document:
    """The inverse of document_to_json."""
    values: dict[str, Any] = json.loads(text)
    return Document(
        **{
            **values,
            "pages": tuple(values["pages"]),
            "headings": tuple(Heading(*heading) for heading in values["headings"]),
            "tables": tuple(Table(*table) for table in values["tables"]),
            "notices": tuple(values.get("notices", ())),
            "page_labels": tuple(values.get("page_labels", ())),
            "rows": tuple(SheetRow(*row) for row in values.get("rows", ())),
        }
    )


def language_of(document: Document, language: str) -> str:
    """The language that the document's text is analysed in, where the configuration says `language`."""
    return detect_language(document.text) if language == AUTO else language


def hash_bytes(data: bytes) -> str:
    """SHA-256 as hexadecimal digits; the version in front says what a hash covers, should that ever change."""
    return hash_of(hashlib.sha256(data))


def hash_of(digest: "hashlib._Hash") -> str:
    """As hash_bytes, of what a SHA-256 was fed block by block."""
    return f"1:{digest.hexdigest()}"
