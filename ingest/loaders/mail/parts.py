"""The parts of a message: what each is to be read as, and what it holds."""

import binascii
import email
import re
from contextlib import suppress
from email.message import Message
from email.policy import Compat32
from pathlib import PurePosixPath

from ingest.loaders.mail.charsets import decode_body, decode_header
from ingest.loaders.mail.mailbox import has_header, mended_header
from ingest.loaders.mail.signed import signed_content
from ingest.loaders.mail.soft_text import enriched_to_plain, join_flowed, richtext_to_plain
from ingest.loaders.markup.html import write_html
from ingest.loaders.text_builder import TextBuilder
from retrieval.errors import LoadError

_TEXT_SUFFIXES = frozenset({".txt", ".text", ".md", ".markdown", ".rst", ".csv", ".tsv", ".log", ".json", ".vcf"})
_HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})
_CALENDAR_SUFFIXES = frozenset({".ics", ".ical", ".vcs"})
_MAIL_SUFFIXES = frozenset({".eml", ".mht", ".mhtml"})
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
_COUNT = re.compile(rb"(;\s*\w{1,60}\*)\d{10,}(?=\*?\s*=)")
"""The number of a piece of a parameter (RFC 2231). Python's email package fails where it has thousands of digits."""

_QUOTED = re.compile(rb"=(?:3D|\r?\n)")
_ONLY_BASE64 = re.compile(r"[A-Za-z0-9+/]{5,}")
_NOT_BASE64 = re.compile(r"^.*[^A-Za-z0-9+/=\s].*", re.M)
_BASE64 = re.compile(r"^[A-Za-z0-9+/=]{60,}\s*$", re.M)


class _Policy(Compat32):
    """Gives header values as they stand, whatever bytes are in them."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        return value


_POLICY = _Policy()


def parse_message(data: bytes) -> Message:
    """Raises LoadError for parts that are nested too deeply."""
    try:
        return email.message_from_bytes(_COUNT.sub(rb"\g<1>0", mended_header(data)), policy=_POLICY)
    except RecursionError as error:
        raise LoadError("its parts are nested too deeply; save the inner mail on its own") from error


def header(message: Message, name: str) -> str:
    """The header's value on one line, its encoded words decoded; "" where there is none."""
    return decode_header(str(message.get(name, "")))


def payload_of(part: Message) -> object:
    """As Message.get_payload, whatever its header says that the charset is."""
    try:
        return part.get_payload()
    except ValueError:  # a name that no charset can have, which email does not catch
        part.del_param("charset")
        return part.get_payload()


def children(part: Message) -> list[Message]:
    payload = payload_of(part)
    return [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else []


def kind_of(part: Message) -> str:
    """What the part is to be read as: "mail", "envelope" (S/MIME), "html", "text", "calendar", "report" (of a mail
    server), "invisible", or "file"."""
    kind, suffix = part.get_content_type(), PurePosixPath(file_name(part)).suffix.lower()
    if kind in _INVISIBLE:
        return "invisible"
    if kind in _ENVELOPES or suffix == ".p7m":
        return "envelope"
    if kind in _MAIL_TYPES or suffix in _MAIL_SUFFIXES:
        return "mail"
    if kind in _CALENDAR_TYPES or suffix in _CALENDAR_SUFFIXES:
        return "calendar"
    if kind == "text/html" or suffix in _HTML_SUFFIXES:
        return "html"
    if part.get_content_maintype() == "message" and children(part):
        return "report"
    return "text" if part.get_content_maintype() in _TEXT_TYPES or suffix in _TEXT_SUFFIXES else "file"


def content(part: Message) -> bytes:
    """The bytes of a part that is no container; what base64 and the like cannot read stays as it is, and so does a
    footer that a mailing list has put under base64."""
    encoding = str(part.get("Content-Transfer-Encoding", ""))
    if encoding and encoding != (clean := encoding.partition(";")[0].strip().strip('"').lower()):
        part.replace_header("Content-Transfer-Encoding", clean)  # email knows no other way to write it
        encoding = clean
    found = part.get_payload(decode=True)
    raw = payload_of(part)
    if encoding == "base64" and isinstance(raw, str) and (footer := _NOT_BASE64.search(raw)):
        text = raw[footer.start() :]
        with suppress(ValueError):
            if not _BASE64.search(text):  # else a digit is damaged, which costs itself alone
                return binascii.a2b_base64(raw[: footer.start()]) + text.encode("utf-8", "surrogateescape")
    if encoding == "base64" and isinstance(raw, str) and (whole := _whole_base64(raw)):
        return binascii.a2b_base64(whole)
    return found if isinstance(found, bytes) else b""


def _whole_base64(raw: str) -> str:
    """Base64 that was cut off after one digit of four, which email then does not decode, without it; "" for others."""
    digits = "".join(raw.split())
    return digits[:-1] if len(digits) % 4 == 1 and _ONLY_BASE64.fullmatch(digits) else ""


def text_of(part: Message) -> str:
    """The text of a part that is no HTML, with paragraphs as its sender had them."""
    text = decode_body(content(part), charset(part)).replace("\r\n", "\n")
    match part.get_content_type():
        case "text/enriched":
            return enriched_to_plain(text)
        case "text/richtext":
            return richtext_to_plain(text)
        case "text/plain" if _parameter(part, "format") == "flowed":
            return join_flowed(text, deletes_space=_parameter(part, "delsp") == "yes")
    return text


def _parameter(part: Message, name: str) -> str:
    """In lower case; "" where the Content-Type has none, or one that is damaged."""
    try:
        return str(part.get_param(name, "")).strip().lower()
    except (LookupError, ValueError, TypeError):
        return ""


def write_page(part: Message, builder: TextBuilder) -> str:
    """Write a part that is HTML; return the page's title, which may be "". Raises as write_html."""
    said = charset(part)
    page = decode_body(content(part), said).encode("utf-8", "replace") if said else content(part)
    return write_html(page, builder, charset=said and "utf-8")


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
    if part.get("Content-Transfer-Encoding", "").strip().lower() == "quoted-printable":
        with suppress(ValueError, LookupError, TypeError, AttributeError):  # of what email parses and cannot write
            raw = inner.as_bytes()
            return parse_message(binascii.a2b_qp(raw)) if _QUOTED.search(raw) else inner
    return inner


def is_body(part: Message) -> bool:
    return kind_of(part) in {"text", "html", "report"} and not file_name(part) and _disposition(part) != "attachment"


def _disposition(part: Message) -> str:
    return str(part.get("Content-Disposition", "")).partition(";")[0].strip().lower()
