r"""JSON, YAML, TOML and Java properties: the file's text, with the characters that its escapes stand for.

They are replaced where they stand and never by a line break, so that each line keeps its number.
"""

import re

from ingest.loaders.text.decoding import decode_noting
from ingest.loaders.text.replacements import on_one_line
from ingest.loaders.text.terminal import without_codes_in_json
from retrieval.types import Document

_JSON = re.compile(
    r"\\(?:u(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|u(?P<code>[0-9a-fA-F]{4})|(?P<sign>.))"
)
_YAML = re.compile(
    r"\\(?:u(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?:x(?=[89a-fA-F][0-9a-fA-F])|u(?!00[0-7])(?=[0-9a-fA-F]{4})"
    r"|U(?!000000[0-7])(?=00[01][0-9a-fA-F]{5}))"
    r"(?P<code>(?<=x)..|(?<=u).{4}|(?<=U).{8})|(?P<sign>.))"
)
_PROPERTIES = re.compile(
    r"\\(?:u+(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\u+(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|u+(?P<code>[0-9a-fA-F]{4})|(?P<sign>.|(?=\n)))"
)
_JSON_SIGNS = {"/": "/", "n": " ", "r": " ", "t": " ", "f": " ", "b": " "}
_PROPERTY_SIGNS = {sign: sign for sign in " :=#!'\""} | dict.fromkeys("nrtf", " ") | {"": ""}


def load_json(data: bytes, *, source: str) -> Document:
    r"""The file's text with the characters of its strings: those of \uXXXX, and a space for \n and its like.

    Quotes and backslashes keep their backslash.
    """
    text, notices = decode_noting(data)
    return Document(source, unescaped(without_codes_in_json(text), _JSON, _JSON_SIGNS), notices=notices)


def load_yaml(data: bytes, *, source: str) -> Document:
    r"""YAML and TOML: the file's text, with the characters beyond ASCII of \xXX, \uXXXX and \UXXXXXXXX."""
    return _load(data, source, _YAML, {})


def load_properties(data: bytes, *, source: str) -> Document:
    r"""Java properties: the file's text, with the characters of \uXXXX, without the backslashes before other signs."""
    return _load(data, source, _PROPERTIES, _PROPERTY_SIGNS)


def _load(data: bytes, source: str, pattern: re.Pattern[str], signs: dict[str, str]) -> Document:
    text, notices = decode_noting(data)
    return Document(source, unescaped(text, pattern, signs), notices=notices)


def unescaped(text: str, pattern: re.Pattern[str], signs: dict[str, str]) -> str:
    """The text with what its escapes stand for: code points, and of the others those in `signs`."""

    def character(match: re.Match[str]) -> str:
        if match["high"]:
            return bytes.fromhex(match["high"] + match["low"]).decode("utf-16-be")
        if match["sign"] is not None:
            return signs.get(match["sign"], match[0])
        return _printed(chr(int(match["code"], 16)), match[0])

    return pattern.sub(character, text) if "\\" in text else text


def _printed(character: str, escape: str) -> str:
    """What a reader sees: a space for control characters and line ends; the escape itself for quotes and halves."""
    if character in '"\\' or "\ud800" <= character <= "\udfff":
        return escape
    return on_one_line(character)
