"""One segment: chunks and ledger records, as they were committed together, in one immutable file.

Rows are chunks. What is deleted later is noted beside the segment (live_segment.py) and named in the
manifest (manifest.py); the next merge leaves it out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from retrieval.chroma.rows import chunk_from
from retrieval.filters import compile_where
from retrieval.lexical.postings import ARRAYS, Postings
from retrieval.segments.byte_column import ByteColumn
from retrieval.segments.columns import Columns
from retrieval.segments.pack import Pack
from retrieval.segments.passage_keys import PassageKeys
from retrieval.segments.quantization import QuantizedVectors
from retrieval.segments.sorted_keys import Keys, SortedKeys
from retrieval.segments.words import Words
from retrieval.topk import Mask, Rows
from retrieval.types import Chunk, DocumentRecord, Vectors

SUFFIX = ".segment"

PENDING_SUFFIX = ".pending"
"""Of a segment of documents that await vectors (pending_reader.py), which a repair of Chroma does not read."""

AWAITS = "awaits"

COLUMNS, WORDS, STEMS = "columns.", "words.", "stems."
"""How the names of the arrays begin: of columns, words and stems."""

_KEPT_FILTERS = 16


class Segment:
    """n rows and m records, read-only and safe to share among threads. Nothing is read before it is asked for.

    name               of the file
    size, records_size n and m
    bytes              of the file
    vectors            float32 [n, dim], unit rows
    quantized          the same in a byte a dimension
    awaits             bool [n], the rows whose vectors are still to come, and 0 here; None where all are there
    ids, documents     S32 [n]: each chunk's, and its document's
    digests            S32 [n]: context.embedded_digest of each chunk
    passages           of each chunk's text
    words, stems       of all texts and headings, those of some deleted rows included
    languages          those that rows were analysed in, and uint8 [n], the place of each row's among them
    postings           of the rows' terms
    columns            of the rows' metadata
    record_ids         S32 [m]

    Raises IndexDamagedError for a file that is missing, cut, or not a segment's.
    """

    def __init__(self, path: Path) -> None:
        self._pack = pack = Pack(path)
        self.name = path.name
        self.bytes = pack.size
        self.ids: Keys = pack["ids"]
        self.size = len(self.ids)
        self.documents: Keys = pack["documents"]
        self.digests: Keys = pack["digests"]
        self.vectors: Vectors = pack["vectors"]
        self.quantized = QuantizedVectors(pack["codes"], pack["scales"])
        self.awaits: Mask | None = pack[AWAITS].astype(np.bool_) if AWAITS in pack else None
        self.languages: tuple[str, ...] = tuple(pack.about["languages"])
        self.language_of_row: NDArray[np.uint8] = pack["languages"]
        self.postings = Postings(
            **{name: pack[f"postings.{name}"] for name in ARRAYS}, alive=np.ones(self.size, dtype=np.bool_)
        )
        self.record_ids: Keys = pack["record_ids"]
        self.records_size = len(self.record_ids)
        self._metadata = ByteColumn.load(pack, "metadata")
        self._texts = ByteColumn.load(pack, "texts")
        self._records = ByteColumn.load(pack, "records")
        self._contents = ByteColumn.load(pack, "contents")
        self._id_keys = SortedKeys(self.ids, pack["id_order"])
        self._digest_keys = SortedKeys(self.digests, pack["digest_order"])
        self._record_keys = SortedKeys(self.record_ids, pack["record_order"])
        self._parsed: dict[int, DocumentRecord] = {}
        self._filtered: dict[str, Mask] = {}

    def altered(self) -> list[str]:
        """The parts of the file that are not what was written; reads all of it."""
        return self._pack.altered()

    @property
    def is_cut_off(self) -> bool:
        """As Pack.is_cut_off."""
        return self._pack.is_cut_off

    def release(self) -> None:
        """Let go of the memory of what was read of the file so far."""
        self._pack.release()

    # Rows

    def chunk(self, row: int) -> Chunk:
        return chunk_from(self.ids[row].decode(), self.text(row), orjson.loads(self._metadata[row]))

    def text(self, row: int) -> str:
        return self._texts[row].decode("utf-8")

    def rows_with(self, pattern: re.Pattern[bytes]) -> Iterator[int]:
        """The rows in whose text, in UTF-8, the pattern is found, ascending; reads all texts."""
        return self._texts.rows_with(pattern)

    def rows_of_ids(self, ids: Keys) -> Rows:
        """intp [k], -1 where the id is not here."""
        return self._id_keys.find(ids)

    def rows_of_digests(self, digests: Keys) -> Rows:
        """intp [k], a row with this embedded text, and so its vector; -1 where there is none."""
        return self._digest_keys.find(digests)

    def passing(self, where: Mapping[str, Any]) -> Mask:
        """bool [n]: the rows whose metadata pass the filter. The last filters' are kept: programs ask with the same
        few. Raises QueryError."""
        key = repr(where)
        known = self._filtered.get(key)
        if known is None:
            known = compile_where(where)(self.columns)
            self._filtered = {**dict(list(self._filtered.items())[1 - _KEPT_FILTERS :]), key: known}
        return known

    @cached_property
    def passages(self) -> PassageKeys:
        return PassageKeys(self._pack["passages"], self._pack["passage_order"])

    @cached_property
    def words(self) -> Words:
        return Words.load(self._part(WORDS))

    @cached_property
    def stems(self) -> Words:
        return Words.load(self._part(STEMS))

    @cached_property
    def columns(self) -> Columns:
        return Columns.load(self.size, self._pack.about["columns"], self._part(COLUMNS))

    def _part(self, prefix: str) -> dict[str, NDArray[Any]]:
        """The arrays whose names begin so, by what follows."""
        return {name.removeprefix(prefix): self._pack[name] for name in self._pack.names(prefix)}

    # The ledger

    def record(self, place: int) -> DocumentRecord:
        known = self._parsed.get(place)
        if known is None:
            known = self._parsed[place] = record_from_json(self._records[place])
        return known

    def content(self, place: int) -> str:
        """What the document was made of, where no file can tell it again; else ""."""
        return self._contents[place].decode("utf-8")

    def places_of_records(self, document_ids: Keys) -> Rows:
        """intp [k], -1 where the document has no record here."""
        return self._record_keys.find(document_ids)

    # What a merge copies

    @property
    def byte_columns(self) -> dict[str, ByteColumn]:
        """Those of rows and of records, by name."""
        return {
            "metadata": self._metadata, "texts": self._texts, "records": self._records, "contents": self._contents,
        }  # fmt: skip


def record_to_json(record: DocumentRecord) -> bytes:
    return orjson.dumps(record)


def record_from_json(data: bytes) -> DocumentRecord:
    values = orjson.loads(data)
    return DocumentRecord(**{**values, "chunk_ids": tuple(values["chunk_ids"])})


def languages_of(names: Sequence[str]) -> tuple[list[str], NDArray[np.uint8]]:
    """The different ones, sorted, and uint8 [n]: the place of each among them."""
    known = sorted(set(names))
    place = {name: number for number, name in enumerate(known)}
    return known, np.fromiter((place[name] for name in names), np.uint8, count=len(names))
