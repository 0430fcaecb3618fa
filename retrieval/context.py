"""What is put before a chunk's text when it is embedded and indexed: the title and headings it stands under."""

from collections.abc import Sequence
from typing import Protocol

from retrieval.types import Chunk, digest

MAX_HEADER_CHARS = 200
"""About 45 tokens of English: enough for a path of headings, a fifth of what a small model reads."""

_SEPARATOR = " > "


def context_header(title: str | None, headings: Sequence[str]) -> str:
    """ "Title > Heading > Subheading" and a blank line, or "" where nothing is known; white space is collapsed.

    A pure function of what a stored chunk knows, so that its embedded string can be made again without its document.
    A first heading that only repeats the title is left out. A path over MAX_HEADER_CHARS loses headings from the
    outermost on, since the title and the innermost heading say most; then those two are cut.
    """
    parts = [part for part in (" ".join(part.split()) for part in (title or "", *headings)) if part]
    if title and len(parts) > 1 and parts[0].casefold() == parts[1].casefold():
        del parts[1]
    while len(parts) > 2 and len(_SEPARATOR.join(parts)) > MAX_HEADER_CHARS:
        del parts[1]
    header = _SEPARATOR.join(_cut_to_fit(parts))
    return f"{header}\n\n" if header else ""


def contextualize(title: str | None, headings: Sequence[str], text: str, *, enabled: bool) -> str:
    """The chunk as the model and BM25 see it: its context header, where enabled, and its text."""
    return context_header(title, headings) + text if enabled else text


class Terms(Protocol):
    """What `terms_of` needs of an analyzer."""

    def terms(self, text: str) -> list[str]: ...


def embedded_text(chunk: Chunk, *, context_header: bool) -> str:
    """What is embedded of a chunk, and what BM25 and phrases see of it, without the passage prefix."""
    return contextualize(chunk.title, chunk.headings, chunk.text, enabled=context_header)


def embedded_digest(chunk: Chunk, *, context_header: bool) -> str:
    """Stands for the embedded text; the prefix is the same throughout an index."""
    return digest(embedded_text(chunk, context_header=context_header))


def terms_of(chunk: Chunk, analyzer: Terms, *, context_header: bool) -> list[str]:
    """The terms of the embedded text; those of its context header come twice.

    What a title says counts for more than what a passage mentions, as in BM25F (Robertson, Zaragoza & Taylor 2004),
    here with the weight 2.
    """
    terms = analyzer.terms(embedded_text(chunk, context_header=context_header))
    header = contextualize(chunk.title, chunk.headings, "", enabled=context_header)
    return terms + analyzer.terms(header) if header else terms


def _cut_to_fit(parts: list[str]) -> list[str]:
    """One or two parts, cut to MAX_HEADER_CHARS together; a short one leaves its share to the other."""
    if len(_SEPARATOR.join(parts)) <= MAX_HEADER_CHARS:
        return parts
    if len(parts) == 1:
        return [parts[0][:MAX_HEADER_CHARS].rstrip()]
    title, heading = parts
    space = MAX_HEADER_CHARS - len(_SEPARATOR)
    title = title[: max(space // 2, space - len(heading))].rstrip()
    return [title, heading[: space - len(title)].rstrip()]
