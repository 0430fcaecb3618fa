"""Mail (EML): the headers that matter, the body, attachments that are text, and forwarded mails, by `email`."""

import email
import re
from collections.abc import Iterator
from email.errors import MessageError
from email.header import Header, decode_header
from email.message import Message
from pathlib import PurePosixPath

from ingest.loaders.markup.html import write_html
from ingest.loaders.text.decoding import decode
from ingest.loaders.text_builder import TextBuilder
from retrieval.errors import LoadError
from retrieval.types import Document

_SHOWN = ("From", "To", "Cc", "Date")
_TEXT_SUFFIXES = frozenset({".txt", ".text", ".md", ".markdown", ".rst", ".csv", ".tsv", ".log", ".json"})
_HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})
_HEADER = re.compile(rb"^[!-9;-~]+:", re.M)
_HEAD = 8192
_MAX_DEPTH = 50
_LONGEST_HEADER = 10_000  # characters; decoding takes time by the square of them
_TEXT_TYPES = frozenset({"text", "message", "multipart"})  # the last where its boundary is nowhere
_INVISIBLE = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})


def load_mail(data: bytes, *, source: str) -> Document:
    """From, To, Cc and Date, a line each, then the body, then the attachments; the title is the subject.

    Of alternatives the plain text is read, else the HTML. An attachment that is text follows under its file name as a
    heading, a mail under its subject; of others only the name is told.

    Raises LoadError for what has no headers of a mail. Damaged headers, encodings and charsets are read as well as
    they can be.
    """
    if not _HEADER.search(data[:_HEAD]):
        raise LoadError("it is no mail (it has no headers); save it again as .eml")
    try:
        message = email.message_from_bytes(data)
    except RecursionError as error:
        raise LoadError("its parts are nested too deeply; save the inner mail on its own") from error
    builder = TextBuilder()
    _write_mail(message, builder, depth=0)
    return builder.document(source, title=_header(message, "Subject") or None)


def _write_mail(message: Message, builder: TextBuilder, *, depth: int) -> None:
    builder.paragraph()
    for name in _SHOWN:
        if value := _header(message, name):
            builder.line()
            builder.write(f"{name}: {value}")
    builder.paragraph()
    for part in _parts(message, depth):
        _write_part(part, builder, depth=depth)


def _parts(message: Message, depth: int) -> Iterator[Message]:
    """The parts to be read, in order; of alternatives the best."""
    stack = [message]
    while stack:
        part = stack.pop()
        children = _children(part)
        if part.get_content_maintype() != "multipart" or not children:
            yield part
            continue
        if part.get_content_subtype() == "alternative":
            children = _best(children)
        stack.extend(reversed(children))


def _children(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else []


def _best(alternatives: list[Message]) -> list[Message]:
    """The plain text where it says anything, else the last, which the sender likes best."""
    for part in alternatives:
        if part.get_content_type() == "text/plain" and _content(part).strip():
            return [part]
    return alternatives[-1:]


def _write_part(part: Message, builder: TextBuilder, *, depth: int) -> None:
    name, kind = _file_name(part), part.get_content_type()
    suffix = PurePosixPath(name).suffix.lower()
    forwarded = _children(part)
    if kind == "message/rfc822" and forwarded and depth < _MAX_DEPTH:
        _write_heading(_header(forwarded[0], "Subject") or name, builder)
        _write_mail(forwarded[0], builder, depth=depth + 1)
    elif kind in _INVISIBLE:
        return
    elif kind == "text/html" or suffix in _HTML_SUFFIXES:
        _write_heading(name, builder)
        _write_html(part, builder)
    elif part.get_content_maintype() in _TEXT_TYPES or suffix in _TEXT_SUFFIXES:
        _write_heading(name, builder)
        _write_text(_text(part), builder)
    elif name:
        builder.paragraph()
        builder.write(f"Attachment: {name}")
        builder.paragraph()


def _write_heading(text: str, builder: TextBuilder) -> None:
    builder.paragraph()
    builder.begin_heading(1)
    builder.write(text)
    builder.end_heading()
    builder.paragraph()


def _write_html(part: Message, builder: TextBuilder) -> None:
    try:
        write_html(_content(part), builder, charset=part.get_content_charset())
    except LoadError:  # its bytes are no text in any encoding: a mail is worth its other parts
        _write_text(_text(part), builder)


def _write_text(text: str, builder: TextBuilder) -> None:
    builder.paragraph()
    builder.begin_verbatim()
    builder.write(text)
    builder.end_verbatim()
    builder.paragraph()


def _content(part: Message) -> bytes:
    """The bytes of a part that is no container; what base64 and the like cannot read stays as it is."""
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(part: Message) -> str:
    return _decoded(_content(part), part.get_content_charset()).replace("\r\n", "\n")


def _decoded(content: bytes, charset: str | None) -> str:
    try:
        # Before all guessing: what ISO-2022-JP and its like write is ASCII too, and so UTF-8.
        return content.decode(charset or "utf-8")
    except (LookupError, ValueError):
        pass
    try:
        return decode(content)
    except LoadError:
        return content.decode("cp1252", "replace")


def _file_name(part: Message) -> str:
    try:
        name = part.get_filename() or ""
    except (LookupError, ValueError, TypeError):  # email raises these for damaged RFC 2231 parameters
        name = ""
    return _words(name)


def _header(message: Message, name: str) -> str:
    """The header's value on one line, its encoded words decoded; "" where there is none."""
    return _words(message.get(name, ""))


def _words(value: Header | str) -> str:
    if isinstance(value, str):
        value = value[:_LONGEST_HEADER]
    try:
        pieces = decode_header(value)
    except (MessageError, ValueError):  # an encoded word that is no base64
        pieces = [(str(value), None)]
    text = "".join(_piece(piece, charset) for piece, charset in pieces) or str(value)
    return " ".join(text.replace("\0", "").split())


def _piece(piece: bytes | str, charset: str | None) -> str:
    if isinstance(piece, bytes):
        return _decoded(piece, charset)
    return _decoded(piece.encode("utf-8", "surrogateescape"), None)  # bytes that should have been encoded words
