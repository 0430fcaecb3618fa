"""What a search reads: one generation, all its segments as one."""

import logging
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from retrieval.chroma.store import State
from retrieval.config import Config
from retrieval.errors import IndexDamagedError, RetrievalError
from retrieval.filters import compile_where, compile_where_document
from retrieval.fingerprint import Fingerprint
from retrieval.learned_fusion import FusionWeights
from retrieval.lexical import LexicalIndex
from retrieval.segments.block import blocks_of
from retrieval.segments.column import Kind
from retrieval.segments.live_segment import LiveSegment
from retrieval.segments.manifest import Entry, Manifest
from retrieval.segments.quantization import QuantizedVectors
from retrieval.segments.segment import Segment
from retrieval.segments.sorted_keys import Keys, keys_of
from retrieval.segments.stacked import StackedArray
from retrieval.time_limit import check_time
from retrieval.timing import stage
from retrieval.topk import Mask, Rows
from retrieval.types import Chunk, DocumentRecord, Vectors, document_id

log = logging.getLogger(__name__)

_ID = re.compile(r"[0-9a-f]{32}")

_BLOCK = 4096
"""Rows averaged at once."""

_NO_LANGUAGE = 255

PENDING_LOST = "The search file %s is damaged. Its documents, which await vectors, are not found before the next sync."

_CHECKED = 32 << 20
"""Bytes of new segments that are checked when a generation is opened, in some 10 ms; `ingest doctor` checks all."""


