"""What a search returns: SearchHits, each hit with its duplicates and its citation, and how the query was read."""

from collections.abc import Iterable
from dataclasses import dataclass

from retrieval.sheet_rows import cited_rows
from retrieval.types import PAGE_LABEL, Metadata

MAX_DUPLICATES = 100
"""Of a hit's duplicates, so many are named."""


LIKELY = 0.55
"""The relevance from which on a passage likely has to do with what is asked. Over indexes and models, it best tells
questions that an index answers from others (`python -m benchmarks.relevance`)."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Another passage with the text of a hit, and where it stands, as in SearchHit."""

    id: str
    document_id: str
    source: str
    page: int | None
    page_end: int | None
    line_start: int
    line_end: int
    metadata: Metadata

    def citation(self) -> str:
        """As SearchHit.citation."""
        return _citation(self)


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One answer. Higher scores are better, always.

    score          what the hits are ranked by: cross-encoder, fused score, cosine or BM25, by the search's options.
    rank           from 1, without gaps.
    relevance      how likely the chunk has to do with what is asked, in [0, 1], comparable from query to query and from
                   index to index; below LIKELY, probably not at all. See retrieval.search.relevance.
    dense_score    cosine of query and chunk in [-1, 1]; None where the query was not embedded (mode "lexical"), or the
                   chunk is pending.
    lexical_score  BM25 of query and chunk; 0 where they share no term.
    dense_rank, lexical_rank   from 1; None where that side did not return the chunk among its candidates.
    page, page_end, line_start, line_end, char_start, char_end   as in Chunk, of all of `text`, neighbours included.
    highlights     (start, end) spans in `text` of the words that match a term of the query.
    duplicates     the other passages that have the text of the chunk, white space aside, and pass the filters, by
                   source; of many, MAX_DUPLICATES. Empty where passages are not collapsed.
    duplicates_total   how many there are.
    pending        whether the chunk's vector is still to come: it was found by its words alone, and its fused score is
                   that of the lexical side.
    """

    id: str
    document_id: str
    text: str
    score: float
    rank: int
    relevance: float
    source: str
    title: str | None
    headings: tuple[str, ...]
    page: int | None
    page_end: int | None
    line_start: int
    line_end: int
    char_start: int
    char_end: int
    metadata: Metadata
    dense_score: float | None
    dense_rank: int | None
    lexical_score: float
    lexical_rank: int | None
    rerank_score: float | None
    highlights: tuple[tuple[int, int], ...]
    duplicates: tuple[Duplicate, ...] = ()
    duplicates_total: int = 0
    pending: bool = False

    def citation(self) -> str:
        """Where it stands, on one line: `manual.pdf, page 3`, `manual.pdf, pages 3–4`, and where they bear other
        numbers `manual.pdf, page 9 (printed iv)`; of a spreadsheet by rows: `prices.xlsx, sheet Lamps, rows 12–40`;
        without either by lines: `docs/rain.md:5-9`, `docs/rain.md:5`."""
        return _citation(self)


def _citation(place: SearchHit | Duplicate) -> str:
    source = " ".join(place.source.split())
    if place.page is not None:
        pages = f"page {place.page}" if place.page == place.page_end else f"pages {place.page}–{place.page_end}"
        label = place.metadata.get(PAGE_LABEL)
        printed = f" (printed {' '.join(label.split())})" if isinstance(label, str) and label else ""
        return f"{source}, {pages}{printed}"
    if rows := cited_rows(place.metadata):
        return f"{source}, {rows}"
    lines = f"{place.line_start}" if place.line_start == place.line_end else f"{place.line_start}-{place.line_end}"
    return f"{source}:{lines}"


@dataclass(frozen=True, slots=True)
class Correction:
    """A word of a query that no passage has, and the nearest one that some passage has, which was searched for."""

    written: str
    searched: str


class SearchHits(list[SearchHit]):
    """The hits of one query, best first, and how the query was read.

    corrections   the words that were searched for in another spelling, in order
    required      the words and phrases that every hit has
    excluded      those that no hit has
    warnings      why the filters may find less than was meant: fields, values and folders that there are not, with the
                  nearest, values of another type, and other filters that find more of what one names; and that -word
                  was read as text, where it was rather meant to exclude
    """

    def __init__(
        self,
        hits: Iterable[SearchHit] = (),
        *,
        corrections: tuple[Correction, ...] = (),
        required: tuple[str, ...] = (),
        excluded: tuple[str, ...] = (),
        warnings: tuple[str, ...] = (),
    ) -> None:
        super().__init__(hits)
        self.corrections = corrections
        self.required = required
        self.excluded = excluded
        self.warnings = warnings

    @property
    def has_relevant(self) -> bool:
        """Whether any of them likely has to do with what is asked."""
        return any(hit.relevance >= LIKELY for hit in self)

    @property
    def most_relevant(self) -> SearchHit:
        """The one of at least one hit that has the highest relevance; the first of equals."""
        return max(self, key=lambda hit: hit.relevance)
