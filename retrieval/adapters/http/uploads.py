"""Files that come with a request: a name that is only data, and bytes that lie in a folder of their own meanwhile."""

import asyncio
import re
import shutil
import unicodedata
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote_to_bytes

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from retrieval.adapters.http.problems import Refusal
from retrieval.adapters.sources import MAX_SOURCE

FORM = "multipart/form-data"
MAX_FILES = 20
FILES_BODY = {
    "type": "object",
    "description": "Files to index.",
    "required": ["file"],
    "properties": {
        "file": {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "minItems": 1,
            "maxItems": MAX_FILES,
            "description": "One part for each file, with its name.",
        },
        "source": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_SOURCE,
            "description": "What one file alone is cited by, instead of uploads/NAME.",
        },
    },
}
"""The schema of a form: nothing else says what it may have."""

_LONGEST_NAME = 200
_BELOW = "uploads/"
_FIELDS = {"source"}
_EXTENDED_NAME = re.compile(
    rb";\s*filename\*\s*=\s*(?P<charset>utf-8|iso-8859-1)'[^']*'(?P<name>[^;\s]+)", re.IGNORECASE
)
_ENCODED_WORD = re.compile(r"=\?[\w-]+(?:\*[\w-]+)?\?[bBqQ]\?[^?\s]*\?=")


@asynccontextmanager
async def uploaded(request: Request) -> AsyncIterator[dict[str, Path]]:
    """The files of a multipart form, by the sources that they are to have; gone when the block ends.

    A file's source is `uploads/` and the last part of its name; with one file alone, a field `source` may give another.
    No name is ever used as a path. Raises Refusal.
    """
    form = await _form(request)
    try:
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        sources = _sources(form, files)
        with TemporaryDirectory(prefix="upload-") as folder:
            paths = [Path(folder) / str(number) for number in range(len(files))]
            for file, path in zip(files, paths, strict=True):
                with path.open("wb") as copy:
                    await asyncio.to_thread(shutil.copyfileobj, file.file, copy)
            yield dict(zip(sources, paths, strict=True))
    finally:
        await form.close()


async def _form(request: Request) -> FormData:
    _, options = parse_options_header(request.headers["content-type"])
    if options.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8"):  # some would decode to what cannot be kept
        raise Refusal("malformed", "The form is in another charset than UTF-8; send that.")
    try:
        return await _Form(request.headers, request.stream(), max_files=MAX_FILES, max_fields=len(_FIELDS)).parse()
    except MultiPartException as error:
        raise Refusal("malformed", f"The form cannot be read: {error.message.rstrip('.')}.") from None


class _Form(MultiPartParser):
    """Reads names in RFC 5987's form too, `filename*=UTF-8''caf%C3%A9.txt`: RFC 7578 forbids it in forms, and clients
    send it."""

    def on_headers_finished(self) -> None:
        part = self._current_part
        if part.content_disposition and (extended := _EXTENDED_NAME.search(part.content_disposition)):
            name = unquote_to_bytes(extended["name"]).decode(extended["charset"].decode(), "replace").encode()
            quoted = name.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
            part.content_disposition += b'; filename="' + quoted + b'"'
        super().on_headers_finished()


def _sources(form: FormData, files: Sequence[UploadFile]) -> list[str]:
    given = {name: value for name, value in form.multi_items() if not isinstance(value, UploadFile)}
    if not files:
        raise Refusal("invalid", "The form has no file; send one: curl -F file=@manual.pdf.")
    if unknown := sorted(given.keys() - _FIELDS):
        raise Refusal("invalid", f"The form has a field {unknown[0]!r}; there is `source` alone, beside the files.")
    if "source" in given:
        if len(files) > 1:
            raise Refusal("invalid", "The form has one source for several files; send each by itself.")
        return [str(given["source"])]
    sources = [_BELOW + last_part(file.filename or "") for file in files]
    if len(set(sources)) < len(sources):
        raise Refusal("invalid", "Two of the files have the same name; send each by itself, with its own source.")
    return sources


def last_part(name: str) -> str:
    """A file's name without what comes before it, and without what cannot be seen. Raises Refusal for no name at all.

    Its end stays, which says how the file is read. What mail programs encode (RFC 2047) is decoded first.
    """
    name = _decoded(name)
    last = name.replace("\\", "/").rpartition("/")[2]
    seen = "".join(c for c in unicodedata.normalize("NFC", last) if c.isprintable()).strip().lstrip(".")
    if not seen:
        raise Refusal("invalid", "A file has no name that could be its source; give it one.")
    return seen[-_LONGEST_NAME:]


def _decoded(name: str) -> str:
    if not _ENCODED_WORD.search(name):
        return name
    try:
        return str(make_header(decode_header(name)))
    except (HeaderParseError, LookupError, ValueError):
        return name  # as it came, which is a name too
