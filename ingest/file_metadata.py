"""What the chunks of a synced file carry as metadata: what it says itself, what lies beside it, and what it is."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import orjson

from ingest.descriptions import MAX_BYTES, Description, read_json, read_yaml
from ingest.loaders.text.decoding import decode
from ingest.opening import open_file
from ingest.plain_metadata import Plain
from ingest.scan import JSON_SIDECAR, ScannedFile, modified_seconds
from retrieval.errors import LoadError
from retrieval.types import FILE_KEYS, Document


def with_file_metadata(document: Document, file: ScannedFile, *, language: str) -> Document:
    """The document, with the metadata of its sidecar over its own, that which was given over both, and with FILE_KEYS.

    Raises LoadError where the sidecar cannot be opened; what it holds only leads to notices.
    """
    title, notices = document.title, list(document.notices)
    metadata = {f"{key}_" if key in FILE_KEYS else key: value for key, value in document.metadata.items()}
    for plain, told in _descriptions(file):
        title = plain.title or title
        metadata |= plain.metadata
        notices += told
    metadata |= {
        "folder": file.source.partition("/")[0],
        "suffix": PurePosixPath(file.source).suffix.lower(),
        "modified": modified_seconds(file),
        "language": language,
    }
    return replace(document, title=title, metadata=metadata, notices=tuple(notices))


def _descriptions(file: ScannedFile) -> Iterator[Description]:
    if file.sidecar:
        yield _sidecar(file)
    if file.given:
        values = orjson.loads(file.given)
        yield Description(Plain(values.pop("title", None), values, ()))


def read_sidecar(file: ScannedFile) -> bytes:
    """What the file's sidecar holds, up to one byte more than a sidecar may have. Raises LoadError where it cannot be
    opened."""
    try:
        with open_file(file.sidecar, root=file.root) as opened:
            return opened.read(MAX_BYTES + 1)
    except (OSError, LoadError) as error:
        raise LoadError(f"{_name(file)} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _sidecar(file: ScannedFile) -> Description:
    what, data = _name(file), read_sidecar(file)
    try:
        read = read_json if file.sidecar.endswith(JSON_SIDECAR) else read_yaml
        return read(decode(data), what=what)
    except LoadError as error:
        return Description(Plain(None, {}, ()), (f"{what} cannot be read: {error}",))


def _name(file: ScannedFile) -> str:
    return f"its sidecar {Path(file.sidecar).name}"
