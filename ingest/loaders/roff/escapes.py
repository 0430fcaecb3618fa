r"""The escapes of roff, such as \fB and \(em, as the characters that they print."""

import re
import unicodedata
from collections.abc import Mapping

_NAME = r"(?:\[[^\[\]\n]{0,100}\]|\(..|.)"
_ESCAPE = re.compile(
    rf"\\(?:\*(?P<string>{_NAME})|(?P<character>\[[^\[\]\n]{{0,100}}\]|\(..)|C'(?P<named>[^'\n]{{1,50}})'"
    rf"|[fFmMgkVYO]{_NAME}|n[+-]?{_NAME}|\$(?:\(..|\[[^\[\]\n]{{0,20}}\]|.)"
    r"|s(?:'[^'\n]{0,20}'|[+-]?(?:\[[^\[\]\n]{0,20}\]|\([+-]?\d\d|[1-3]\d|\d))"
    r"|(?P<motion>[hvwlLDxXboNAZBRS])'(?P<argument>[^'\n]{0,200})'"
    r"|(?P<single>.)|\Z)"
)
STRINGS: Mapping[str, str] = {
    "Aq": "'", "lq": "“", "rq": "”", "R": "®", "Tm": "™", "--": "—", "C+": "C++", 'L"': '"', 'R"': '"', "C`": "",
    "C'": "", "PI": "π",
}  # fmt: skip
"""What man, and Pod::Man, define for \\*."""

_SINGLE = {
    "e": "\\", "E": "\\", "~": " ", "0": " ", "t": " ", " ": " ",
    **dict.fromkeys("&)/,%:|^!?cpudraz{}", ""),
}  # fmt: skip
_CHARACTERS = {
    "em": "—", "en": "–", "hy": "-", "bu": "•", "aq": "'", "cq": "’", "oq": "‘", "dq": '"', "lq": "“", "rq": "”",
    "ga": "`", "aa": "´", "ha": "^", "ti": "~", "rs": "\\", "sl": "/", "ba": "|", "or": "|", "bv": "|", "br": "|",
    "at": "@", "sh": "#", "Do": "$", "lB": "[", "rB": "]", "lC": "{", "rC": "}", "la": "⟨", "ra": "⟩", "<=": "≤",
    ">=": "≥", "!=": "≠", "==": "≡", "~=": "≈", "~~": "≈", "+-": "±", "mu": "×", "di": "÷", "**": "*", "pl": "+",
    "mi": "−", "eq": "=", "->": "→", "<-": "←", "<>": "↔", "ua": "↑", "da": "↓", "co": "©", "rg": "®", "tm": "™",
    "de": "°", "sc": "§", "ps": "¶", "dg": "†", "dd": "‡", "ct": "¢", "Eu": "€", "eu": "€", "Po": "£", "Ye": "¥",
    "14": "¼", "12": "½", "34": "¾", "S1": "¹", "S2": "²", "S3": "³", "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ",
    "OE": "Œ", "oa": "å", "oA": "Å", "/o": "ø", "/O": "Ø", "/l": "ł", "/L": "Ł", "fi": "fi", "fl": "fl", "ff": "ff",
    "Fi": "ffi", "Fl": "ffl", "sq": "□", "ci": "○", "if": "∞", "mo": "∈", "no": "¬", "es": "∅", "lf": "⌊", "rf": "⌋",
    "lc": "⌈", "rc": "⌉", "fo": "‹", "fc": "›", "Fo": "«", "Fc": "»", "r!": "¡", "r?": "¿", "pc": "·", "OK": "✓",
}  # fmt: skip
_GREEK = dict(zip("abgdezyhiklmncoprstufxqw", "αβγδεζηθικλμνξοπρστυφχψω", strict=True))
_ACCENTS = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", ":": "\u0308", "~": "\u0303", ",": "\u0327", "v": "\u030c",
}  # fmt: skip
_CODE_POINTS = re.compile(r"u[0-9A-F]{4,6}(?:_[0-9A-F]{4,6})*")


def unescape(text: str, strings: Mapping[str, str] = STRINGS) -> str:
    r"""The text with its escapes resolved; fonts, sizes, motions and registers print nothing.

    strings   what \*x, \*(xx and \*[name] stand for.
    """

    def printed(escape: re.Match[str]) -> str:
        if escape["string"]:
            return strings.get(_bare(escape["string"]), "")
        if name := escape["character"] or escape["named"]:
            return _character(_bare(name))
        if escape["motion"]:
            return _argument(escape["motion"], escape["argument"])
        return _SINGLE.get(escape["single"], escape["single"]) if escape["single"] else ""

    return _ESCAPE.sub(printed, text) if "\\" in text else text


def _bare(name: str) -> str:
    return name[1:-1] if name.startswith("[") and name.endswith("]") else name.removeprefix("(")


def _argument(escape: str, argument: str) -> str:
    if escape in "oZb":  # what is printed in one place, without moving on, or in a pile
        return argument
    if escape == "N" and argument.isdecimal():
        return _from_code_point(int(argument))
    return " " if escape == "h" and not argument.startswith("-") else ""


def _character(name: str) -> str:
    if name in _CHARACTERS:
        return _CHARACTERS[name]
    if _CODE_POINTS.fullmatch(name):
        return "".join(_from_code_point(int(digits, 16)) for digits in name[1:].split("_"))
    if len(name) != 2:
        return ""
    first, letter = name[0], name[1]
    if first == "*":
        greek = _GREEK.get(letter.lower(), "")
        return greek.upper() if letter.isupper() else greek
    accent = _ACCENTS.get(first, "")
    return unicodedata.normalize("NFC", letter + accent) if accent and letter.isalpha() else ""


def _from_code_point(number: int) -> str:
    return chr(number) if 32 <= number < 0xD800 or 0xE000 <= number <= 0x10FFFF else ""
