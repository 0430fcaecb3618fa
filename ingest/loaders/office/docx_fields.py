"""Fields of a DOCX, whose results are text while their instructions are not; and characters in symbol fonts."""

import re
from typing import Any

from ingest.loaders.office.docx_styles import OFF
from ingest.loaders.office.xml_elements import attribute, child, child_value
from ingest.whole_numbers import whole_number

_PAGE_NUMBERS = ("PAGE", "NUMPAGES", "SECTIONPAGES")
_OVERPRINT = re.compile(r"\s*EQ\b.*\\o\s*(?:\\a[clrd]\s*)?\(.*[,;](?P<base>[^,;()\\]+)\)\s*", re.S)
_LONGEST_OVERPRINT = 1000
_PRIVATE_USE = range(0xF000, 0xF100)  # where symbol fonts have their characters
_GREEK = {
    **dict(zip(range(0x41, 0x5B), "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ", strict=True)),
    **dict(zip(range(0x61, 0x7B), "αβχδεφγηιϕκλμνοπθρστυϖωξψζ", strict=True)),
}
_SYMBOLS = {
    **_GREEK, 0xA3: "≤", 0xA5: "∞", 0xAE: "→", 0xB0: "°", 0xB1: "±", 0xB3: "≥", 0xB4: "×", 0xB7: "•", 0xB8: "÷",
    0xB9: "≠", 0xBA: "≡", 0xBB: "≈", 0xC5: "⊕", 0xC7: "∩", 0xC8: "∪", 0xCE: "∈", 0xD1: "∇", 0xD5: "∏", 0xD6: "√",
    0xD7: "⋅", 0xE5: "∑", 0xF2: "∫",
}  # fmt: skip
"""By their codes in the font Symbol."""


def is_page_number(instruction: str) -> bool:
    """Whether a field shows a number that is another on every page."""
    return instruction.split()[:1] in ([name] for name in _PAGE_NUMBERS)


def symbol(font: str, code: str) -> str:
    """The character with that hexadecimal code; "" for the pictures of other symbol fonts."""
    try:
        number = int(code, 16)
    except ValueError:
        return ""
    if number not in _PRIVATE_USE:
        return chr(number) if 0x20 <= number <= 0xFFFF else ""
    return _SYMBOLS.get(number - _PRIVATE_USE.start, "") if font.casefold() == "symbol" else ""


class Fields:
    """The fields that have begun and not ended: a text is shown where it belongs to the results of all of them."""

    def __init__(self) -> None:
        self._instructions: list[str] = []
        self._have_results: list[bool] = []

    @property
    def are_shown(self) -> bool:
        return all(self._have_results) and not self.are_page_numbers

    @property
    def are_page_numbers(self) -> bool:
        return any(map(is_page_number, self._instructions))

    def instruct(self, text: str) -> None:
        if self._instructions and not self._have_results[-1]:
            self._instructions[-1] += text

    def follow(self, character: Any) -> str:
        """Take up where a field begins, has its result or ends; return what a field of a form shows of itself."""
        kind = attribute(character, "fldCharType")
        if kind == "begin":
            self._instructions.append("")
            self._have_results.append(False)
            return _choice(child(character, "ffData"))
        if kind == "separate" and self._instructions:
            self._have_results[-1] = True
        elif kind == "end" and self._instructions:
            instruction, has_result = self._instructions.pop(), self._have_results.pop()
            return "" if has_result or not self.are_shown else _overprinted(instruction)
        return ""

    def end_paragraph(self) -> None:
        """A page number and an instruction end within their paragraph, unless the file is damaged."""
        if not self.are_shown:
            self._instructions.clear()
            self._have_results.clear()


def _overprinted(instruction: str) -> str:
    """What stands below all else in a field that prints several things in one place: as ruby, say, or in a circle."""
    found = _OVERPRINT.fullmatch(instruction) if len(instruction) <= _LONGEST_OVERPRINT else None
    return found["base"] if found else ""


def _choice(form: Any | None) -> str:
    """What is chosen in a drop-down list, or whether a box is ticked."""
    choices, box = child(form, "ddList"), child(form, "checkBox")
    if choices is not None:
        entries = [attribute(entry, "val") or "" for entry in choices.iterchildren("{*}listEntry")]
        chosen = whole_number(child_value(choices, "result") or child_value(choices, "default") or "0")
        return entries[chosen] if chosen is not None and chosen < len(entries) else ""
    if box is None:
        return ""
    state = child(box, "checked") if child(box, "checked") is not None else child(box, "default")
    return "☐" if state is None or attribute(state, "val") in OFF else "☒"
