"""Mail files (.eml, Maildir, .emlx), mailboxes (mbox) and web archives (.mht) -> Documents."""

from dataclasses import replace
from email.message import Message

from ingest.loaders.mail.leaves import leaves
from ingest.loaders.mail.mailbox import has_header, messages_of
from ingest.loaders.mail.message import MessageWriter
from ingest.loaders.mail.parts import header, parse_message, write_page
from ingest.loaders.text_builder import TextBuilder
from retrieval.errors import LoadError
from retrieval.types import Document

_PAGES = frozenset({"text/html", "application/xhtml+xml"})


def load_mail(data: bytes, *, source: str) -> Document:
    """Each message under its subject as a heading: From, To, Cc, Bcc and Date, a line each, the text, the attachments.

    The title is the subject of the only message. Of alternatives the plain text is read, unless the HTML says more.
    An attachment that is text follows under its file name, a mail under its subject, a calendar entry under its
    summary; of others only the name is told. A page that a browser saved as one file is read as that page.

    Raises LoadError for what has no headers of a mail, and for a mail without subject and text. Damaged headers,
    encodings and charsets are read as well as they can be.
    """
    if not has_header(data):
        raise LoadError("it is no mail (it has no headers); save it again as .eml")
    messages = messages_of(data)
    if len(messages) == 1:
        return _single(parse_message(messages[0]), source)
    builder = TextBuilder()
    writer = MessageWriter(builder)
    for number, one in enumerate(messages, 1):
        message = parse_message(one)
        heading = header(message, "Subject") or header(message, "From") or f"Message {number}"
        writer.write(message, heading=heading, depth=-1)
    if not messages:
        raise LoadError("its mailbox holds no messages but deleted ones; ignore it in .retrievalignore")
    return _noted(builder.document(source, title=None), writer, of_many=True)


def _single(message: Message, source: str) -> Document:
    if _is_web_archive(message):
        return _load_web_archive(message, source)
    builder = TextBuilder()
    writer = MessageWriter(builder)
    subject = header(message, "Subject")
    writer.write(message, heading=subject)
    if not writer.says_something:
        attached = f", only attachments ({', '.join(writer.attached)})" if writer.attached else ""
        if writer.encrypted:
            raise LoadError("its mail is encrypted; decrypt it, or ignore it in .retrievalignore")
        raise LoadError(
            f"its mail has neither a subject nor a text{attached}; save what is attached, or ignore it in "
            ".retrievalignore"
        )
    return _noted(builder.document(source, title=subject or None), writer, of_many=False)


def _noted(document: Document, writer: MessageWriter, *, of_many: bool) -> Document:
    """With a notice where mails are encrypted."""
    if not writer.encrypted:
        return document
    whose = f"{writer.encrypted:,} of its texts are" if of_many and writer.encrypted > 1 else "a text in it is"
    return replace(document, notices=(f"{whose} encrypted; decrypt the mail to have it read",))


def _is_web_archive(message: Message) -> bool:
    """Whether a browser or word processor saved a page, rather than someone sending it: nobody has an address."""
    kind = message.get_content_type()
    is_page = kind == "multipart/related" or (kind in _PAGES and "Content-Location" in message)
    return is_page and "To" not in message and "@" not in header(message, "From")


def _load_web_archive(message: Message, source: str) -> Document:
    """The page that the archive starts with; its frames too, where that has no text of its own.

    Raises LoadError where there is no text.
    """
    start = str(message.get_param("start", "") or "")
    pages = [leaf.part for leaf in leaves(message) if leaf.part.get_content_type() in _PAGES]
    pages.sort(key=lambda page: not start or page.get("Content-ID", "").strip() != start.strip())
    builder = TextBuilder()
    title = ""
    for page in pages:
        title = write_page(page, builder) or title
        if builder.length:
            break
    if not builder.length:
        raise LoadError("its page has no text; ignore it in .retrievalignore")
    first = next((heading.text for heading in builder.headings if heading.level == 1), None)
    return builder.document(source, title=title or header(message, "Subject") or first)
