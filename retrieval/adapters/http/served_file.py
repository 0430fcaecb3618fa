"""The file that a document was read from, as a browser may have it: shown if it is a PDF or text, else downloaded.

Whatever the file holds, the browser neither guesses another type nor runs it: HTML is shown as its source.
"""

import codecs
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from fastapi.responses import Response, StreamingResponse

from ingest.opening import open_file
from retrieval.adapters.http.problems import Refusal
from retrieval.errors import LoadError
from retrieval.types import DocumentRecord

PDF, TEXT, OTHER = "application/pdf", "text/plain", "application/octet-stream"
AS_FILE: dict[str, Any] = {
    "description": f"The bytes of the file; PDF comes as {PDF}, text as {TEXT}",
    "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in (OTHER, PDF, TEXT)},
}
"""The answer, for OpenAPI; clients that are generated take the first media type."""

_BLOCK = 1 << 16
_SANDBOX = "default-src 'none'; frame-ancestors 'none'; sandbox"
_VIEWER = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""For PDF: browsers show none in a sandbox. Their viewers run nothing of it with the rights of this service."""


@dataclass(frozen=True, slots=True)
class ServedFile:
    """An open file, to be sent once: its name, media type and size in bytes."""

    name: str
    kind: str
    size: int
    file: BinaryIO

    def response(self) -> Response:
        shown = "attachment" if self.kind == OTHER else "inline"
        headers = {
            "Content-Disposition": f"{shown}; filename*=utf-8''{quote(self.name, safe='')}",
            "Content-Length": str(self.size),
            "Content-Security-Policy": _VIEWER if self.kind == PDF else _SANDBOX,
        }
        # A media type in the headers keeps the framework from adding a charset.
        return StreamingResponse(self._blocks(), headers={**headers, "Content-Type": self.kind})

    def _blocks(self) -> Iterator[bytes]:
        left = self.size
        with self.file:
            while left and (block := self.file.read(min(_BLOCK, left))):
                left -= len(block)
                yield block


def open_served(record: DocumentRecord, folders: Mapping[str, Path]) -> ServedFile:
    """The file of a document, which lies in one of these folders, named as sources are.

    It is opened folder by folder, without following a link. Raises Refusal where the document comes from no such
    folder, where there is no such file any more, and where it is another than was indexed: who may see the document may
    not see what has taken its place.
    """
    root = folders.get(record.folder)
    if not record.folder or root is None:
        detail = f"{record.source!r} is not a file of a folder that the service was started with (--folder)."
        raise Refusal("not-found", detail)
    parts = record.source.split("/")[1:]
    if not parts or any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise Refusal("not-found", f"{record.source!r} names no file.")
    try:
        file = open_file(str(root.joinpath(*parts)), root=str(root))
    except (LoadError, OSError, ValueError):
        raise Refusal("not-found", f"The file of {record.source!r} cannot be opened; sync its folder.") from None
    try:
        found = os.fstat(file.fileno())
        if record.status not in ("ready", "pending") or not _is_as_recorded(found, record):
            detail = f"The file of {record.source!r} is not as it was indexed; sync its folder, then ask again."
            raise Refusal("conflict", detail)
        kind = _kind(file.read(_BLOCK), parts[-1])
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return ServedFile(parts[-1], kind, found.st_size, file)


def _is_as_recorded(found: os.stat_result, record: DocumentRecord) -> bool:
    """As ingest.plan.is_as_recorded: who replaces a file may set its mtime, and nobody its ctime."""
    if (found.st_size, found.st_mtime_ns) != (record.size, record.mtime_ns):
        return False
    return record.ctime_ns in (0, found.st_ctime_ns) and record.inode in (0, found.st_ino)


def _kind(head: bytes, name: str) -> str:
    """The media type that a browser is told."""
    if name.lower().endswith(".pdf") and head.startswith(b"%PDF-"):
        return PDF
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # the last character may be cut
    except UnicodeDecodeError:
        return OTHER
    return OTHER if "\0" in text else f"{TEXT}; charset=utf-8"
