"""vCards: people as lines that can be read, without encodings and folding."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ingest.loaders.content_lines import content_lines, decode_unfolded, unescaped
from retrieval.types import Document, Heading

_PARTS = re.compile(r"(?<!\\);")
_NAMES = ("FN", "N", "ORG", "NICKNAME")  # the first of these that a card has is its heading
_STRUCTURE = frozenset({"BEGIN", "END", "VERSION", "PRODID", "UID", "REV"})
_STRUCTURED = frozenset({"N", "ADR", "ORG"})
_AS_SPOKEN = (3, 1, 2, 0, 4)  # the parts of N: prefix, given and additional names, family name, suffix
_NO_KINDS = frozenset({"QUOTED-PRINTABLE", "8BIT", "7BIT", "PREF", "VOICE", "INTERNET"})
_NO_TEXT = re.compile(r"[A-Za-z0-9+/=]{60,}")


class _Property(NamedTuple):
    """One line of a card: the name in capitals, the kinds such as WORK, and the value."""

    name: str
    kinds: tuple[str, ...]
    value: str


def load_vcard(data: bytes, *, source: str) -> Document:
    """A block for each card: the name, which is a heading, then a line for each property: "TEL (WORK): +49 30 1234".

    Lines are unfolded, quoted-printable and escapes are decoded; pictures, keys and what only programs read are left
    out. The title is the name on a single card.
    """
    text, notices = decode_unfolded(data)
    blocks: list[str] = []
    headings: list[Heading] = []
    length = 0
    for card in _cards(text):
        name = next((one.value for name in _NAMES for one in card if one.name == name), "")
        heading = " ".join(name.split())
        if heading:
            headings.append(Heading(length, 1, heading))
        lines = [_line(one) for one in card if (one.name, one.value) != ("FN", name)]
        blocks.append("\n".join(filter(None, [heading, *lines])))
        length += len(blocks[-1]) + 2
    title = headings[0].text if len(headings) == 1 else None
    return Document(source, "\n\n".join(blocks), title=title, headings=tuple(headings), notices=notices)


def _line(one: _Property) -> str:
    return f"{one.name} ({', '.join(one.kinds)}): {one.value}" if one.kinds else f"{one.name}: {one.value}"


def _cards(text: str) -> Iterator[list[_Property]]:
    """The properties of each card, and of what is outside of any."""
    card: list[_Property] = []
    for one in _properties(text):
        if one.name in {"BEGIN", "END"}:
            if card:
                yield card
            card = []
        elif one.value and one.name not in _STRUCTURE:
            card.append(one)
    if card:
        yield card


def _properties(text: str) -> Iterator[_Property]:
    for line in content_lines(text):
        if not line.name:
            if not _NO_TEXT.fullmatch(line.value):
                yield _Property("NOTE", (), line.value)
        elif line.encodings.isdisjoint({"BASE64", "B"}) and not line.value.startswith("data:"):
            kinds = [
                kind
                for key, value in line.parameters
                for kind in value.upper().split(",")
                if key in {"", "TYPE"} and kind not in _NO_KINDS
            ]
            yield _Property(line.name, tuple(dict.fromkeys(kinds)), _readable(line.name, line.value))


def _readable(name: str, value: str) -> str:
    """Escapes are what they stand for; the parts of a name are in the order in which they are spoken."""
    if name not in _STRUCTURED:
        return unescaped(value).strip()
    parts = [" ".join(unescaped(part).split()) for part in _PARTS.split(value)]
    if name == "N":
        return " ".join(parts[place] for place in _AS_SPOKEN if place < len(parts) and parts[place])
    return ", ".join(filter(None, parts))
