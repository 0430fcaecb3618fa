"""The few hundred rows that one search fetched, laid out so that the pipeline of a local index searches them.

What depends on the whole index, sizes and counts of terms, is the whole index's. The pipeline says which rows it counts
on (`require`); where others might belong among them, `Missing` says what to fetch, and the search is done again.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from retrieval.config import Config
from retrieval.errors import ConfigError
from retrieval.filters import compile_where, compile_where_document
from retrieval.learned_fusion import FusionWeights
from retrieval.lexical import LexicalIndex
from retrieval.lexical.composite import CompositePostings, Occurrences
from retrieval.search.cosines import float32_products
from retrieval.search.query import Query
from retrieval.segments.columns import Columns
from retrieval.segments.stacked import StackedArray
from retrieval.shared_store.reader import Row, SharedReader
from retrieval.shared_store.rows import chunk_of, counts_of
from retrieval.topk import Mask, Rows
from retrieval.types import Chunk, Vectors

Side = Literal["dense", "lexical"]


@dataclass(frozen=True)
class SampledPostings(CompositePostings):
    """The terms of some documents, counted as what they are: a sample of an index whose statistics are known.

    rows     how often each document has each term
    own_lengths   their numbers of terms
    known    in how many documents of the whole index a term is
    documents, average   how many documents the index has, and their mean length
    """

    rows: Sequence[Mapping[str, int]] = ()
    own_lengths: Sequence[int] = ()
    known: Callable[[str], int] = lambda _: 0
    documents: int = 0
    average: float = 0.0

    @cached_property
    def slots(self) -> int:
        return len(self.rows)

    @cached_property
    def size(self) -> int:
        return self.documents

    @cached_property
    def relative_lengths(self) -> NDArray[np.float64]:
        return np.array(self.own_lengths, np.int64) / (self.average or 1.0)

    @cached_property
    def average_length(self) -> float:
        return self.average

    @cached_property
    def is_whole(self) -> bool:
        return True

    @cached_property
    def deleted(self) -> NDArray[np.intp]:
        return np.empty(0, np.intp)

    def occurrences(self, term: str) -> Occurrences:
        found = [(slot, counts[term]) for slot, counts in enumerate(self.rows) if term in counts]
        slots = np.array([slot for slot, _ in found], np.int32)
        # A term may be newer here than in a base that is read; it is in so many at least.
        return Occurrences(slots, np.array([count for _, count in found], np.uint32), self.known(term))


class Missing(Exception):  # noqa: N818 - it asks for more, and ends no search
    """A search counts on rows of which some may not be here: those of a query's side, filtered or not."""

    def __init__(self, query: Query, side: Side, depth: int, *, is_filtered: bool) -> None:
        super().__init__(side)
        self.query = query
        self.side: Side = side
        self.depth = depth
        self.is_filtered = is_filtered


class MissingCopies(Exception):  # noqa: N818 - it asks for more, and ends no search
    """Hits have texts that other passages have too: `keys` are the rows of all that have them."""

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__(len(keys))
        self.keys = keys


