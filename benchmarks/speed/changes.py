"""What one changed document costs, by the size of the index: to write, to take up, and in the searches that follow.

The indexes are made up; the document has ten chunks, and each change gives it ten others. Vectors are drawn at random
where the encoder would be asked, so that nothing here is its time.

    commit         what `Writer.commit` costs; `change` has all of our own code; both without Chroma
    with Chroma    `ingest.add` of the document, with an embedded Chroma that holds the whole index
    mean           of many such changes of different documents, merges included
    taken up       by an open index that reads, in the same process and in another
    filters        the first, with what it has to load, and others after it
    searches       hybrid, without the embedding of the question, in one segment and in about ten; these take turns
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.processes import apart
from benchmarks.speed import changing, reading
from benchmarks.speed.made_up import build, build_with_chroma
from benchmarks.speed.tables import markdown

SMALLEST = 10_000
"""Chunks; below, a change costs what it costs anywhere."""

Figures = dict[int, dict[str, float]]
"""Number of chunks -> what was measured in an index of so many."""


def measure(sizes: Sequence[int], *, chroma_sizes: Sequence[int], changes: int, scratch: Path) -> Iterator[Figures]:
    """The figures after each size.

    chroma_sizes   those of `sizes` where a Chroma is filled, too: 3 ms a chunk
    changes        how many the mean is of
    scratch        where the indexes are made, one after the other; 2.9 KB a chunk, and 10 with Chroma
    """
    figures: Figures = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=scratch) as directory:
            index = Path(directory, "index")
            figures[size] = {
                "build s": apart(build, index, size),
                **apart(reading.of_opening, index),
                **apart(reading.of_filters, index),
                **apart(changing.without_chroma, index, changes),
            }
            yield figures
            if size in chroma_sizes:
                index = Path(directory, "with-chroma")
                apart(build_with_chroma, index, size)
                figures[size] |= apart(changing.with_chroma, index)
                yield figures


def table(figures: Figures) -> str:
    """A row for each figure, and a column for each size."""
    names = list(dict.fromkeys(name for row in figures.values() for name in row))
    cells = ([name, *(f"{row[name]:.3g}" if name in row else "" for row in figures.values())] for name in names)
    return markdown(["chunks", *(f"{size:,}" for size in figures)], cells)