class IndexReader:
    """One generation, read-only and safe to share among threads.

    A row is a slot: chunks are numbered through all segments, those included that were deleted since. Deleted rows have
    no score, pass no filter and are never returned. Row numbers hold within one reader only.

    generation   its name; "" before the first
    state        as in store.State
    slots        how many rows there are, and
    size         how many of them are not deleted
    blocks       (rows that lie together, the first of them)
    alive        bool [slots], the rows that are not deleted; None where all are there
    vectors      float32 [slots, dim], unit rows
    ids, documents, digests   S32 [slots]
    passages     uint64 [slots], equal where texts are, as passage_numbers
    pending_parts   segments of documents that await vectors, which are not among the rows
    """

    def __init__(
        self,
        manifest: Manifest,
        live: Sequence[LiveSegment],
        config: Config,
        *,
        pending: Sequence[LiveSegment] = (),
        committed: "IndexReader | None" = None,
    ) -> None:
        self.live = tuple(live)
        self._committed = committed
        self.pending_parts = tuple(pending)
        self.state = manifest.state
        self.generation = manifest.state.generation
        self.documents_of_folder: Mapping[str, int] = manifest.documents or {}
        self.fingerprint = Fingerprint.from_json(self.state.fingerprint) if self.state.fingerprint else None
        self.segments = tuple(part.segment for part in live)
        self.starts = tuple(accumulate((segment.size for segment in self.segments), initial=0))
        self.slots = self.starts[-1]
        self.size = sum(part.size for part in live)
        self.blocks = blocks_of(self.segments)
        self.ids: StackedArray[np.bytes_] = self._stacked([block.ids for block, _ in self.blocks], np.dtype("S32"))
        self._config = config

    @classmethod
    def empty(cls, config: Config) -> Self:
        """That of an index before its first generation."""
        return cls(Manifest(State()), (), config)

    @classmethod
    def open(cls, segments: Path, manifest: Manifest, config: Config, *, known: "IndexReader | None" = None) -> Self:
        """Read the generation whose files lie in the directory `segments`. Those that `known` has open are shared.

        Files that are new are checked, the smallest first, up to _CHECKED bytes of them. Raises IndexDamagedError where
        one is missing, cut or altered.
        """
        parts = (*known.live, *known.pending_parts) if known is not None else ()
        opened = {part.segment.name: part for part in parts}
        live = [_opened(segments, entry, opened.get(entry.segment)) for entry in manifest.segments]
        pending = {entry.segment: pending_part(segments, entry, opened) for entry in manifest.pending}
        unchecked = _CHECKED
        every = (part for part in (*live, *pending.values()) if part is not None)
        for part in sorted(every, key=lambda part: part.segment.bytes):
            if part.segment.name in opened:
                continue
            unchecked -= part.segment.bytes
            if unchecked < 0:
                break
            if not (altered := part.segment.altered()):
                continue
            if part.segment.name not in pending:
                raise IndexDamagedError(f"The search file {part.segment.name} is altered: {', '.join(altered)}.")
            log.warning(PENDING_LOST, part.segment.name)
            pending[part.segment.name] = None
        return cls(manifest, live, config, pending=[part for part in pending.values() if part is not None])

    @property
    def committed(self) -> "IndexReader":
        """The generation without the documents that await vectors: what Chroma has (pending_reader.py)."""
        return self if self._committed is None else self._committed  # in a circle, files would stay mapped

    @property
    def is_cut_off(self) -> bool:
        """Whether a file has lost its end since it was opened, and must not be read any more."""
        return any(segment.is_cut_off for segment in self.segments)

    @contextmanager
    def explaining_damage(self) -> Iterator[None]:
        """Raises IndexDamagedError where the block fails because a search file is not what was written: those of large
        segments are not checked when they are opened."""
        try:
            yield
        except RetrievalError:
            raise
        except Exception as error:
            altered = [segment.name for segment in self.segments if segment.altered()]
            if not altered:
                raise
            raise IndexDamagedError(
                f"The search file {altered[0]} is altered; `ingest doctor --repair` makes it again."
            ) from error

    @property
    def context_header(self) -> bool:
        """Whether chunks were embedded and analysed with their context header."""
        return self.fingerprint is not None and bool(self.fingerprint.settings["context_header"])

    @property
    def files(self) -> set[str]:
        """The names of the files that it is read from."""
        parts = (*self.live, *self.pending_parts)
        return {name for part in parts for name in (part.segment.name, part.deletions) if name}

    @cached_property
    def alive(self) -> Mask | None:
        if self.size == self.slots:
            return None
        return np.concatenate([part.postings.alive for part in self.live])

    @cached_property
    def dead(self) -> Rows:
        """intp [slots - size]: the rows that were deleted."""
        return np.empty(0, np.intp) if self.alive is None else np.flatnonzero(~self.alive)

    @cached_property
    def living(self) -> Rows:
        """intp [size]: the rows that were not deleted."""
        return np.arange(self.slots) if self.alive is None else np.flatnonzero(self.alive)

    @cached_property
    def awaits(self) -> Mask | None:
        """bool [slots]: the rows, not deleted, whose vectors are still to come; None where all are there."""
        parts = [segment.awaits for segment in self.segments]
        if all(part is None for part in parts):
            return None
        sizes = (segment.size for segment in self.segments)
        known = [np.zeros(size, np.bool_) if part is None else part for part, size in zip(parts, sizes, strict=True)]
        awaits = np.concatenate(known) if self.alive is None else np.concatenate(known) & self.alive
        return awaits if awaits.any() else None

    @property
    def pending(self) -> int:
        """How many rows await their vectors."""
        return 0 if self.awaits is None else int(np.count_nonzero(self.awaits))

    @cached_property
    def embedded(self) -> Mask | None:
        """bool [slots]: the rows that are not deleted and have a vector; None where all are such."""
        if self.awaits is None:
            return self.alive
        return ~self.awaits if self.alive is None else self.alive & ~self.awaits

    @cached_property
    def without_cosine(self) -> Rows:
        """intp [k]: the rows that are not `embedded`."""
        return np.empty(0, np.intp) if self.embedded is None else np.flatnonzero(~self.embedded)

    @cached_property
    def vectors(self) -> "StackedArray[np.float32]":
        dimension = self.fingerprint.dimension if self.fingerprint else 0
        return self._stacked([block.vectors for block, _ in self.blocks], np.dtype("f4"), dimension)

    @cached_property
    def documents(self) -> "StackedArray[np.bytes_]":
        return self._stacked([block.documents for block, _ in self.blocks], np.dtype("S32"))

    @cached_property
    def digests(self) -> "StackedArray[np.bytes_]":
        return self._stacked([block.digests for block, _ in self.blocks], np.dtype("S32"))

    @cached_property
    def passages(self) -> "StackedArray[np.uint64]":
        return self._stacked([block.passages.numbers for block, _ in self.blocks], np.dtype("u8"))

    @cached_property
    def lexical(self) -> LexicalIndex:
        """BM25 over the same rows, which are its slots."""
        return LexicalIndex.over([part.postings for part in self.live], **self._config.bm25)

    @property
    def fusion_weights(self) -> FusionWeights | None:
        """Of a learned fusion, as configured."""
        return self._config.fusion_weights

    def chunk(self, row: int) -> Chunk:
        segment, at = self._place(row)
        return segment.chunk(at)

    def ordinals(self, rows: Rows) -> NDArray[np.float64]:
        """float64 [k]: how many chunks of its document stand before each of these rows."""
        return np.array([self.chunk(row).ordinal for row in rows.tolist()], np.float64)

    def text(self, row: int) -> str:
        segment, at = self._place(row)
        return segment.text(at)

    @stage("dense")
    def products(self, vector: Vectors) -> tuple[NDArray[np.float64], float]:
        """float64 [slots], about the product of float32 [dim] with every row, -inf for those that are deleted or await
        their vector; and how far off the true one each is at most."""
        products, error = np.empty(self.slots), 0.0
        query = QuantizedVectors.of(vector[None])
        for block, start in self.blocks:
            error = max(error, block.quantized.products(query, products[start : start + block.size]))
        products[self.without_cosine] = -np.inf
        return products, error

    # What a search counts on

    def require(
        self, query: object, side: Literal["dense", "lexical"], *, depth: int, least: float, is_filtered: bool
    ) -> None:
        """A search takes the `depth` best rows of a side, the last of which scores `least` (-inf where there are
        fewer). Here are all rows; where only candidates are, this raises unless no other row belongs among them."""

    def require_all(self, what: str) -> None:
        """A search takes the scores of all rows. Here are all; where only candidates are, this raises, and says what
        is asked for."""

    # Languages

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """The languages that chunks were analysed in, sorted."""
        return tuple(sorted({name for part in self.live for name in part.languages}))

    @cached_property
    def language_of_row(self) -> NDArray[np.uint8]:
        """uint8 [slots]: the place of each row's language in `languages`; _NO_LANGUAGE of a hidden row whose language
        no other row has."""
        place = {name: number for number, name in enumerate(self.languages)}
        numbers = [
            np.array([place.get(name, _NO_LANGUAGE) for name in segment.languages], np.uint8)[segment.language_of_row]
            for segment in self.segments
        ]
        return np.concatenate(numbers) if numbers else np.empty(0, np.uint8)

    @cached_property
    def languages_by_size(self) -> tuple[str, ...]:
        """The same, those of the most chunks first."""
        counts = np.bincount(self.language_of_row[self.living], minlength=len(self.languages))
        return tuple(self.languages[number] for number in np.argsort(-counts, kind="stable").tolist())

    def language(self, row: int) -> str:
        segment, at = self._place(row)
        return segment.languages[int(segment.language_of_row[at])]

    # Looking up

    def rows_of_ids(self, ids: Sequence[str]) -> Rows:
        """intp [k]: the row of each chunk that is not deleted, -1 where there is none."""
        return self._found(keys_of(ids), lambda segment, keys: segment.rows_of_ids(keys))

    def rows_of_passages(self, rows: Rows) -> list[Rows]:
        """intp [k] for each of these rows: the others that have its text and are not deleted, in any order."""
        numbers = self.passages[rows]
        found: list[list[Rows]] = [[] for _ in rows]
        for block, start in self.blocks:
            for place, same in block.passages.rows_of(numbers):
                found[place].append(same + start)
        return [self._others(row, np.concatenate(same)) for row, same in zip(rows.tolist(), found, strict=True)]

    def _others(self, row: int, rows: Rows) -> Rows:
        rows = rows[rows != row] if len(rows) > 1 else rows[:0]
        return rows if self.alive is None else rows[self.alive[rows]]

    def words_near(self, word: str, *, most: int) -> dict[str, int]:
        """The words of texts and headings at most so many edits away from one, and how many, as Words.near; words of
        deleted rows may be among them."""
        near = (part.words.near(word, most=most) for part in self.live)
        return {other: edits for found in near for other, edits in found.items()}

    def stems_near(self, stem: str, *, most: int) -> dict[str, int]:
        """The same of the stems of such words."""
        near = (part.stems.near(stem, most=most) for part in self.live)
        return {other: edits for found in near for other, edits in found.items()}

    def words_beginning(self, prefix: str) -> set[str]:
        """The words of texts and headings that begin so; words of deleted rows may be among them."""
        return {word for part in self.live for word in part.words.beginning(prefix)}

    def vectors_of(self, digests: Sequence[str]) -> dict[str, Vectors]:
        """float32 [dim] of each embedded text that has a vector here, by its context.embedded_digest. That of a deleted
        row serves as well."""
        found: dict[str, Vectors] = {}
        for segment in self.segments:
            rows = segment.rows_of_digests(keys_of(digests)).tolist()
            found.update(
                (digest, segment.vectors[row])
                for digest, row in zip(digests, rows, strict=True)
                if row >= 0 and (segment.awaits is None or not segment.awaits[row])
            )
        return found

    def chunks_of(self, document: str) -> list[Chunk]:
        """A document's chunks in order, by its id; reads no other's."""
        return [self.chunk(row) for row in self.rows_of_document(document)]

    def rows_of_document(self, document: str) -> list[int]:
        """A document's rows in order, by its id; none where it is unknown."""
        record = self.record(document)
        rows = self.rows_of_ids(record.chunk_ids) if record is not None else np.empty(0, np.intp)
        return [row for row in rows.tolist() if row >= 0]

    # The ledger

    def record(self, document: str) -> DocumentRecord | None:
        """A document's record, by its id."""
        place = self._record_place(document)
        return place[0].segment.record(place[1]) if place is not None else None

    def record_of(self, source: str) -> DocumentRecord | None:
        return self.record(document_id(source))

    def content(self, document: str) -> str:
        """What a document was made of, if it was added from memory; else ""."""
        place = self._record_place(document)
        return place[0].segment.content(place[1]) if place is not None else ""

    @cached_property
    def records(self) -> tuple[DocumentRecord, ...]:
        """The ledger, by source."""
        records = [part.segment.record(at) for part in self.live for at in part.record_places]
        return tuple(sorted(records, key=lambda record: record.source))

    @cached_property
    def searchable(self) -> tuple[DocumentRecord, ...]:
        """The records of the documents that have chunks, whatever became of reading them since."""
        return tuple(record for record in self.records if record.chunk_ids)

    def has_records(self, documents: Keys) -> Mask:
        """bool [k]: which of these documents the ledger has, by their ids."""
        found = np.zeros(len(documents), np.bool_)
        for part in self.live:
            found |= part.places_of_records(documents) >= 0
        return found

    def without_documents(self, documents: Keys, *, rows: Rows | None = None) -> list[LiveSegment]:
        """The segments less the records of these documents, by their ids, and less these rows; None takes all that
        the records name."""
        if rows is None:
            old = [record for id_ in documents.tolist() if (record := self.record(id_.decode())) is not None]
            rows = self.rows_of_ids([chunk for record in old for chunk in record.chunk_ids])
            rows = rows[rows >= 0]
        live = []
        for part, start in zip(self.live, self.starts, strict=False):
            places = part.places_of_records(documents)
            here = rows[(rows >= start) & (rows < start + part.segment.size)] - start
            live.append(part.without(here, places[places >= 0]))
        return live

    # Metadata

    def select(
        self, where: Mapping[str, Any] | None, where_document: Mapping[str, Any] | None
    ) -> NDArray[np.bool_] | None:
        """bool [slots]: the rows that both filters let through; None where there is no filter. Raises QueryError."""
        if not where and not where_document:
            return None
        compile_where(where)  # refused in an empty index too
        text_passes = compile_where_document(where_document)
        chosen = np.ones(self.slots, np.bool_) if self.alive is None else self.alive.copy()
        if where:
            for segment, start in zip(self.segments, self.starts, strict=False):
                chosen[start : start + segment.size] &= segment.passing(where)
        if where_document:
            for row in np.flatnonzero(chosen).tolist():
                check_time()
                chosen[row] = text_passes(self.text(row))
        return chosen

    def beginning(self, field: str, prefix: str) -> Mask:
        """bool [slots]: the rows whose value in `field` is a string that begins so, deleted ones among them."""
        mask = np.zeros(self.slots, np.bool_)
        for segment, start in zip(self.segments, self.starts, strict=False):
            mask[start : start + segment.size] = segment.columns.beginning(field, prefix)
        return mask

    def documents_passing(self, where: Mapping[str, Any]) -> set[str]:
        """The sources of the documents all of whose chunks pass the filter. Raises QueryError."""
        passes = self.select(where, None)
        rows, starts = self.rows_by_document
        if passes is None or not len(rows):
            return set()
        whole = np.logical_and.reduceat(passes[rows], starts)
        documents = self.documents[rows[starts[whole]]].tolist()
        return {record.source for id_ in documents if (record := self.record(id_.decode())) is not None}

    @cached_property
    def metadata_kinds(self) -> Mapping[str, frozenset[Kind]]:
        """What the values of each field are."""
        found: dict[str, frozenset[Kind]] = {}
        for part in self.live:
            for field, kinds in part.metadata_kinds.items():
                found[field] = found.get(field, frozenset()) | kinds
        return found

    @cached_property
    def tokens_of_row(self) -> NDArray[np.int64]:
        """int64 [slots]: of each chunk's whole embedded string."""
        counts = [segment.columns.ints("tokens") for segment in self.segments if segment.size]
        return np.concatenate(counts) if counts else np.empty(0, np.int64)

    @property
    def tokens(self) -> int:
        """Of all embedded strings together."""
        return int(self.tokens_of_row[self.living].sum())

    # Whole documents

    @cached_property
    def rows_by_document(self) -> tuple[Rows, Rows]:
        """intp [size], the rows that are not deleted, sorted by their document's id, and intp [m], where each
        document's begin among them."""
        documents = self.documents[self.living] if self.alive is not None else self.documents.joined()
        order = np.argsort(documents, kind="stable")
        return self.living[order], np.unique(documents[order], return_index=True)[1]

    @cached_property
    def document_vectors(self) -> Vectors:
        """float32 [m, dim], unit rows: the normalised mean of each document's chunks, in the order of rows_by_document.
        The ledger keeps the same."""
        rows, starts = self.rows_by_document
        document = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(rows)))
        sums = np.zeros((len(starts), self.vectors.shape[1]), np.float32)
        for first in range(0, len(rows), _BLOCK):  # blocks of rows: one document may have more of them than fit
            numbers = document[first : first + _BLOCK]
            begins = np.flatnonzero(np.diff(numbers, prepend=-1))
            sums[numbers[begins]] += np.add.reduceat(self.vectors[rows[first : first + _BLOCK]], begins, axis=0)
        return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12))

    def _place(self, row: int) -> tuple[Segment, int]:
        number = bisect_right(self.starts, row) - 1
        return self.segments[number], row - self.starts[number]

    def _record_place(self, document: str) -> tuple[LiveSegment, int] | None:
        if not _ID.fullmatch(document):
            return None
        key = keys_of([document])
        for part in reversed(self.live):
            place = int(part.places_of_records(key)[0])
            if place >= 0:
                return part, place
        return None

    def _found(self, keys: Keys, find: Any) -> Rows:
        rows = np.full(len(keys), -1, dtype=np.intp)
        for part, start in zip(self.live, self.starts, strict=False):
            here = find(part.segment, keys)
            found = here >= 0
            if part.rows is not None:
                found[found] = part.rows[here[found]]
            rows[found] = here[found] + start
        return rows

    def _stacked(self, parts: Sequence[NDArray[Any]], dtype: np.dtype[Any], *rest: int) -> StackedArray[Any]:
        return StackedArray(parts or [np.empty((0, *rest), dtype)])


def pending_part(directory: Path, entry: Entry, opened: Mapping[str, LiveSegment]) -> LiveSegment | None:
    """A segment of documents that await vectors; None where it cannot be read: a search does without, and the next sync
    reads their files again."""
    try:
        return _opened(directory, entry, opened.get(entry.segment))
    except IndexDamagedError:
        is_there = (directory / entry.segment).exists()
        if is_there:  # else a writer has replaced it, and the pointer names another generation
            log.warning(PENDING_LOST, entry.segment)
        return None


def _opened(directory: Path, entry: Entry, known: LiveSegment | None) -> LiveSegment:
    if known is not None and known.deletions == entry.deletions:
        return known
    segment = known.segment if known is not None else Segment(directory / entry.segment)
    return LiveSegment.load(segment, directory, entry.deletions)