class CandidateView:
    """Rows of one generation, as an IndexReader has them where the names are the same. For one search, in one thread.

    covers   whether the rows hold the `depth` best of a side of a query, of which the last scores `least`
    asked    the keys of all rows that were asked for
    """

    alive = embedded = awaits = None
    is_cut_off = False

    def __init__(
        self,
        reader: SharedReader,
        rows: Sequence[Row],
        config: Config,
        *,
        covers: Callable[[Query, Side, int, float, bool], bool],
        asked: Container[str] = (),
    ) -> None:
        self._reader = reader
        self._asked = asked
        self._rows = list(rows)
        self._covers = covers
        self._config = config
        self.slots = len(rows)
        self.size = reader.size
        self.state, self.fingerprint, self.generation = reader.state, reader.fingerprint, reader.generation
        self.context_header = reader.context_header
        self.languages, self.languages_by_size = reader.languages, reader.languages_by_size
        dimension = reader.fingerprint.dimension if reader.fingerprint else 0
        matrix = np.stack([row["vector"] for row in rows]) if rows else np.empty((0, dimension), np.float32)
        self.vectors = StackedArray([matrix])
        self.ids = StackedArray([np.array([row["id"] for row in rows], "S32")])
        self.documents = StackedArray([np.array([row["metadata"]["document_id"] for row in rows], "S32")])
        self.passages = StackedArray([np.array([row["passage"] for row in rows], np.int64).view(np.uint64)])
        place = {name: number for number, name in enumerate(self.languages)}
        self.language_of_row = np.array([place[row["language"]] for row in rows], np.uint8)
        self.dead = np.empty(0, np.intp)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise ConfigError(
            f"This search needs all passages at hand ({name.replace('_', ' ')}), and store milvus has only its "
            "candidates; ask in mode hybrid or dense, or search a local index (store: chroma)."
        )

    # What the search counts on

    def require(self, query: Query, side: Side, *, depth: int, least: float, is_filtered: bool) -> None:
        if not self._covers(query, side, depth, least, is_filtered):
            raise Missing(query, side, depth, is_filtered=is_filtered)

    def require_all(self, what: str) -> None:
        if self.slots < self.size:
            raise ConfigError(
                f"This search needs {what}, since its candidates all score alike on one side, and store milvus has no "
                "others; ask for more `candidates`, or in mode dense or lexical."
            )

    # Rows

    @cached_property
    def living(self) -> Rows:
        return np.arange(self.slots)

    @cached_property
    def lexical(self) -> LexicalIndex:
        postings = SampledPostings(
            rows=[counts_of(row) for row in self._rows[: self.slots]],
            own_lengths=[row["length"] for row in self._rows[: self.slots]],
            known=self._reader.counts.total,
            documents=self.size,
            average=self._reader.shared.average_length,
        )
        return LexicalIndex.of(postings, **self._config.bm25)

    @property
    def fusion_weights(self) -> FusionWeights | None:
        return self._config.fusion_weights

    def chunk(self, row: int) -> Chunk:
        return chunk_of(self._rows[row])

    def text(self, row: int) -> str:
        text: str = self._rows[row]["text"]
        return text

    def ordinals(self, rows: Rows) -> NDArray[np.float64]:
        return np.array([self._rows[row]["metadata"]["ordinal"] for row in rows.tolist()], np.float64)

    def language(self, row: int) -> str:
        language: str = self._rows[row]["language"]
        return language

    @cached_property
    def tokens_of_row(self) -> NDArray[np.int64]:
        return np.array([row["metadata"]["tokens"] for row in self._rows[: self.slots]], np.int64)

    def products(self, vector: Vectors) -> tuple[NDArray[Any], float]:
        products, error = float32_products(self.vectors.parts, vector[None])
        return products[0], error

    def rows_of_ids(self, ids: Sequence[str]) -> Rows:
        place = {row["id"]: at for at, row in enumerate(self._rows[: self.slots])}
        return np.array([place.get(id_, -1) for id_ in ids], np.intp)

    def rows_of_passages(self, rows: Rows) -> list[Rows]:
        """As IndexReader.rows_of_passages. Raises MissingCopies for those that were not asked for yet."""
        keys = self._reader.keys_of_passages({self._rows[row]["passage"] for row in rows.tolist()})
        if any(key not in self._asked for key in keys):
            raise MissingCopies(keys)
        numbers = self.passages.joined()
        same = [np.flatnonzero(numbers == numbers[row]) for row in rows.tolist()]
        return [others[others != row] for row, others in zip(rows.tolist(), same, strict=True)]

    def rows_of_document(self, document: str) -> list[int]:
        """A document's rows in order; those that are not here are fetched, and take numbers from `slots` on."""
        place = {row["key"]: at for at, row in enumerate(self._rows)}
        for row in (found := self._reader.rows_of_documents([document])):
            if row["key"] not in place:
                place[row["key"]] = len(self._rows)
                self._rows.append(row)
        return [place[row["key"]] for row in found]

    # Filters

    def select(self, where: Mapping[str, Any] | None, where_document: Mapping[str, Any] | None) -> Mask | None:
        """As IndexReader.select."""
        if not where and not where_document:
            return None
        passes, text_passes = compile_where(where), compile_where_document(where_document)
        chosen = np.ones(self.slots, np.bool_)
        if where:
            chosen &= passes(Columns.of([row["metadata"] for row in self._rows[: self.slots]]))
        for row in np.flatnonzero(chosen).tolist() if where_document else ():
            chosen[row] = text_passes(self.text(row))
        return chosen

    def beginning(self, field: str, prefix: str) -> Mask:
        """As IndexReader.beginning."""
        values = [row["metadata"].get(field) for row in self._rows[: self.slots]]
        return np.array([isinstance(value, str) and value.startswith(prefix) for value in values], np.bool_)
