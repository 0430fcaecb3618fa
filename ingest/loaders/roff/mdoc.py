"""The mdoc macros of BSD's manual pages that stand inside a line, such as .Op Fl a Ar file."""

from collections.abc import Sequence

_ENCLOSURES = {
    "Op": "[]", "Pq": "()", "Bq": "[]", "Brq": "{}", "Aq": "⟨⟩", "Sq": "‘’", "Ql": "‘’", "Dq": "“”", "Qq": '""',
}  # fmt: skip
_OPENING = {"Oo": "[", "Po": "(", "Bo": "[", "Bro": "{", "Ao": "⟨", "So": "‘", "Do": "“", "Qo": '"'}
_CLOSING = {"Oc": "]", "Pc": ")", "Bc": "]", "Brc": "}", "Ac": "⟩", "Sc": "’", "Dc": "”", "Qc": '"'}
_PLAIN = frozenset(
    {"Ad", "An", "Ar", "Cd", "Cm", "Dv", "Em", "Er", "Ev", "Fa", "Fd", "Fl", "Fn", "Ft", "Ic", "In", "Lb", "Li", "Lk",
     "Ms", "Mt", "Nm", "No", "Pa", "Rv", "St", "Sx", "Sy", "Tn", "Va", "Vt", "Xr", "Nd", "Fo", "Ta", "Xo", "Xc"}
)  # fmt: skip
_SYSTEMS = {
    "At": "AT&T UNIX", "Bx": "BSD", "Bsx": "BSD/OS", "Fx": "FreeBSD", "Nx": "NetBSD", "Ox": "OpenBSD", "Ux": "UNIX",
}  # fmt: skip
_CITED = frozenset({"%A", "%B", "%C", "%D", "%I", "%J", "%N", "%O", "%P", "%Q", "%R", "%T", "%U", "%V"})
_OTHERS = frozenset({"Ns", "Ap", "Pf", "D1", "Dl", "Fc"})
INLINE = frozenset([*_ENCLOSURES, *_OPENING, *_CLOSING, *_PLAIN, *_SYSTEMS, *_CITED, *_OTHERS])
"""The macros that `inline` writes out."""

_ONLY_AT_START = frozenset({"In", "Nd", "Fd", "D1", "Dl", "Rv", "Lb"})
_CLOSING_MARKS = frozenset(".,:;)]?!")
_OPENING_MARKS = frozenset("([")


def inline(macro: str, arguments: Sequence[str], *, name: str) -> str:
    """The text of a line that begins with `macro`; its arguments may be macros in turn.

    name   what the page describes, which .Nm stands for.
    """
    words = list(arguments)
    end = len(words)
    while end and words[end - 1] in _CLOSING_MARKS:
        end -= 1
    line = _Inline(name)
    line.take([macro, *words[:end]])
    line.close()
    for mark in words[end:]:
        line.attach(mark)
    return "".join(line.pieces)


class _Inline:
    """Words with a space between them, unless a macro says that there is none."""

    def __init__(self, name: str) -> None:
        self.pieces: list[str] = []
        self._name = name
        self._is_glued = True  # what comes next has no space before it
        self._closers: list[str] = []  # the ends of the enclosures that reach to the end of the line

    def take(self, tokens: Sequence[str]) -> None:
        macro, count = "", 0  # the macro in force, and how many words it has had
        for index, token in enumerate(tokens):
            if token in INLINE and not (index and token in _ONLY_AT_START):
                self._end_macro(macro, count)
                self._is_glued = self._is_glued or (macro == "Fl" and not count)  # Fl Fl help is --help
                macro, count = self._begin_macro(token), 0
            elif token in _CLOSING_MARKS:
                self.attach(token)
            elif token in _OPENING_MARKS:
                self._open(token)
            else:
                self._write(macro, token, count)
                count += 1
        self._end_macro(macro, count)

    def close(self) -> None:
        while self._closers:
            self.attach(self._closers.pop())

    def attach(self, text: str) -> None:
        self.pieces.append(text)
        self._is_glued = False

    def _put(self, text: str) -> None:
        self.attach(text if self._is_glued else f" {text}")

    def _open(self, text: str) -> None:
        self._put(text)
        self._is_glued = True

    def _begin_macro(self, macro: str) -> str:
        if macro in _ENCLOSURES:
            self._open(_ENCLOSURES[macro][0])
            self._closers.append(_ENCLOSURES[macro][1])
        elif macro in _OPENING:
            self._open(_OPENING[macro])
        elif macro in _CLOSING or macro == "Fc":
            self.attach(_CLOSING.get(macro, ")"))
        elif macro in _SYSTEMS:
            self._put(_SYSTEMS[macro])
        elif macro == "Ap":
            self.attach("'")
        elif macro == "Ta":
            self._put("|")
        self._is_glued = self._is_glued or macro in {"Ns", "Ap"}
        return macro

    def _write(self, macro: str, word: str, count: int) -> None:
        if macro == "Fl":
            self._put(f"-{word}")
        elif macro == "Xr" and count == 1:
            self.attach(f"({word})")
        elif macro in {"Fn", "Fo"}:
            self._put(word) if count == 0 else self.attach(f"{'(' if count == 1 else ', '}{word}")
        elif macro == "In":
            self._put(f"#include <{word}>")
        elif macro == "Nd" and count == 0:
            self._put(f"- {word}")
        else:
            self._put(word)
            self._is_glued = macro == "Pf" and count == 0

    def _end_macro(self, macro: str, count: int) -> None:
        if macro == "Fn" and count:
            self.attach(")" if count > 1 else "()")
        elif macro == "Fo":
            self.attach("(")
            self._is_glued = True
        elif count == 0 and macro in {"Fl", "Ar", "Nm"}:
            self._put({"Fl": "-", "Ar": "file ...", "Nm": self._name}[macro])
