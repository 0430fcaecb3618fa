"""reStructuredText: the file's text as it is, with its section titles and its tables."""

import re
from collections.abc import Iterator

from ingest.loaders.text.decoding import decode_noting
from ingest.loaders.text.front_matter import described, masked
from ingest.loaders.text.restructuredtext_tables import tables_with_headers
from retrieval.types import Document, Heading

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1*[ \t]*\Z")
_INLINE = (
    (re.compile(r":[\w.+:-]+:`([^`]*)`"), r"`\1`"),  # roles
    (re.compile(r"``(.+?)``"), r"\1"),
    (re.compile(r"`([^`<>]+?)\s*<[^`<>]*>`_{0,2}"), r"\1"),  # links with their target
    (re.compile(r"`([^`]+)`_{0,2}"), r"\1"),
    (re.compile(r"\|([^|\s][^|]*)\|"), r"\1"),
    (re.compile(r"(?<!\w)(\*{1,2})(?=\S)([^*]+?)(?<=\S)\1(?!\w)"), r"\2"),
    (re.compile(r"\\(.)"), r"\1"),
)
_MAX_TITLE = 1000


def load_restructuredtext(data: bytes, *, source: str) -> Document:
    """The file's text as it is, with its section titles as headings; the first of them is its title, unless front
    matter gives one."""
    text, notices = decode_noting(data)
    body = masked(text)
    headings = tuple(_headings(body))
    document = Document(
        source,
        text,
        title=headings[0].text if headings else None,
        headings=headings,
        tables=tuple(tables_with_headers(body)),
        syntax="rst",
        notices=notices,
    )
    return described(document)


def _headings(text: str) -> Iterator[Heading]:
    """Section titles; a style of adornment (its character, and whether there is a line above too) has the level at
    which it was first met, as the reStructuredText specification says under "Sections"."""
    levels: dict[tuple[str, bool], int] = {}
    before = previous = (0, "")  # the two lines above, with where they start
    start = 0
    for line in text.split("\n"):
        over = _overlined(before[1], previous[1], line)
        if over or _underlined(before[1], previous[1], line):
            level = levels.setdefault((line[0], over), len(levels) + 1)
            yield Heading((before if over else previous)[0], level, _plain_words(previous[1]))
        before, previous = previous, (start, line)
        start += len(line) + 1


def _overlined(over: str, title: str, under: str) -> bool:
    return (
        bool(title.strip()) and bool(_ADORNMENT.match(over)) and under.rstrip() == over.rstrip() and _fits(title, under)
    )


def _underlined(before: str, title: str, under: str) -> bool:
    return not before.strip() and bool(title) and not title[0].isspace() and _fits(title, under)


def _fits(title: str, adornment: str) -> bool:
    """Whether `adornment` is one, and long enough: docutils takes shorter ones than the title from 4 characters on."""
    if len(title) > _MAX_TITLE or not _ADORNMENT.match(adornment) or _ADORNMENT.match(title):
        return False
    return len(adornment.rstrip()) >= min(4, len(title.strip()))


def _plain_words(markup: str) -> str:
    for pattern, replacement in _INLINE:
        markup = pattern.sub(replacement, markup)
    return markup.strip()
