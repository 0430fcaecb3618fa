r"""LaTeX and BibTeX: the file's text with its accents composed, and with its sections and its title."""

import re
from collections.abc import Iterator

import regex

from ingest.loaders.text.decoding import decode_noting
from ingest.loaders.text.latex_accents import decode_accents
from ingest.loaders.text.latex_verbatim import BEGINS, end_of_verbatim
from ingest.loaders.text.latex_words import plain_words
from retrieval.types import Document, Heading

_TITLE = "title"
_LEVELS = {
    "part": 1, "chapter": 2, "section": 3, "subsection": 4, "subsubsection": 5, "paragraph": 6, "subparagraph": 7,
    "frametitle": 6,
}  # fmt: skip
_TOKEN = regex.compile(
    rf"{BEGINS}|(?P<end>\\end\s*+\{{document\}})"
    rf"|\\(?P<command>{'|'.join((*_LEVELS, _TITLE))})(?![A-Za-z@])\s*+\*?\s*+"
    r"(?:\[(?:[^\[\]{}]|\{[^{}]{0,300}\}){0,300}+\]\s*+)?\{"
    r"|\\.|%.*|[{}]"
)
_ENCODING = re.compile(rb"\\usepackage\s*\[([\w-]+)\]\s*\{inputenc\}")
_EMPTY_LINE = re.compile(r"\n[ \t]*\n")
_MACRO_ARGUMENT = re.compile(r"#\d")
_MAX_TITLE = 1000


def load_latex(data: bytes, *, source: str) -> Document:
    r"""The file's text with its letters as they are printed, see `decode_accents`; headings are \part to \subparagraph
    and \frametitle, the title is that of \title.

    Comments, verbatim environments, macro definitions and what follows \end{document} hold no headings.
    """
    declared = _ENCODING.search(data)
    written, notices = decode_noting(data, declared=declared[1].decode("ascii") if declared else None)
    text = decode_accents(written, may_be_part=True)
    titles: list[str] = []
    headings: list[Heading] = []
    for command, start, argument in _commands(text):
        words = "" if _MACRO_ARGUMENT.search(argument) or _EMPTY_LINE.search(argument) else plain_words(argument)
        if command == _TITLE:
            titles.append(words)
        elif words:
            headings.append(Heading(start, _LEVELS[command], words))
    title = next(filter(None, titles), None) or (min(headings).text if headings else None)
    return Document(source, text, title=title, headings=tuple(headings), syntax="latex", notices=notices)


def load_bibtex(data: bytes, *, source: str) -> Document:
    """The file's text with its letters as they are printed."""
    text, notices = decode_noting(data)
    return Document(source, decode_accents(text), notices=notices)


def _commands(text: str) -> Iterator[tuple[str, int, str]]:
    """(name, start of the line, argument) of each command that makes a title."""
    groups: list[tuple[str, int, int] | None] = []  # those open: the command whose argument it is, if it is one
    position = line_start = seen = 0
    while token := _TOKEN.search(text, position):
        position = token.end()
        if token["verbatim"] or token["delimiter"]:
            position = end_of_verbatim(text, token)
        elif token["command"]:
            line_start = max(line_start, text.rfind("\n", seen, token.start()) + 1)
            seen = token.start()
            groups.append((token["command"], line_start, position))
        elif token["end"]:
            return
        elif token[0] == "{":
            groups.append(None)
        elif token[0] == "}" and groups and (group := groups.pop()):
            command, start, argument = group
            if token.start() - argument <= _MAX_TITLE:
                yield command, start, text[argument : token.start()]
