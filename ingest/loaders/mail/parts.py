"""The parts of a message: which are its text, which are attached, and what they say. Nothing here is written."""

import binascii
import email
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from email.message import Message
from email.policy import Compat32
from pathlib import PurePosixPath
from typing import NamedTuple

from ingest.loaders.mail.charsets import decode_body, decode_header
from ingest.loaders.mail.mailbox import has_header, mended_header
from ingest.loaders.mail.signed import signed_content
from ingest.loaders.markup.html import write_html
from ingest.loaders.text_builder import TextBuilder
from retrieval.errors import LoadError

TEXT_SUFFIXES = frozenset({".txt", ".text", ".md", ".markdown", ".rst", ".csv", ".tsv", ".log", ".json"})
HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})
CALENDAR_SUFFIXES = frozenset({".ics", ".ical", ".vcs"})
MAIL_SUFFIXES = frozenset({".eml", ".mht", ".mhtml"})
_TEXT_TYPES = frozenset({"text", "message", "multipart"})  # the last where its boundary is nowhere
_MAIL_TYPES = frozenset({"message/rfc822", "message/global", "message/news"})
_INVISIBLE = frozenset(
    {
        "application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature",
        "application/pgp-encrypted", "text/css", "text/javascript", "application/javascript",
    }
)  # fmt: skip
_CALENDAR_TYPES = frozenset({"text/calendar", "application/ics", "text/x-vcalendar"})
_ENVELOPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+")
_ADDRESS = re.compile(r"\b(?:https?|mailto|cid):[^\s>\"]+")
_NOT_BASE64 = re.compile(r"^.*[^A-Za-z0-9+/=\s].*", re.M)
_BASE64 = re.compile(r"^[A-Za-z0-9+/=]{60,}\s*$", re.M)
_BOUNDARY = re.compile(r"^--([^\s\"\\]{1,200})[ \t]*\r?\n(?=Content-[\w-]+[ \t]*:)", re.M | re.I)
_MOST_LOST = 0.1  # of the words of the HTML, where the plain text is read alone; and the other way round
_PLACEHOLDER = 40  # words that a plain text may have besides, if it only says that there is HTML


class _Policy(Compat32):
    """Gives header values as they stand, whatever bytes are in them."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        return value


_POLICY = _Policy()


class Leaf(NamedTuple):
    """A part that holds no others, and whether it is a piece of the message's text rather than attached to it."""

    part: Message
    is_body: bool


def parse_message(data: bytes) -> Message:
    """Raises LoadError for parts that are nested too deeply."""
    try:
        return email.message_from_bytes(mended_header(data), policy=_POLICY)
    except RecursionError as error:
        raise LoadError("its parts are nested too deeply; save the inner mail on its own") from error


def header(message: Message, name: str) -> str:
    """The header's value on one line, its encoded words decoded; "" where there is none."""
    return decode_header(str(message.get(name, "")))


def leaves(message: Message) -> Iterator[Leaf]:
    """The parts to be read, in order: of alternatives the one that says most, and all that is attached."""
    stack = [message]
    while stack:
        part = _with_children(stack.pop())
        if part.get_content_maintype() != "multipart" or not children(part):
            yield Leaf(part, _is_body(part))
        elif part.get_content_subtype() == "alternative":
            yield from _chosen(list(_all_leaves(part)))
        else:
            stack.extend(reversed(children(part)))


def _with_children(part: Message) -> Message:
    """A multipart whose parts stand between other lines than it says: the message with the lines that are there."""
    payload = part.get_payload()
    if part.get_content_maintype() != "multipart" or not isinstance(payload, str):
        return part
    found = _BOUNDARY.search(payload)
    if found is None:
        return part
    header = f'Content-Type: {part.get_content_type()}; boundary="{found[1]}"\n\n'
    parsed = parse_message((header + payload).encode("utf-8", "surrogateescape"))
    return parsed if children(parsed) else part


