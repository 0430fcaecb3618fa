r"""LaTeX's letters beyond ASCII: what \"u, \'{e}, \c{c}, {\ss} and German's "u are printed as."""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping

from ingest.loaders.text.latex_verbatim import BEGINS, end_of_verbatim
from ingest.loaders.text.replacements import Replacement, replace_parts

_COMBINING = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
    "u": "\u0306", "v": "\u030c", "H": "\u030b", "c": "\u0327", "k": "\u0328", "r": "\u030a", "d": "\u0323",
    "b": "\u0331",
}  # fmt: skip
_LETTERS = {
    "ss": "ß", "SS": "ẞ", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "aa": "å", "AA": "Å", "o": "ø", "O": "Ø",
    "l": "ł", "L": "Ł", "i": "ı", "j": "ȷ", "dh": "ð", "DH": "Ð", "th": "þ", "TH": "Þ", "dj": "đ", "DJ": "Đ",
    "ng": "ŋ", "NG": "Ŋ",
}  # fmt: skip
_SIGNS = {"_": "_", "-": ""}  # of the escaped ones, those that stand in words
_SHORTHANDS = {
    "a": "ä", "o": "ö", "u": "ü", "A": "Ä", "O": "Ö", "U": "Ü", "e": "ë", "E": "Ë", "i": "ï", "I": "Ï", "s": "ß",
    "z": "ß", "S": "SS", "Z": "SZ", "`": "„", "'": "“", "<": "«", ">": "»", "=": "-", "~": "-", "-": "", "|": "",
    '"': "",
}  # fmt: skip
_IS_GERMAN = re.compile(
    r"\\usepackage\s*(?:\[[^\]]{0,300}german\b[^\]]{0,300}\]\s*\{babel\}|\{n?german\})"
    r"|\\documentclass\s*\[[^\]]{0,300}german\b|\\selectlanguage\s*\{n?german\}|babelshorthands\s*=\s*true"
)
_UMLAUT_IN_WORD = re.compile(r"""(?<![^A-Za-z][BbFfLRrUu])(?<=[A-Za-z])"(?=[aous][a-z])""")  # not Python's f"a..."
_MIN_UMLAUTS = 2
_REDEFINITION = re.compile(r"\\(?:(?:new|renew|provide)command\*?\s*\{?|def\s*)\\([A-Za-z]{1,2})(?![A-Za-z])")
_BASE = r"(?:\\[ij](?![A-Za-z])(?:\{\})?[ \t]*|[A-Za-z])"
_TOKEN = re.compile(
    rf"{BEGINS}"
    r"|(?P<open>\{)?\\(?:"
    rf"""(?P<accent>[`'^"~=.])(?P<argument>\{{[ \t]*{_BASE}[ \t]*\}}|{_BASE})"""
    rf"|(?P<letter_accent>[uvHckrdb])(?P<letter_argument>[ \t]*\{{[ \t]*{_BASE}[ \t]*\}}|[ \t]+{_BASE})"
    rf"|(?P<letter>{'|'.join(sorted(_LETTERS, key=len, reverse=True))})(?![A-Za-z@])(?:\{{\}}|[ \t]+(?=\S)|)"
    r")(?(open)[ \t]*\})"
    r"|\\(?P<sign>[_-])"
    r"|\\."
    r"""|"(?P<shorthand>[aouAOUeEiIsSzZ`'<>=~|"-])""",
    re.S,
)


def decode_accents(text: str, *, may_be_part: bool = False) -> str:
    """The text with such letters, and with what an escape hides in a word, outside verbatim. No line begins elsewhere.

    Commands that the text redefines stay as they are. A quotation mark makes an umlaut where babel speaks German.

    may_be_part   whether the text may be a part of a document that says elsewhere what babel speaks: then it is German
                  where umlauts stand within words.
    """
    if "\\" not in text and '"' not in text:
        return text
    own = set(_REDEFINITION.findall(text))
    is_german = _IS_GERMAN.search(text) or (may_be_part and _is_part_in_german(text))
    return replace_parts(text, _replacements(text, own, _SHORTHANDS if is_german else {}))[0]


def _is_part_in_german(text: str) -> bool:
    return "\\documentclass" not in text and len(_UMLAUT_IN_WORD.findall(text)) >= _MIN_UMLAUTS


def _replacements(text: str, own: Collection[str], shorthands: Mapping[str, str]) -> Iterator[Replacement]:
    position = 0
    while token := _TOKEN.search(text, position):
        position = token.end()
        if token["verbatim"] or token["delimiter"]:
            position = end_of_verbatim(text, token)
        else:
            printed = _printed(token, own, shorthands)
            if printed is not None:
                yield Replacement(*token.span(), printed)


def _printed(token: re.Match[str], own: Collection[str], shorthands: Mapping[str, str]) -> str | None:
    """What is printed for it; None where it stays."""
    name = token["accent"] or token["letter_accent"]
    if name:
        base = (token["argument"] or token["letter_argument"]).strip(" \t{}").removeprefix("\\")
        composed = unicodedata.normalize("NFC", base + _COMBINING[name])
        return composed if len(composed) == 1 and name not in own else None
    if token["letter"]:
        return None if token["letter"] in own else _LETTERS[token["letter"]]
    if token["sign"]:
        return _SIGNS[token["sign"]]
    return shorthands.get(token["shorthand"] or "")
