r"""The words of a LaTeX title: without commands, notes and grouping, accents composed."""

import re
import unicodedata

import regex

_NOTES = regex.compile(
    r"\\(?:label|footnote|footnotemark|thanks|index|cite[a-z]*|vspace|hspace)\*?(?:\[[^\[\]]*\])?\{(?:[^{}]|\{[^{}]*\})*+\}"
)
_TEX_OR_PDF = re.compile(r"\\texorpdfstring\s*\{[^{}]*\}\s*\{([^{}]*)\}")
_LINE_END = re.compile(r"\\\\\*?(?:\[[^\[\]]*\])?")
_ACCENT = re.compile(r"""\\(?:([`'^"~=.])|([uvHckrdb])(?=[\s{\\]))\s*(?:\{\s*\\?([A-Za-z])\s*\}|\\?([A-Za-z]))""")
_COMBINING = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
    "u": "\u0306", "v": "\u030c", "H": "\u030b", "c": "\u0327", "k": "\u0328", "r": "\u030a", "d": "\u0323",
    "b": "\u0331",
}  # fmt: skip
_COMMAND = re.compile(r"\\([A-Za-z@]+)\*?(?:\{\}|(?:\[[^\[\]]*\])?(?P<argument>(?=\s*\{))|[ \t]*)")
_SYMBOLS = {
    "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "aa": "å", "AA": "Å", "o": "ø", "O": "Ø", "l": "ł",
    "L": "Ł", "ldots": "… ", "dots": "… ", "textendash": "–", "textemdash": "—", "textbackslash": "\\\\",
}  # fmt: skip
_SWITCHES = frozenset(
    {"protect", "bf", "it", "em", "rm", "sf", "sc", "sl", "tt", "bfseries", "itshape", "scshape", "ttfamily",
     "sffamily", "normalfont", "boldmath", "tiny", "small", "large", "Large", "LARGE", "huge", "Huge", "centering",
     "raggedright", "newline", "linebreak", "par", "relax", "xspace", "quad", "qquad"}
)  # fmt: skip
_SPACES = re.compile(r"~|\\[ ,;:!]")
_GROUPING = re.compile(r"(?<!\\)[{}$]|\\[-/()]")
_ESCAPE = re.compile(r"\\(.)")
_LIGATURES = (("---", "—"), ("--", "–"), ("``", "“"), ("''", "”"))


def plain_words(markup: str) -> str:
    """On one line; commands without an argument that are no font switches stay by their names, such as alpha."""
    markup = _TEX_OR_PDF.sub(r"\1", _NOTES.sub("", markup))
    markup = _ACCENT.sub(_composed, _LINE_END.sub(" ", markup))
    markup = _SPACES.sub(" ", _COMMAND.sub(_spelled, markup))
    markup = _ESCAPE.sub(r"\1", _GROUPING.sub("", markup))
    for ascii_form, character in _LIGATURES:
        markup = markup.replace(ascii_form, character)
    return " ".join(markup.split())


def _composed(accent: re.Match[str]) -> str:
    return unicodedata.normalize("NFC", (accent[3] or accent[4]) + _COMBINING[accent[1] or accent[2]])


def _spelled(command: re.Match[str]) -> str:
    name = command[1]
    if name in _SYMBOLS:
        return _SYMBOLS[name]
    if command["argument"] is not None or name in _SWITCHES:
        return " " if name in _SWITCHES else ""
    return f"{name} " if command[0][-1].isspace() else name
