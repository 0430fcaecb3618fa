"""A file's bytes -> Document: the loader is chosen by suffix and content.

Another format is one more function `(data, *, source) -> Document`, and one more entry in LOADERS.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from ingest.loaders.converters import convert, converter_of
from ingest.loaders.formats import LOADERS, Loader, loader_of, refusal
from ingest.loaders.office.ocr import NoTextError, recognise
from ingest.loaders.office.pdf import load_pdf
from ingest.loaders.text.compressed import compression, decompress, inner_name, peek
from ingest.loaders.text.decoding import HEAD, UnsupportedFormatError
from retrieval.errors import LoadError
from retrieval.types import Document

__all__ = ["HEAD", "LOADERS", "Loader", "UnsupportedFormatError", "load", "why_unsupported"]

_COMPRESSED_TWICE = "it is compressed twice, which no loader reads; unpack it once"


def load(
    data: bytes,
    *,
    source: str,
    max_bytes: int = 50_000_000,
    ocr_command: str | None = None,
    converters: Mapping[str, str] = MappingProxyType({}),
) -> Document:
    """The document in `data`, the whole content of the file named `source`.

    A file compressed with gzip, bzip2 or xz is read as the one within; the document's source is still `source`. An
    empty file is a document without text. Where suffix and content contradict each other, the content decides what is
    PDF, RTF, an office document or plain text. A file with an unknown suffix is read as HTML, XML or a manual page if
    it starts like one, else as plain text.

    max_bytes    what a compressed file may unpack to, and a command may write.
    ocr_command  what recognises the text of scanned PDFs; with None they cannot be read.
    converters   as in Config: commands that read the files of a suffix, whatever these hold. What they write is read
                 as a file without a suffix.

    Raises LoadError with a one-line reason for a file that cannot be read, and its subclass UnsupportedFormatError
    for one that no loader reads. The reason does not repeat the source.
    """
    name = inner_name(source)
    if compression(data):
        data = decompress(data, max_bytes=max_bytes)
        if compression(data):
            raise UnsupportedFormatError(_COMPRESSED_TWICE)
    if command := converter_of(name, converters):
        document = _load_converted(data, command, name=name, max_bytes=max_bytes)
    else:
        document = _load(data, source=name, ocr_command=ocr_command, max_bytes=max_bytes)
    return document if name == source else replace(document, source=source)


def why_unsupported(head: bytes, *, source: str, converters: Mapping[str, str] = MappingProxyType({})) -> str | None:
    """Why no loader and no converter can read the file that starts with `head`, its first HEAD bytes; None where one
    may."""
    if converter_of(inner_name(source), converters):
        return None
    if compression(head):
        head = peek(head, size=HEAD)
        if compression(head):
            return _COMPRESSED_TWICE
    return refusal(head, name=inner_name(source))


def _load(data: bytes, *, source: str, ocr_command: str | None, max_bytes: int) -> Document:
    if reason := refusal(data[:HEAD], name=source):
        raise UnsupportedFormatError(reason)
    try:
        return loader_of(data, name=source)(data, source=source)
    except NoTextError:
        if ocr_command is None:
            raise
        return _load_recognised(data, ocr_command, source=source, max_bytes=max_bytes)


def _load_converted(data: bytes, command: str, *, name: str, max_bytes: int) -> Document:
    output = convert(data, command, name=name, max_bytes=max_bytes)
    try:
        document = _load(output, source="output", ocr_command=None, max_bytes=max_bytes)
    except LoadError as error:
        raise LoadError(f"what {command!r} made of it cannot be read: {error}") from error
    return replace(document, source=name)


def _load_recognised(data: bytes, ocr_command: str, *, source: str, max_bytes: int) -> Document:
    try:
        return load_pdf(recognise(data, ocr_command, max_bytes=max_bytes), source=source)
    except NoTextError as error:
        raise LoadError("text recognition found no text on its pages; ignore it in .retrievalignore") from error
