"""Which parts of a message are read: all of its text, once, and what is attached."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from email.message import Message
from typing import NamedTuple

from ingest.loaders.mail.parts import children, content, is_body, parse_message, payload_of, text_of, write_page
from ingest.loaders.text_builder import TextBuilder
from retrieval.errors import LoadError

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+")
_ADDRESS = re.compile(r"\b(?:https?|mailto|cid):[^\s>\"]+")
_MOST_LOST = 0.1  # of the words of the HTML, where the plain text is read alone; and the other way round
_PLACEHOLDER = 40  # words that a plain text may have besides, if it only says that there is HTML
_BOUNDARY = re.compile(r"^--([^\s\"\\]{1,200})[ \t]*\r?\n(?=Content-[\w-]+[ \t]*:)", re.M | re.I)


class Leaf(NamedTuple):
    """A part that holds no others, and whether it is a piece of the message's text rather than attached to it."""

    part: Message
    is_body: bool


def leaves(message: Message) -> Iterator[Leaf]:
    """The parts to be read, in order: of alternatives the one that says most, and all that is attached."""
    stack = [message]
    while stack:
        part = _with_children(stack.pop())
        if part.get_content_maintype() != "multipart" or not children(part):
            yield Leaf(part, is_body(part))
        elif part.get_content_subtype() == "alternative":
            yield from _chosen(list(_all_leaves(part)))
        else:
            stack.extend(reversed(children(part)))


def _all_leaves(part: Message) -> Iterator[Message]:
    stack = children(part)[::-1]
    while stack:
        child = _with_children(stack.pop())
        if child.get_content_maintype() == "multipart" and children(child):
            stack.extend(reversed(children(child)))
        else:
            yield child


def _with_children(part: Message) -> Message:
    """A multipart whose parts stand between other lines than it says: the message with the lines that are there."""
    payload = payload_of(part)
    if part.get_content_maintype() != "multipart" or not isinstance(payload, str):
        return part
    found = _BOUNDARY.search(payload)
    if found is None:
        return part
    header = f'Content-Type: {part.get_content_type()}; boundary="{found[1]}"\n\n'
    parsed = parse_message((header + payload).encode("utf-8", "surrogateescape"))
    return parsed if children(parsed) else part


def _chosen(parts: Sequence[Message]) -> Iterator[Leaf]:
    """Of the bodies among the leaves of alternatives those that say most, and everything that is no body, but for the
    pictures in HTML that is not read."""
    bodies = [part for part in parts if is_body(part)]
    plain = [part for part in bodies if part.get_content_type() == "text/plain" and content(part).strip()]
    html = [part for part in bodies if part.get_content_type() == "text/html"]
    chosen = _fuller(plain, html) or [part for part in bodies if content(part).strip()][-1:]
    shows_pictures = not html or html[0] in chosen
    ids = set(map(id, chosen))
    for part in parts:
        is_picture = part.get_content_maintype() == "image" and "Content-ID" in part
        if id(part) in ids or not (is_body(part) or (is_picture and not shows_pictures)):
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
        write_page(part, builder)
    except LoadError:
        return ""
    return builder.text()


def _words(text: str) -> list[str]:
    return _WORD.findall(_ADDRESS.sub(" ", text.casefold()))
