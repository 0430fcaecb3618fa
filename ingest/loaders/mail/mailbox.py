"""Where messages begin: mailboxes (mbox), Apple's .emlx, and whether a file is mail at all. Bytes in, bytes out."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_FROM_LINE = re.compile(rb"^From [^\n]*\n", re.M)
_GIT_LINE = re.compile(rb"From [0-9a-f]{40,64} Mon Sep 17 00:00:00 2001\b")
_DATED = re.compile(rb"\d:\d\d.*\d{4}|\d{4}.*\d:\d\d")
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z)|>From [^\n]*\n")
_FIELD_NAME = re.compile(rb"^[!-9;-~]+[ \t]*:", re.M)
_BLANK = re.compile(rb"[ \t]*\r?(?:\n|\Z)")
_BLANK_LINE = re.compile(rb"^[ \t]*\r?\n", re.M)
_MIME_FIELD = re.compile(rb"^(?:MIME-Version|Content-Type|Content-Transfer-Encoding)[ \t]*:", re.M | re.I)
_QUOTED_FROM = re.compile(rb"^>(?=>*From )", re.M)
_LENGTH = re.compile(rb"^Content-Length[ \t]*:[ \t]*(\d{1,12})\b", re.M | re.I)
_MOZILLA_STATUS = re.compile(rb"^X-Mozilla-Status[ \t]*:[ \t]*([0-9a-f]{4})\b", re.M | re.I)
_MOZILLA_EXPUNGED = 0x0008
_FOLDER_DATA = re.compile(rb"^Subject:[^\n]*FOLDER INTERNAL DATA", re.M)
_EMLX = re.compile(rb"\s*(\d{1,10})[ \t]*\r?\n")
_FIRST_LINES = 8192  # bytes
_LONGEST_FROM_LINE = 1000  # bytes: an address and a date
_BEFORE = b"\xef\xbb\xbf\r\n \t"

_ADDRESSED = frozenset({b"from", b"to", b"cc", b"date", b"subject", b"sender", b"reply-to", b"newsgroups"})
_TRACES = frozenset(
    {
        b"received", b"return-path", b"delivered-to", b"message-id", b"mime-version", b"dkim-signature",
        b"authentication-results", b"arc-seal", b"envelope-to", b"x-mailer", b"x-received", b"x-original-to",
        b"x-gm-thrid", b"x-gmail-labels", b"x-mozilla-status", b"x-uidl", b"in-reply-to", b"references", b"status",
        b"user-agent", b"nntp-posting-host",
    }
)  # fmt: skip
_OTHERS = frozenset({b"bcc", b"organization", b"keywords", b"comments", b"lines", b"importance", b"priority"})
_FAMILIES = (b"x-", b"list-", b"arc-", b"resent-", b"content-", b"thread-")


class _Fields(NamedTuple):
    """The header fields of a message: their names in lower case, where they end, and whether a blank line, or the end
    of the data, follows there."""

    names: frozenset[bytes]
    end: int
    is_complete: bool


def is_mail(head: bytes) -> bool:
    """Whether a file that starts with `head` is a message or a mailbox, and nothing else that has such lines.

    A text that begins with From, To and Subject counts where no line of its header is foreign to mail.
    """
    head = head.lstrip(_BEFORE)
    if head.startswith(b"From "):
        return _begins_message(head, 0)
    if match := _EMLX.match(head):
        head = head[match.end() :]
    names, end, is_complete = _fields(head, 0)
    if not is_complete and end < len(head):
        return False
    addressed, traces = names & _ADDRESSED, names & _TRACES
    if len(traces) >= 3 or (traces and len(addressed) >= 2) or {b"mime-version", b"content-type"} <= names:
        return True
    known = all(name in _ADDRESSED | _TRACES | _OTHERS or name.startswith(_FAMILIES) for name in names)
    return known and {b"from", b"subject"} <= names and len(addressed) >= 3


def has_header(data: bytes) -> bool:
    """Whether a header field stands among the first lines."""
    return bool(_FIELD_NAME.search(data, 0, _FIRST_LINES))


def messages_of(data: bytes) -> list[bytes]:
    """The messages in a mailbox, in any of the variants of mbox, without their "From " lines; or the only message in
    an .emlx or .eml file.

    Messages that Thunderbird has deleted and not yet removed are left out, as is what mail servers keep of a folder.
    """
    data = data.lstrip(_BEFORE)
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    if not (data.startswith(b"From ") and _begins_message(data, 0)):
        return [_without_foreign_lines(_without_emlx_frame(data))]
    return list(_split(data))


def _split(data: bytes) -> Iterator[bytes]:
    begins = [0]
    skip_to = _end_by_length(data, 0)
    is_of_patches = bool(_GIT_LINE.match(data))
    for match in _FROM_LINE.finditer(data, 1):
        if not is_of_patches and _GIT_LINE.match(data, match.start()):
            continue  # a patch that someone has sent
        if match.start() >= skip_to and _begins_message(data, match.start()):
            begins.append(match.start())
            skip_to = _end_by_length(data, match.start())
    for begin, end in zip(begins, [*begins[1:], len(data)], strict=True):
        start = data.index(b"\n", begin) + 1
        names, body, _ = _fields(data, start)
        header = data[start:body]
        status = _MOZILLA_STATUS.search(header)
        is_deleted = status is not None and int(status[1], 16) & _MOZILLA_EXPUNGED
        if is_deleted or (names & {b"x-imap", b"x-imapbase"} and _FOLDER_DATA.search(header)):
            continue
        header = b"".join(match[0] for match in _FIELD.finditer(header) if match[1])
        yield header + _QUOTED_FROM.sub(b"", data[body:end])


def _begins_message(data: bytes, position: int) -> bool:
    """Whether the "From " line there separates messages, rather than being one of prose."""
    end = data.find(b"\n", position) + 1
    if not 0 < end - position <= _LONGEST_FROM_LINE:
        return False
    is_apart = position == 0 or data[max(0, position - 3) : position].replace(b"\r", b"").endswith(b"\n\n")
    if not is_apart and not _DATED.search(data, position, end):
        return False
    names = _fields(data, end).names
    known = names & (_ADDRESSED | _TRACES)
    return len(known) >= 2 or (bool(known) and bool(_DATED.search(data, position, end)))


def _end_by_length(data: bytes, begin: int) -> int:
    """Where the message that begins there ends by its Content-Length, if another message or nothing follows; else 0."""
    start = data.index(b"\n", begin) + 1
    body = _fields(data, start).end
    length = _LENGTH.search(data, start, body)
    blank = _BLANK.match(data, body)
    if length is None or blank is None:
        return 0
    end = blank.end() + int(length[1])
    while end < len(data) and data[end : end + 1] in b"\r\n":
        end += 1
    return end if end == len(data) or (end < len(data) and data.startswith(b"From ", end)) else 0


def _fields(data: bytes, position: int) -> _Fields:
    names = set()
    while match := _FIELD.match(data, position):
        if match[1]:
            names.add(match[1].lower())
        position = match.end()
    return _Fields(frozenset(names), position, bool(_BLANK.match(data, position)))


def mended_header(data: bytes) -> bytes:
    """A message whose header holds lines that are none, before others that are: they become part of the line above,
    rather than the end of the header."""
    blank = _BLANK_LINE.search(data)
    fields = _MIME_FIELD.finditer(data, 0, blank.start() if blank else len(data))
    last = max((field.start() for field in fields), default=0)
    position = _fields(data, 0).end
    pieces = [data[:position]]
    while 0 < position < last:
        end = data.index(b"\n", position) + 1
        after = _fields(data, end).end
        pieces += [b" ", data[position:after]]
        position = after
    return b"".join([*pieces, data[position:]])


def _without_foreign_lines(data: bytes) -> bytes:
    """The message from its header on, where some lines come before that."""
    if _fields(data, 0).end:
        return data
    position = 0
    while match := _FIELD_NAME.search(data, position, _FIRST_LINES):
        names, end, _ = _fields(data, match.start())
        if len(names & (_ADDRESSED | _TRACES)) >= 2:
            return data[match.start() :]
        position = max(end, match.end())
    return data


def _without_emlx_frame(data: bytes) -> bytes:
    """Apple's files have the message's length on a line before it, and a property list behind it."""
    match = _EMLX.match(data)
    if match is None or not _FIELD.match(data, match.end()):
        return data
    end = match.end() + int(match[1])
    if not data[end : end + 100].lstrip().startswith((b"<?xml", b"<!DOCTYPE plist", b"bplist")):
        found = data.rfind(b"<?xml", match.end())  # the length is wrong
        end = found if found >= 0 and b"<plist" in data[found:] else len(data)
    return data[match.end() : end]