def children(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else []


def kind_of(part: Message) -> str:
    """What the part is to be read as: "mail", "envelope" (S/MIME), "html", "text", "calendar", "report" (of a mail
    server), "invisible", or "file"."""
    kind, suffix = part.get_content_type(), PurePosixPath(file_name(part)).suffix.lower()
    if kind in _INVISIBLE:
        return "invisible"
    if kind in _ENVELOPES or suffix == ".p7m":
        return "envelope"
    if kind in _MAIL_TYPES or suffix in MAIL_SUFFIXES:
        return "mail"
    if kind in _CALENDAR_TYPES or suffix in CALENDAR_SUFFIXES:
        return "calendar"
    if kind == "text/html" or suffix in HTML_SUFFIXES:
        return "html"
    if part.get_content_maintype() == "message" and children(part):
        return "report"
    return "text" if part.get_content_maintype() in _TEXT_TYPES or suffix in TEXT_SUFFIXES else "file"


def content(part: Message) -> bytes:
    """The bytes of a part that is no container; what base64 and the like cannot read stays as it is, and so does a
    footer that a mailing list has put under base64."""
    encoding = str(part.get("Content-Transfer-Encoding", ""))
    if encoding and encoding != (clean := encoding.partition(";")[0].strip().strip('"').lower()):
        part.replace_header("Content-Transfer-Encoding", clean)  # email knows no other way to write it
        encoding = clean
    found = part.get_payload(decode=True)
    raw = part.get_payload()
    if encoding == "base64" and isinstance(raw, str) and (footer := _NOT_BASE64.search(raw)):
        text = raw[footer.start() :]
        with suppress(ValueError):
            if not _BASE64.search(text):  # else a digit is damaged, which costs itself alone
                return binascii.a2b_base64(raw[: footer.start()]) + text.encode("utf-8", "surrogateescape")
    return found if isinstance(found, bytes) else b""


def text_of(part: Message) -> str:
    return decode_body(content(part), charset(part)).replace("\r\n", "\n")


def charset(part: Message) -> str | None:
    try:
        return part.get_content_charset()
    except (LookupError, ValueError, TypeError):  # email raises these for damaged RFC 2231 parameters
        return None


def file_name(part: Message) -> str:
    try:
        name = part.get_filename() or ""
    except (LookupError, ValueError, TypeError):
        name = ""
    return decode_header(name)


def inner_mail(part: Message) -> Message | None:
    """The message in a part of the kinds "mail" and "envelope"; None where there is none, or it is encrypted."""
    if kind_of(part) == "envelope":
        signed = signed_content(content(part))
        return None if signed is None else parse_message(signed)
    inner = next(iter(children(part)), None)
    if inner is None:
        return parse_message(content(part)) if has_header(content(part)) else None
    if not inner.keys() and part.get("Content-Transfer-Encoding", "").strip().lower() == "base64":
        # Forbidden for mails in mails, and done: what was parsed is the base64.
        inner["Content-Transfer-Encoding"] = "base64"
        return parse_message(content(inner))
    return inner


def _all_leaves(part: Message) -> Iterator[Message]:
    stack = children(part)[::-1]
    while stack:
        child = _with_children(stack.pop())
        if child.get_content_maintype() == "multipart" and children(child):
            stack.extend(reversed(children(child)))
        else:
            yield child


def _is_body(part: Message) -> bool:
    return kind_of(part) in {"text", "html", "report"} and not file_name(part) and _disposition(part) != "attachment"


def _disposition(part: Message) -> str:
    return str(part.get("Content-Disposition", "")).partition(";")[0].strip().lower()


def _chosen(parts: Sequence[Message]) -> Iterator[Leaf]:
    """Of the bodies among the leaves of alternatives those that say most, and everything that is no body, but for the
    pictures in HTML that is not read."""
    bodies = [part for part in parts if _is_body(part)]
    plain = [part for part in bodies if part.get_content_type() == "text/plain" and content(part).strip()]
    html = [part for part in bodies if part.get_content_type() == "text/html"]
    chosen = _fuller(plain, html) or [part for part in bodies if content(part).strip()][-1:]
    shows_pictures = not html or html[0] in chosen
    ids = set(map(id, chosen))
    for part in parts:
        is_picture = part.get_content_maintype() == "image" and "Content-ID" in part
        if id(part) in ids or not (_is_body(part) or (is_picture and not shows_pictures)):
            yield Leaf(part, id(part) in ids)


def _fuller(plain: list[Message], html: list[Message]) -> list[Message]:
    """The plain text, or the HTML where that says more; both where each says what the other does not."""
    if not (plain and html):
        return plain or html
    in_plain = Counter(word for part in plain for word in _words(text_of(part)))
    in_html = Counter(word for part in html for word in _words(_visible(part)))
    if (in_html - in_plain).total() <= _MOST_LOST * in_html.total():
        return plain
    lost = in_plain - in_html
    is_placeholder = "html" in lost and lost.total() <= _PLACEHOLDER
    return html if is_placeholder or lost.total() <= _MOST_LOST * in_plain.total() else [*plain, *html]


def _visible(part: Message) -> str:
    builder = TextBuilder()
    try:
        write_html(content(part), builder, charset=charset(part))
    except LoadError:
        return ""
    return builder.text()


def _words(text: str) -> list[str]:
    return _WORD.findall(_ADDRESS.sub(" ", text.casefold()))
