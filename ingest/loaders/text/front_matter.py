"""Front matter: what stands between two lines of --- or +++ at the beginning of a text and describes it."""

import re
from dataclasses import replace
from typing import NamedTuple

from ingest.descriptions import Description, read_front_matter
from retrieval.types import Document

_FRONT_MATTER = re.compile(
    r"(?P<fence>---|\+\+\+)[ \t]*\n(?P<body>.*?)^(?:(?P=fence)|\.\.\.)[ \t]*(?:\n|\Z)", re.S | re.M
)
_TITLE = re.compile(
    r"""^title\s*[:=]\s*(?:"(?P<double>(?:[^"\\\n]|\\.)*)"|'(?P<single>(?:[^'\n]|'')*)'|(?P<plain>[^\s"'>|\n].*))""",
    re.M,
)

_NO_NEWLINE = re.compile(r"[^\n]")


class FrontMatter(NamedTuple):
    """Where the text behind it starts, the title that it gives, if any, and what else it says."""

    end: int
    title: str | None
    description: Description

    @property
    def says_something(self) -> bool:
        """Whether anything of it could be read; else it may be text that only looks like front matter."""
        return bool(self.description.plain.metadata or self.description.plain.title)


def front_matter(text: str) -> FrontMatter | None:
    found = _FRONT_MATTER.match(text)
    if found is None:
        return None
    return FrontMatter(found.end(), _title(found["body"]), read_front_matter(found["fence"], found["body"]))


def described(document: Document) -> Document:
    """The document with what its front matter says.

    What cannot be read is text like any other, in formats that know no front matter of their own.
    """
    found = front_matter(document.text)
    return with_front_matter(document, found) if found is not None and found.says_something else document


def with_front_matter(document: Document, front: FrontMatter) -> Document:
    """The document with this front matter's title, metadata, and notices of what is left out of these."""
    title, metadata, _ = front.description.plain
    return replace(
        document,
        title=title or document.title,
        metadata={**document.metadata, **metadata},
        notices=(*document.notices, *front.description.notices),
    )


def masked(text: str) -> str:
    """The text with spaces for its front matter, so that nothing in that is taken for a heading or a table."""
    found = front_matter(text)
    if found is None or not found.says_something:
        return text
    return _NO_NEWLINE.sub(" ", text[: found.end]) + text[found.end :]


def _title(body: str) -> str | None:
    match = _TITLE.search(body)
    if not match:
        return None
    if match["plain"]:
        return re.sub(r"\s#.*", "", match["plain"]).strip()
    return (match["double"] or "").replace('\\"', '"') or (match["single"] or "").replace("''", "'")
