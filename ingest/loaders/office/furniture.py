"""Headers and footers: what every page says is written once, without its number."""

import re

from ingest.loaders.text_builder import TextBuilder

PAGE_NUMBER = "\0"
"""What stands for the number of a page, and for how many there are, in a header that is still to be written."""

_NOT_WORDS = re.compile(r"[\W\d_]+")
_BESIDE_NUMBERS = frozenset(
    {"page", "pages", "p", "pg", "of", "seite", "seiten", "s", "von", "página", "páginas", "pág", "pagina", "pagine",
     "pag", "de", "di", "du", "sur", "sida", "sidan", "av", "side", "af", "fra", "strona", "str", "z", "ze", "stran",
     "strana", "sivu", "страница", "стр", "из", "trang", "页", "頁", "第", "共"}
)  # fmt: skip


def write_furniture(text: str, seen: set[str], builder: TextBuilder) -> None:
    """Write what a header or footer says, line by line, unless it is among those seen or is all lines and dots.

    A line that is there for the page's number, such as "Page 3 of 9", is left out.
    """
    lines = [line for line in map(_without_number, text.split("\n")) if any(map(str.isalnum, line))]
    said = "\n".join(lines)
    if not lines or said in seen:
        return
    seen.add(said)
    builder.paragraph()
    for line in lines:
        builder.write(line)
        builder.line()
    builder.paragraph()


def _without_number(line: str) -> str:
    said = line.replace(PAGE_NUMBER, " ")
    words = _NOT_WORDS.sub(" ", said).casefold().split()
    return "" if PAGE_NUMBER in line and _BESIDE_NUMBERS.issuperset(words) else " ".join(said.split())
