"""The same text many times is one hit, which names the other passages."""

import numpy as np
from numpy.typing import NDArray

from retrieval.search.scoring import Choose, first_of_each
from retrieval.search_hits import MAX_DUPLICATES, Duplicate
from retrieval.segments.reader import IndexReader
from retrieval.topk import Mask, Rows


def choice(reader: IndexReader, *, one_each_document: bool, one_each_text: bool) -> Choose:
    """Which rows of a ranking are hits: the first of each document, of each text, or all."""

    def chosen(rows: Rows) -> NDArray[np.intp]:
        places = first_of_each(reader.documents, rows) if one_each_document else np.arange(len(rows))
        return places[first_of_each(reader.passages, rows[places])] if one_each_text else places

    return chosen


def duplicates_of(reader: IndexReader, rows: Rows, allowed: Mask | None) -> list[tuple[tuple[Duplicate, ...], int]]:
    """For each of these rows the other passages with its text, by source, MAX_DUPLICATES at most; and how many there
    are.

    allowed   bool [n], the rows that pass filters and operators; None if there are neither
    """
    others = reader.rows_of_passages(rows)
    if allowed is not None:
        others = [some[allowed[some]] for some in others]
    return [(_named(reader, some), len(some)) for some in others]


def _named(reader: IndexReader, rows: Rows) -> tuple[Duplicate, ...]:
    if len(rows) > MAX_DUPLICATES:  # those chosen do not depend on the order in which documents came
        rows = rows[np.argsort(reader.ids[rows])[:MAX_DUPLICATES]]
    chunks = sorted(map(reader.chunk, rows.tolist()), key=lambda chunk: (chunk.source, chunk.char_start))
    return tuple(
        Duplicate(
            id=chunk.id,
            document_id=chunk.document_id,
            source=chunk.source,
            page=chunk.page,
            page_end=chunk.page_end,
            line_start=chunk.line_start,
            line_end=chunk.line_end,
            metadata=chunk.metadata,
        )
        for chunk in chunks
    )
