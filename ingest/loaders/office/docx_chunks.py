"""Documents of other formats that a DOCX takes in whole (altChunk): HTML, web archives, RTF, plain text, DOCX."""

import re
from collections.abc import Callable
from email.message import Message

from ingest.loaders.mail.parts import parse_message, text_of, write_page
from ingest.loaders.markup.html import write_html
from ingest.loaders.office.rtf import load_rtf
from ingest.loaders.text.decoding import decode
from ingest.loaders.text_builder import TextBuilder

_WEB_ARCHIVE = re.compile(rb"\s*(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)*?(?:MIME-Version|Content-Type):", re.I)
_RTF = re.compile(rb"\s*\{\\rtf")
_HTML = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:[!?a-z])", re.I)


def write_chunk(data: bytes, builder: TextBuilder, *, write_document: Callable[[bytes], None]) -> None:
    """Write the text in `data`, whose format its content tells; `write_document` writes a DOCX.

    Raises LoadError where the content is damaged, or is no text.
    """
    builder.paragraph()
    if data.startswith(b"PK"):
        write_document(data)
    elif _RTF.match(data):
        _write_text(load_rtf(data, source="altChunk").text, builder)
    elif _WEB_ARCHIVE.match(data):
        _write_web_archive(parse_message(data), builder)
    elif _HTML.match(data) or b"\0" in data[:4]:
        write_html(data, builder)
    else:
        _write_text(decode(data), builder)
    builder.paragraph()


def _write_web_archive(archive: Message, builder: TextBuilder) -> None:
    """The page that the archive is of: the first part that is a page, else the first that is text."""
    parts = [part for part in archive.walk() if part.get_content_maintype() == "text"]
    pages = [part for part in parts if part.get_content_subtype() in {"html", "xhtml"}]
    for part in (pages or parts)[:1]:
        if pages:
            write_page(part, builder)
        else:
            _write_text(text_of(part), builder)


def _write_text(text: str, builder: TextBuilder) -> None:
    builder.begin_verbatim()
    builder.write(text)
    builder.end_verbatim()
