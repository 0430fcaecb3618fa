"""Writes messages: the subject as a heading, the headers that matter, the text, what is attached, forwarded mails."""

import re
from email.message import Message
from itertools import chain
from pathlib import PurePosixPath

from ingest.loaders.content_lines import unfolded
from ingest.loaders.mail.calendar import write_calendar
from ingest.loaders.mail.charsets import decode_body, decode_header
from ingest.loaders.mail.leaves import Leaf, leaves
from ingest.loaders.mail.parts import (
    charset,
    children,
    content,
    file_name,
    header,
    inner_mail,
    kind_of,
    payload_of,
    text_of,
    write_page,
)
from ingest.loaders.text.escapes import load_json
from ingest.loaders.text.vcard import load_vcard
from ingest.loaders.text_builder import TextBuilder
from retrieval.errors import LoadError

_SHOWN = ("From", "To", "Cc", "Bcc", "Date")
_MAX_DEPTH = 50
_LOADERS = {".json": load_json, ".vcf": load_vcard, ".vcard": load_vcard}  # of attachments that are data
_VCARD_TYPES = frozenset({"text/vcard", "text/x-vcard", "text/directory"})
_ARMOUR = re.compile(
    r"^-----BEGIN PGP (MESSAGE|SIGNATURE|PUBLIC KEY BLOCK|PRIVATE KEY BLOCK)-----[ \t]*\n"
    r"(?:(?!-----BEGIN)[^\n]*\n)*?-----END PGP \1-----[ \t]*(?:\n|\Z)",
    re.M,
)
_ENCRYPTED = re.compile(r"^-----BEGIN PGP MESSAGE-----", re.M)
_MARKUP = re.compile(rb"\s*<(?:!doctype\s+)?html\b", re.I)
_SIGNED = re.compile(r"^-----BEGIN PGP SIGNED MESSAGE-----[ \t]*\n(?:Hash:[^\n]*\n)*", re.M)
_UUENCODED = re.compile(r"^begin [0-7]{3,4} ([^\n]+)\n(?:[ -`]{1,62}[ \t]*\n)+end[ \t]*$", re.M)


class MessageWriter:
    """Writes messages to a builder, one after the other.

    says_something   whether a subject or any text has been written; headers and the names of files are neither.
    attached         names of the files that are attached and hold no text that is read.
    encrypted        how many texts or envelopes are encrypted.
    """

    def __init__(self, builder: TextBuilder) -> None:
        self.says_something = False
        self.attached: list[str] = []
        self.encrypted = 0
        self._builder = builder
        self._seen: set[str] = set()  # calendars of this message: invitations bring theirs twice

    def write(self, message: Message, *, heading: str, depth: int = 0) -> None:
        """`heading` may be ""; headings inside the message are below it. `depth` is how many messages are around it,
        and -1 for one of several in a mailbox."""
        self._heading(heading, level=depth + 1)
        for name in _SHOWN:
            if value := header(message, name):
                self._builder.line()
                self._builder.write(f"{name}: {value}")
        self._builder.paragraph()
        self._seen.clear()
        self._parts(message, depth)

    def _parts(self, message: Message, depth: int) -> None:
        for leaf in leaves(message):
            before = self._builder.length
            is_text = self._part(leaf, depth)
            self.says_something |= is_text and self._builder.length > before

    def _part(self, leaf: Leaf, depth: int) -> bool:
        """Returns whether what it wrote, if anything, is text."""
        part, kind = leaf.part, kind_of(leaf.part)
        name = "" if leaf.is_body else file_name(part)
        inner = inner_mail(part) if kind in {"mail", "envelope"} and depth < _MAX_DEPTH else None
        if inner is not None and kind == "envelope":
            self._parts(inner, depth + 1)
        elif inner is not None:
            self.write(inner, heading=header(inner, "Subject") or name, depth=depth + 1)
        elif kind == "invisible":
            self.encrypted += part.get_content_type() == "application/pgp-encrypted"  # what it announces comes next
            return False
        elif kind == "calendar":
            self._calendar(part, depth)
        elif kind in {"html", "report", "text"}:
            self._heading(name, level=depth + 2)
            self._text_part(part, kind, depth)
        else:
            self.encrypted += kind == "envelope"
            self._attachment(name)
            return False
        return True

    def _attachment(self, name: str) -> None:
        if name:
            self._builder.paragraph()
            self._builder.write(f"Attachment: {name}")
            self._builder.paragraph()
            self.attached.append(name)

    def _text_part(self, part: Message, kind: str, depth: int) -> None:
        if kind == "html" or (kind == "text" and _MARKUP.match(content(part))):  # which is not what it says it is
            self._html(part, depth)
        elif kind == "report":
            self._verbatim("\n\n".join(map(_report, children(part))))
        elif (attached := _loaded(part)) is not None:
            self._verbatim(attached)
        else:
            text = text_of(part)
            self.encrypted += len(_ENCRYPTED.findall(text))
            self._verbatim(_readable(text))

    def _calendar(self, part: Message, depth: int) -> None:
        text = decode_body(unfolded(content(part)), charset(part))
        words = " ".join(text.split())
        if words not in self._seen:
            self._seen.add(words)
            before = self._builder.length
            write_calendar(text, self._builder, level=depth + 2)
            if self._builder.length == before:
                self._verbatim(text)

    def _heading(self, text: str, *, level: int) -> None:
        self._builder.paragraph()
        self._builder.begin_heading(level)
        self._builder.write(text)
        self._builder.end_heading()
        self._builder.paragraph()
        self.says_something |= bool(text)

    def _html(self, part: Message, depth: int) -> None:
        base, self._builder.base_level = self._builder.base_level, depth + 1
        try:
            write_page(part, self._builder)
        except LoadError:  # its bytes are no text in any encoding: a mail is worth its other parts
            self._verbatim(text_of(part))
        finally:
            self._builder.base_level = base

    def _verbatim(self, text: str) -> None:
        self._builder.paragraph()
        self._builder.begin_verbatim()
        self._builder.write(text)
        self._builder.end_verbatim()
        self._builder.paragraph()


def _loaded(part: Message) -> str | None:
    """The text of a vCard or of JSON as its loader reads it; None for any other part, and where the loader refuses."""
    suffix = ".vcf" if part.get_content_type() in _VCARD_TYPES else PurePosixPath(file_name(part)).suffix.lower()
    loader = _LOADERS.get(suffix)
    try:
        return None if loader is None else loader(content(part), source=file_name(part)).text
    except LoadError:
        return None


def _readable(text: str) -> str:
    """The text without what only programs read: PGP's armour, and files in uuencode, of which the name stays."""
    if "-----BEGIN PGP " in text:
        text = _SIGNED.sub("", _ARMOUR.sub("", text))
    return _UUENCODED.sub(r"Attachment: \1", text) if "\nend" in text else text


def _report(block: Message) -> str:
    """What a mail server reports in lines like headers, such as why a mail was not delivered."""
    fields = (f"{name}: {decode_header(str(value))}" for name, value in block.items())
    body = payload_of(block)
    return "\n".join(chain(fields, ["", body] if isinstance(body, str) and body.strip() else []))
