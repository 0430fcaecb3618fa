r"""roff's lines: which are text and which are requests, once comments, definitions and conditions are dealt with."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import regex

from ingest.loaders.roff.escapes import STRINGS, unescape

_COMMENT = regex.compile(r'(?<!\\)((?:\\\\)*+)\\["#].*')
_CONTINUED = regex.compile(r"(?<!\\)(?:\\\\)*+\\\Z")
_CONTROL = re.compile(r"[.'][ \t]*(?P<name>[^\s\\]*)[ \t]*(?P<rest>.*)", re.S)
_ARGUMENT = regex.compile(r'[ \t]*(?:"(?P<quoted>(?:[^"]|"")*+)"?|(?P<plain>(?:[^\s\\]|\\.?)++))', regex.S)
_DEFINITIONS = frozenset({"de", "de1", "dei", "am", "am1", "ami", "ig"})
_CONDITION = re.compile(
    r"[ \t]*(?P<not>!*)(?:(?P<mode>[notev])(?![a-z])|[drcmFS][ \t]*[^\s\\]+"
    r"|'(?P<left>[^']*)'(?P<right>[^']*)'|(?P<number>(?:[^\s\\]|\\[^{}])+))[ \t]*"
)
_REGISTER = re.compile(r"\\n[+-]?(?P<name>\(..|\[[^\[\]]{0,50}\]|.)")
_COMPARISON = re.compile(r"\(*(\d{1,9})(?:(<=?|>=?|==?)(\d{1,9}))?\)*")
_MAX_CONDITIONS = 20  # on one line
_LONGEST_STRING = 100  # longer ones are no abbreviations, and each may hold the one before twice


class Line(NamedTuple):
    """A line of text, with the name ""; or a request or macro with its arguments. Escapes are not resolved."""

    name: str
    rest: str


class RoffReader:
    """Goes through a roff file once, as nroff would, but expands no macros."""

    def __init__(self, text: str) -> None:
        self._strings = dict(STRINGS)
        self._lines = text.split("\n")
        self._next = 0
        self._are_blocks_closed = True  # until one turns out to have no end: from then on, nothing is skipped
        self._branches: list[bool] = []  # the outcomes of those .ie whose .el is still to come

    def lines(self) -> Iterator[Line]:
        while self._next < len(self._lines):
            read = self._read()
            line = _COMMENT.sub(r"\1", read) if "\\" in read else read
            if line or not read:
                found = self._taken(line)
                if found:
                    yield found

    def text(self, escaped: str) -> str:
        """The text with its escapes resolved; its strings are those that are defined by now."""
        return unescape(escaped, self._strings)

    def _read(self) -> str:
        """The next line, joined with those that continue it."""
        pieces = [self._lines[self._next]]
        self._next += 1
        while pieces[-1].endswith("\\") and _CONTINUED.search(pieces[-1]) and self._next < len(self._lines):
            pieces[-1] = pieces[-1][:-1]
            pieces.append(self._lines[self._next])
            self._next += 1
        return "".join(pieces)

    def _taken(self, line: str) -> Line | None:
        """What a line does, if anything is to be done outside this reader; its conditions are tried first."""
        for _ in range(_MAX_CONDITIONS):
            control = _CONTROL.match(line)
            if not control:
                return Line("", line)
            name, rest = control["name"], control["rest"]
            if name in {"if", "ie", "el", "while"}:
                remaining = self._branch(name, rest)
                if not remaining:
                    return None
                line = remaining
                continue
            if name in _DEFINITIONS:
                self._skip_definition(name, rest)
            elif name == "ds":
                self._define(rest)
            elif name:
                return Line(name, rest)
            return None
        return None

    def _branch(self, name: str, rest: str) -> str:
        """What is to be done of a conditional line; "" for nothing, and then its block is behind."""
        if name == "el":
            is_taken = not self._branches.pop() if self._branches else True
        else:
            condition = _CONDITION.match(rest)
            is_taken = condition is not None and name != "while" and _holds(condition)
            rest = rest[condition.end() :] if condition else rest
            if name == "ie":
                self._branches.append(is_taken)
        if is_taken:
            return rest.removeprefix("\\{").lstrip(" \t")
        depth, after = _braces(rest), self._next
        while depth > 0 and after < len(self._lines) and self._are_blocks_closed:
            depth += _braces(self._lines[after])
            after += 1
        if depth > 0:
            self._are_blocks_closed = False
        else:
            self._next = after
        return ""

    def _skip_definition(self, name: str, rest: str) -> None:
        """Go behind what `.de name end` begins, which ends with "..", or with ".end" if it is named."""
        names = rest.split()[name != "ig" :]
        closing = re.compile(rf"[.'][ \t]*{re.escape(names[0] if names else '.')}(?![^\s\\])")
        for index in range(self._next, len(self._lines) if self._are_blocks_closed else 0):
            if closing.match(self._lines[index]):
                self._next = index + 1
                return
        self._are_blocks_closed = False

    def _define(self, rest: str) -> None:
        name, _, value = rest.partition(" ")
        if name not in STRINGS:
            self._strings[name] = self.text(value.strip().removeprefix('"'))[:_LONGEST_STRING]


def arguments(rest: str) -> list[str]:
    """The arguments of a request: words, or what stands between double quotes; escapes are not resolved."""
    return [
        match["plain"] if match["quoted"] is None else match["quoted"].replace('""', '"')
        for match in _ARGUMENT.finditer(rest)
    ]


def _braces(line: str) -> int:
    return line.count("\\{") - line.count("\\}")


def _holds(condition: re.Match[str]) -> bool:
    """Whether it does in GNU nroff; no register but the one that says so is set, and no name is defined."""
    if condition["mode"]:
        outcome = condition["mode"] in "no"
    elif condition["left"] is not None:
        outcome = condition["left"] == condition["right"]
    else:
        outcome = _is_positive(condition["number"] or "0")
    return outcome != (len(condition["not"]) % 2 == 1)


def _is_positive(expression: str) -> bool:
    numbers = _REGISTER.sub(lambda register: str(int(register["name"].strip("([]") == ".g")), expression)
    comparison = _COMPARISON.fullmatch(numbers)
    if not comparison:
        return False
    left, operator, right = int(comparison[1]), comparison[2], int(comparison[3] or 0)
    if operator in {"=", "=="}:
        return left == right
    if not operator or operator[0] == ">":
        return left > right or (operator == ">=" and left == right)
    return left < right or (operator == "<=" and left == right)
