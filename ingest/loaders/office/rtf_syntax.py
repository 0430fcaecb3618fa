r"""RTF's syntax: groups, destinations, and characters in code pages -> a stream of text and control words.

Microsoft, "Rich Text Format (RTF) Specification", version 1.9.1.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

_TOKEN = re.compile(
    r"\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,9})? ?|\\'(?P<hex>[0-9a-fA-F]{2})|\\(?P<symbol>.)|(?P<brace>[{}])|"
    r"(?P<text>[^\\{}\r\n]+)|[\r\n]+|\\",
    re.S,
)
_DESTINATIONS = {
    **{word: word for word in ("fonttbl", "stylesheet", "info", "footnote", "annotation")},
    **{f"{word}{pages}": word for word in ("header", "footer") for pages in ("", "l", "r", "f")},
    "atnauthor": "author",
}
_IN_INFO = frozenset({"title"})
_SKIPPED = frozenset(
    {"colortbl", "pict", "objdata", "listtext", "pntext", "fldinst", "ftnsep", "ftnsepc", "xe", "tc", "sp", "shprslt",
     "nonshppict", "filetbl", "listtable", "revtbl", "private", "atnid", "template"}
)  # fmt: skip
"""Destinations whose text is none of the document's."""

_STARRED = frozenset({"shpinst", "shptxt"})  # the text in shapes, which older readers are told to skip
_CHARACTERS = {
    "tab": " ", "emdash": "—", "endash": "–", "emspace": " ", "enspace": " ", "qmspace": " ", "bullet": "•",
    "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”", "~": "\u00a0", "_": "-", "-": "", "{": "{",
    "}": "}", "\\": "\\", "line": "\n", "lbr": "\n", "nestcell": " ", "nestrow": " ",
}  # fmt: skip
_SYMBOLS_FOR_WORDS = {"\n": "par", "\r": "par", "\t": "tab"}
_FONT_ENCODINGS = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gb18030", 136: "cp950", 161: "cp1253",
    162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874",
    238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip
r"""By \fcharset; a font with another, such as 1 (default), has the document's encoding."""

_DOCUMENT_ENCODINGS = {"ansi": "cp1252", "mac": "mac_roman", "pc": "cp437", "pca": "cp850"}


class Event(NamedTuple):
    r"""Text, or a control word, and where it stands.

    destination  "body", "header", "footer", "footnote", "annotation" (a comment), "author" (of the comment that
                 follows), "title" (among the properties) or "stylesheet".
    word         the control word; "" for text, "end" where a group that is a destination ends.
    number       of the control word; None where it has none.
    """

    destination: str
    word: str
    number: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Group:
    """What a closing brace restores."""

    destination: str = "body"
    font: int | None = None
    fallback: int = 1  # how many characters after each \u stand for it in readers without Unicode
    hidden: bool = False


class RtfReader:
    """Reads one file; `events` may be called once."""

    def __init__(self, data: bytes) -> None:
        self._text = data.decode("latin-1")
        self._group = _Group()
        self._outer: list[_Group] = []
        self._encoding = "cp1252"
        self._fonts: dict[int | None, str] = {}
        self._font_in_table: int | None = None
        self._default_font: int | None = None
        self._bytes: list[str] = []  # characters U+0000 to U+00FF
        self._to_skip = 0  # of the characters that stand for a \u
        self._starred = False

    def events(self) -> Iterator[Event]:
        """What is text or may lay it out, in order; text that is hidden or deleted is left out."""
        position = 0
        while match := _TOKEN.match(self._text, position):
            position = match.end()
            kind = match.lastgroup
            if kind == "hex":
                self._add_bytes(chr(int(match["hex"], 16)))
                continue
            if kind == "text":
                self._add_bytes(match["text"])
                continue
            if kind is None:  # a line end in the file means nothing
                continue
            yield from self._flushed()
            if kind == "brace":
                yield from self._brace(match["brace"])
                if not self._outer:
                    return
                continue
            word = match["word"] or _SYMBOLS_FOR_WORDS.get(match["symbol"], match["symbol"])
            number = int(match["number"]) if match["number"] else None
            if word == "bin":
                position += max(0, number or 0)
            elif self._group.destination != "skipped":
                yield from self._word(word, number)
        yield from self._flushed()

    def _add_bytes(self, characters: str) -> None:
        skipped = min(self._to_skip, len(characters))
        self._to_skip -= skipped
        if self._group.destination != "skipped" and len(characters) > skipped:
            self._bytes.append(characters[skipped:])

    def _flushed(self) -> Iterator[Event]:
        self._to_skip = 0
        if self._bytes:
            encoding = self._fonts.get(self._group.font, self._encoding)
            text = "".join(self._bytes).encode("latin-1").decode(encoding, "replace")
            self._bytes.clear()
            yield from self._written(text)

    def _written(self, text: str) -> Iterator[Event]:
        if text and not self._group.hidden:
            yield Event(self._group.destination, "", text=text)

    def _brace(self, brace: str) -> Iterator[Event]:
        self._starred = False
        if brace == "{":
            self._outer.append(self._group)
        elif self._outer:
            ended, self._group = self._group.destination, self._outer.pop()
            if ended not in {self._group.destination, "skipped"}:
                yield Event(ended, "end")

    def _word(self, word: str, number: int | None) -> Iterator[Event]:
        destination = self._group.destination
        if word == "*":
            self._starred = True
        elif word in _DESTINATIONS or (destination == "info" and word in _IN_INFO):
            self._group = replace(self._group, destination=_DESTINATIONS.get(word, word))
        elif word in _SKIPPED or (self._starred and word not in _STARRED) or destination == "info":
            self._group = replace(self._group, destination="skipped")
        elif word == "u" and number is not None:
            yield from self._written(chr(number % 0x10000))
            self._to_skip = self._group.fallback
        elif word in _CHARACTERS:
            yield from self._written(_CHARACTERS[word])
        elif not self._set(word, number):
            yield Event(destination, word, number)
        self._starred = self._starred and word == "*"

    def _set(self, word: str, number: int | None) -> bool:
        """Take up what decides how characters are read; False for a word that says nothing about that."""
        if word == "f" and self._group.destination == "fonttbl":
            self._font_in_table = number
        elif word == "fcharset":
            self._fonts[self._font_in_table] = _FONT_ENCODINGS.get(number or 0, self._encoding)
        elif word in _DOCUMENT_ENCODINGS:
            self._encoding = _DOCUMENT_ENCODINGS[word]
        elif word == "ansicpg":
            self._encoding = _code_page(number)
        elif word == "deff":
            self._default_font = number
            self._group = replace(self._group, font=number)
        elif word == "plain":
            self._group = replace(self._group, font=self._default_font, hidden=False)
        elif word == "f":
            self._group = replace(self._group, font=number)
        elif word == "uc":
            self._group = replace(self._group, fallback=max(0, number or 0))
        elif word in {"v", "deleted"}:
            self._group = replace(self._group, hidden=number != 0)
        else:
            return False
        return True


def _code_page(number: int | None) -> str:
    name = {65001: "utf-8", 10000: "mac_roman"}.get(number or 0, f"cp{number}")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "cp1252"
