"""Pieces of one document that lie side by side become one, exactly; overlap is not repeated."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from retrieval.search_hits import SearchHit
from retrieval.sheet_rows import joined_places
from retrieval.types import PAGE_LABEL, Chunk

Piece = TypeVar("Piece", Chunk, SearchHit)


def joined(pieces: Sequence[Piece]) -> Piece:
    """Neighbours, in order of char_start, as one: the first, with the text and the end of all.

    Between chunks there is only white space, which the index does not keep: it is put back as as many newlines as
    lines were skipped, then spaces, so that the text has the length of its span.
    """
    first = pieces[0]
    parts, char_end, line_end = [first.text], first.char_end, first.line_end
    metadata = dict(first.metadata)
    page_end = max((piece.page_end for piece in pieces if piece.page_end), default=None)
    for piece in pieces[1:]:
        gap = piece.char_start - char_end
        newlines = min(max(gap, 0), piece.line_start - line_end)
        parts += ["\n" * newlines, " " * (gap - newlines), piece.text[max(0, -gap) :]]
        char_end, line_end = max(char_end, piece.char_end), max(line_end, piece.line_end)
        metadata = joined_places(metadata, piece.metadata)
    if (label := _joined_labels(first, pieces[-1])) is not None:
        metadata[PAGE_LABEL] = label
    return replace(
        first, text="".join(parts), char_end=char_end, line_end=line_end, page_end=page_end, metadata=metadata
    )


def _joined_labels(first: Piece, last: Piece) -> str | None:
    """The printed numbers of the pages from the one to the other; None where they are the pages' own."""
    labels = [piece.metadata.get(PAGE_LABEL) for piece in (first, last)]
    if labels == [None, None]:
        return None
    begins, ends = (str(label or piece.page) for label, piece in zip(labels, (first, last), strict=True))
    return "–".join(dict.fromkeys((begins.partition("–")[0], ends.rpartition("–")[2])))


def touch(one: SearchHit, other: SearchHit) -> bool:
    """Whether both stand in one document with nothing between them, and `joined` gives back what stands there.

    Between them may be line breaks, which the line numbers prove, or one space. Where they overlap they must agree:
    hits of two generations of a document do not. Those that begin on two pages stay apart, each with its citation.
    """
    if (one.document_id, one.page) != (other.document_id, other.page):
        return False
    left, right = sorted((one, other), key=lambda hit: (hit.char_start, hit.char_end))
    gap = right.char_start - left.char_end
    if gap > 0:
        return gap in (1, right.line_start - left.line_end)
    shared = left.text[right.char_start - left.char_start :][: len(right.text)]
    return right.text.startswith(shared)
