"""What is shown of a hit: the chunk, with its neighbours where they are wanted."""

from collections.abc import Iterator, Sequence
from typing import Literal

from retrieval.merge_passages import joined
from retrieval.segments.reader import IndexReader
from retrieval.types import Chunk


def expanded(reader: IndexReader, rows: Sequence[int], reach: int | Literal["section"]) -> Iterator[tuple[int, Chunk]]:
    """(place in `rows`, passage) for each row: with up to `reach` chunks of its document before and after it, or with
    all around it that stand under the same headings.

    Passages of a document that touch or overlap become one, in the place of the best.
    """
    if not reach:
        yield from ((at, reader.chunk(row)) for at, row in enumerate(rows))
        return
    ranges: list[tuple[int, list[int], int, int]] = []
    siblings_of: dict[str, list[int]] = {}
    for at, row in enumerate(rows):
        document = reader.chunk(row).document_id
        siblings = siblings_of.setdefault(document, reader.rows_of_document(document))
        place = siblings.index(row)
        if reach == "section":
            first, last = _section(reader, siblings, place)
        else:
            first, last = max(0, place - reach), min(len(siblings) - 1, place + reach)
        near = 0 if reach == "section" else 1  # sections side by side are still two
        touching = [r for r in ranges if r[1] is siblings and r[2] <= last + near and first <= r[3] + near]
        for other in touching:
            ranges.remove(other)
            first, last = min(first, other[2]), max(last, other[3])
        ranges.append((min([at, *(r[0] for r in touching)]), siblings, first, last))
    for at, siblings, first, last in sorted(ranges, key=lambda r: r[0]):
        yield at, joined([reader.chunk(row) for row in siblings[first : last + 1]])


def _section(reader: IndexReader, siblings: Sequence[int], place: int) -> tuple[int, int]:
    """The first and last place around this one with the same headings; where there are none, it alone."""
    headings = reader.chunk(siblings[place]).headings
    first = last = place
    if not headings:
        return first, last
    while first > 0 and reader.chunk(siblings[first - 1]).headings == headings:
        first -= 1
    while last + 1 < len(siblings) and reader.chunk(siblings[last + 1]).headings == headings:
        last += 1
    return first, last
