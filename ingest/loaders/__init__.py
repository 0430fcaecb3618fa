"""A file's bytes -> Document: the loader is chosen by suffix and content.

Another format is one more function `(data, *, source) -> Document`, and one more entry in LOADERS.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Protocol

from ingest.loaders.decoding import HEAD, UnsupportedFormatError, magic_number, why_binary
from ingest.loaders.docx import load_docx
from ingest.loaders.html import load_html
from ingest.loaders.markdown import load_markdown
from ingest.loaders.pdf import load_pdf
from ingest.loaders.restructuredtext import load_restructuredtext
from ingest.loaders.text import LANGUAGES, load_code, load_text
from retrieval.types import Document

__all__ = ["HEAD", "LOADERS", "Loader", "UnsupportedFormatError", "is_supported", "load"]


class Loader(Protocol):
    """Turns one kind of file into a Document."""

    def __call__(self, data: bytes, *, source: str) -> Document: ...


LOADERS: Mapping[str, Loader] = {
    **dict.fromkeys(LANGUAGES, load_code),
    **dict.fromkeys((".txt", ".text", ".log", ".json", ".jsonl", ".ndjson", ".csv", ".tsv"), load_text),
    **dict.fromkeys((".md", ".markdown", ".mdown", ".mdx"), load_markdown),
    **dict.fromkeys((".rst", ".rest"), load_restructuredtext),
    **dict.fromkeys((".html", ".htm", ".xhtml"), load_html),
    **dict.fromkeys((".docx", ".docm", ".dotx", ".dotm"), load_docx),
    ".pdf": load_pdf,
}
"""What reads a file, by its suffix in lower case."""

_HTML_START = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.{0,1000}?-->\s*)?<(?:!doctype\s+html|html)\b", re.I | re.S
)


def load(data: bytes, *, source: str) -> Document:
    """The document in `data`, the whole content of the file named `source`.

    An empty file is a document without text. A file whose first bytes are those of a PDF is one, whatever its suffix.
    A file with an unknown suffix is read as HTML if it starts like it, else as plain text.

    Raises LoadError with a one-line reason for a file that cannot be read, and its subclass UnsupportedFormatError
    for one that no loader reads. The reason does not repeat the source.
    """
    return _loader(data, source)(data, source=source)


def is_supported(head: bytes, *, source: str) -> bool:
    """Whether a loader may be able to read the file that starts with `head`, its first HEAD bytes."""
    return _loader(head, source) in (load_pdf, load_docx) or why_binary(head) is None


def _loader(data: bytes, source: str) -> Loader:
    if not data:
        return load_text
    known = LOADERS.get(PurePosixPath(source).suffix.lower())
    if magic_number(data) == "PDF":
        return load_pdf
    if known is None and _HTML_START.match(data):
        return load_html
    return known or load_text
