"""Characters and what becomes of them -> the binary form in which `tokenizers` reads them (`Precompiled`).

It is SentencePiece's: the size in bytes of a trie, the trie, and all replacements, each ended by a NUL byte. The trie
is a double array of uint32 (Aoe 1989) over UTF-8 bytes. The children of a node lie at its base XOR their byte; a unit
has its own byte in bits 0 to 7, says in bit 8 whether a key ends there, and has from bit 10 on its place XOR its base.
Where a key ends, the unit at the base itself has the place of the replacement, and bit 31 set.
"""

import struct
import sys
import unicodedata
from collections.abc import Mapping

_LONGEST_SEQUENCE = 5
"""Bytes: `tokenizers` looks up no longer one, and takes the first replacement on the way, so that a sequence of which a
beginning is replaced has no effect."""

_ENDS = 0
"""Stands among a node's bytes, of which no key has a NUL, where a key ends."""


class _Node(dict[int, "_Node | int"]):
    """Byte -> node below; _ENDS -> place of the replacement."""


def with_compositions(characters: Mapping[str, str]) -> dict[str, str]:
    """`characters`, what becomes of single ones, and what becomes of a letter and a combining mark: the letter that is
    composed of both."""
    variants: dict[str, list[str]] = {}
    for character, replacement in characters.items():
        variants.setdefault(replacement, []).append(character)
    found = dict(characters)
    for letter in map(chr, range(sys.maxunicode + 1)):
        parts = unicodedata.normalize("NFD", letter)
        if len(parts) == 2 and unicodedata.normalize("NFC", parts) == letter not in characters:
            for mark in (parts[1], *variants.get(parts[1], ())):
                sequence = parts[0] + mark
                if parts[0] not in characters and len(sequence.encode()) <= _LONGEST_SEQUENCE:
                    found[sequence] = letter
    return found


def build_charsmap(replacements: Mapping[str, str]) -> bytes:
    """The binary form of text -> its replacement, which may be empty; no text is empty or has a NUL."""
    root, texts, places = _Node(), bytearray(), dict[str, int]()
    for text, replacement in replacements.items():
        if replacement not in places:
            places[replacement] = len(texts)
            texts += replacement.encode() + b"\0"
        node = root
        for byte in text.encode():
            below = node.setdefault(byte, _Node())
            assert isinstance(below, _Node)
            node = below
        node[_ENDS] = places[replacement]
    units = _lay_out(root)
    return struct.pack(f"<I{len(units)}I", 4 * len(units), *units) + bytes(texts)


def _lay_out(root: _Node) -> list[int]:
    units = {0: 0}
    bases: set[int] = set()
    untried: dict[int, int] = {}  # by the number of children, so that no place is tried again for as many
    waiting = [(0, root)]
    for place, node in waiting:
        base = untried.get(len(node), 1)
        while base in bases or any(base ^ byte in units for byte in node):
            base += 1
        untried[len(node)] = base + 1
        bases.add(base)
        units[place] |= (place ^ base) << 10 | (_ENDS in node) << 8
        for byte, below in node.items():
            if isinstance(below, _Node):
                units[base ^ byte] = byte
                waiting.append((base ^ byte, below))
            else:
                units[base] = 1 << 31 | below
    return [units.get(place, 0) for place in range(max(units) + 256)]
