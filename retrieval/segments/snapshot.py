"""What searches read: one generation of the index in memory-mapped files.

A snapshot is a cache of Chroma. It is written whole into a directory of its own, sealed with the sizes and checksums
of its files, and never changed. So a search sees one generation from beginning to end, any number of processes may
read while one writes, and what is missing or damaged is noticed and built again.

    manifest.json       generation, fingerprint, folders, checksums; written last
    vectors.npy         float32 [n, dim], unit rows
    codes.npy           int8 [n, dim], and
    scales.npy          float64 [n, 3]: the same, rounded (rounding.py); older snapshots have neither
    digests.npy         S32 [n]: embedded_digest of each chunk
    ids.npy             S32 [n]
    documents.npy       S32 [n], the id of each chunk's document
    languages.npy       S32 [n], the language that each chunk was analysed in
    rows.bin, texts.bin one JSON metadata, one text a chunk
    records.bin         one JSON record a document
    contents.bin        what each document was made of, where no file can tell it again; else nothing
    lexical/            BM25 postings over the same rows
"""

import json
import logging
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from errno import ENOENT
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from retrieval.analysis import Analyzer
from retrieval.chroma.rows import chunk_from, folders_from
from retrieval.chroma.store import State
from retrieval.config import Config
from retrieval.context import contextualize
from retrieval.errors import IndexDamagedError, IndexNotFoundError
from retrieval.filters import RowPredicate, compile_where, compile_where_document
from retrieval.fingerprint import Fingerprint
from retrieval.lexical import LexicalIndex
from retrieval.npy import load_array
from retrieval.segments.byte_column import ByteColumn
from retrieval.segments.columns import Columns
from retrieval.segments.quantization import CODES, QuantizedVectors
from retrieval.types import Chunk, DocumentRecord, Vectors, digest

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
_BLOCK = 4096
"""Rows averaged at once."""

_KEPT_FILTERS = 16

_RECORD_FIELDS = [field.name for field in fields(DocumentRecord)]


class Snapshot:
    """One generation, read-only and safe to share among threads. Rows are chunks; row numbers hold within it only.

    generation, state   as in store.State
    vectors             float32 [n, dim], unit rows
    lexical             LexicalIndex over the same n rows
    """

    def __init__(self, directory: Path, manifest: Mapping[str, Any], lexical: LexicalIndex) -> None:
        self.directory = directory
        self.state = State(manifest["generation"], folders_from(manifest["folders"]), manifest["fingerprint"])
        self.fingerprint = Fingerprint.from_json(self.state.fingerprint) if self.state.fingerprint else None
        self.vectors: Vectors = load_array(directory / "vectors.npy", mmap=True)
        self.ids: NDArray[np.bytes_] = load_array(directory / "ids.npy")
        self.documents: NDArray[np.bytes_] = load_array(directory / "documents.npy")
        self.digests: NDArray[np.bytes_] = load_array(directory / "digests.npy")
        self.lexical = lexical
        self._language_names: NDArray[np.bytes_] = load_array(directory / "languages.npy")
        self._filtered: dict[str, NDArray[np.bool_]] = {}
        self._rounded = QuantizedVectors.load(directory) if CODES in manifest["files"] else None
        self._rows = ByteColumn(directory, "rows")
        self._texts = ByteColumn(directory, "texts")
        self._records = ByteColumn(directory, "records")
        self._contents = ByteColumn(directory, "contents")

    @classmethod
    def open(cls, directory: Path, config: Config, *, verify: bool = True, searchable: bool = True) -> Self:
        """Raises IndexDamagedError where a file is missing, cut or altered (`verify` reads all of them to know), or,
        if it is to be `searchable`, where the text analysis has changed since."""
        try:
            manifest = json.loads((directory / MANIFEST).read_text("utf-8"))
            altered = [name for name, seal in manifest["files"].items() if verify and seal_of(directory / name) != seal]
            if altered:
                raise IndexDamagedError(f"The snapshot {directory} is damaged: {', '.join(altered)}.")
            lexical = LexicalIndex.load(
                directory / "lexical",
                variant=config.bm25_variant,
                idf=config.bm25_idf,
                k1=config.bm25_k1,
                b=config.bm25_b,
                delta=config.bm25_delta,
            )
            snapshot = cls(directory, manifest, lexical)
            made_with = snapshot.fingerprint
            if searchable and made_with and made_with.analyzer != made_with.current_analyzer:
                raise IndexDamagedError(f"The snapshot {directory} was analysed by another version.")
            return snapshot
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, IndexNotFoundError) as error:
            log.debug("opening %s failed", directory, exc_info=True)
            raise IndexDamagedError(f"The snapshot {directory} is damaged: {_in_words(error)}.") from error

    @property
    def size(self) -> int:
        """How many chunks. (Not `len`: a snapshot without chunks must not pass for no snapshot.)"""
        return len(self.ids)

    @property
    def context_header(self) -> bool:
        """Whether chunks were embedded and analysed with their context header."""
        return self.fingerprint is not None and bool(self.fingerprint.settings["context_header"])

    def chunk(self, row: int) -> Chunk:
        return chunk_from(self.ids[row].decode(), self.text(row), orjson.loads(self._rows[row]))

    def chunks_of(self, document: str) -> list[Chunk]:
        """A document's chunks in order, by its id; reads no other's."""
        rows = np.flatnonzero(self.documents == document.encode()).tolist()
        return sorted(map(self.chunk, rows), key=lambda chunk: chunk.ordinal)

    def text(self, row: int) -> str:
        return self._texts[row].decode("utf-8")

    def lexical_without(self, kept: Sequence[int]) -> LexicalIndex:
        """A copy of the BM25 index, to be changed, with the rows `kept` alone."""
        lexical = LexicalIndex.load(self.directory / "lexical")
        keep = np.zeros(self.size, dtype=np.bool_)
        keep[list(kept)] = True
        lexical.delete(np.flatnonzero(~keep).tolist())
        return lexical

    def raw(self, row: int) -> tuple[bytes, bytes]:
        """Metadata and text as stored, for copying."""
        return self._rows[row], self._texts[row]

    @cached_property
    def rounded(self) -> QuantizedVectors:
        """`vectors`, for a scan that reads less; where an older version published, made here."""
        return self._rounded or QuantizedVectors.of(self.vectors)

    @cached_property
    def records(self) -> tuple[DocumentRecord, ...]:
        """The ledger, by source."""
        return tuple(map(record_from_json, self._records))

    @cached_property
    def searchable(self) -> tuple[DocumentRecord, ...]:
        """The records of the documents that have chunks here, whatever became of reading them since."""
        ids = set(self.documents.tolist())
        return tuple(record for record in self.records if record.id.encode() in ids)

    def content(self, at: int) -> str:
        """What the document of `records[at]` was made of, if it was added from memory; else ""."""
        return self._contents[at].decode("utf-8")

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """The languages that chunks were analysed in, sorted."""
        return self._languages[0]

    @cached_property
    def language_of_row(self) -> NDArray[np.uint8]:
        """uint8 [n]: the place of each row's language in `languages`."""
        return self._languages[1]

    def language(self, row: int) -> str:
        return self.languages[int(self.language_of_row[row])]

    @cached_property
    def tokens(self) -> int:
        """Of all embedded strings together."""
        return int(self.tokens_of_row.sum())

    @cached_property
    def tokens_of_row(self) -> NDArray[np.int64]:
        """int64 [n]: of each chunk's whole embedded string. (The metadata that holds them is not kept.)"""
        return np.fromiter((orjson.loads(row)["tokens"] for row in self._rows), np.int64, self.size)

    @cached_property
    def metadata_fields(self) -> frozenset[str]:
        """All that `where` can ask for: the fields that a chunk has."""
        return frozenset().union(*self._metadata)

    @cached_property
    def row_of_digest(self) -> dict[str, int]:
        """Where a string that is embedded already has its vector."""
        return {key.decode(): row for row, key in enumerate(self.digests.tolist())}

    @cached_property
    def rows_by_document(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """intp [n], the rows sorted by their document's id, and intp [m], where each document's begin among them."""
        rows = np.argsort(self.documents, kind="stable")
        return rows, np.unique(self.documents[rows], return_index=True)[1]

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

    @cached_property
    def rows_of_document(self) -> dict[str, list[int]]:
        """Each document's rows, in the document's order."""
        rows: dict[str, list[tuple[int, int]]] = {}
        for row, metadata in enumerate(self._metadata):
            rows.setdefault(metadata["document_id"], []).append((metadata["ordinal"], row))
        return {document: [row for _, row in sorted(pairs)] for document, pairs in rows.items()}

    def select(
        self, where: Mapping[str, Any] | None, where_document: Mapping[str, Any] | None
    ) -> NDArray[np.bool_] | None:
        """bool [n]: the rows that both filters let through; None where there is no filter. Raises QueryError."""
        if not where and not where_document:
            return None
        row_passes, text_passes = compile_where(where), compile_where_document(where_document)
        chosen = self._passing(repr(where), row_passes) if where else np.ones(self.size, dtype=np.bool_)
        if where_document:
            chosen = chosen.copy()
            for row in np.flatnonzero(chosen).tolist():
                chosen[row] = text_passes(self.text(row))
        return chosen

    def _passing(self, where: str, passes: RowPredicate) -> NDArray[np.bool_]:
        """bool [n]: the rows whose metadata pass. The last filters' are kept: programs ask with the same few."""
        known = self._filtered.get(where)
        if known is None:
            known = passes(self._columns)
            self._filtered = {**dict(list(self._filtered.items())[1 - _KEPT_FILTERS :]), where: known}
        return known

    @cached_property
    def _languages(self) -> tuple[tuple[str, ...], NDArray[np.uint8]]:
        names = sorted(set(self._language_names.tolist()))
        numbers = np.zeros(self.size, dtype=np.uint8)
        for number, name in enumerate(names[1:], 1):
            numbers[self._language_names == name] = number
        return tuple(name.decode() for name in names), numbers

    @cached_property
    def _columns(self) -> Columns:
        return Columns.of(self._metadata)

    @cached_property
    def _metadata(self) -> list[dict[str, Any]]:
        return [orjson.loads(row) for row in self._rows]


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        name = Path(error.filename).name
        return f"{name} is missing" if error.errno == ENOENT else f"{name}: {(error.strerror or '').lower()}"
    return "its files are not what was written"


def embedded_digest(chunk: Chunk, *, context_header: bool) -> str:
    """Stands for the string that is embedded, without the prefix, which is the same throughout an index."""
    return digest(contextualize(chunk.title, chunk.headings, chunk.text, enabled=context_header))


def terms_of(chunk: Chunk, analyzer: Analyzer, *, context_header: bool) -> list[str]:
    """What BM25 sees of a chunk: the same string that is embedded, without its prefix."""
    return analyzer.terms(contextualize(chunk.title, chunk.headings, chunk.text, enabled=context_header))


def record_to_json(record: DocumentRecord) -> bytes:
    values = {name: getattr(record, name) for name in _RECORD_FIELDS}  # dataclasses.asdict is ten times slower
    return json.dumps(values, ensure_ascii=False).encode("utf-8")


def record_from_json(data: bytes) -> DocumentRecord:
    values = orjson.loads(data)
    return DocumentRecord(**{"language": "", **values, "chunk_ids": tuple(values["chunk_ids"])})


def seal_of(path: Path) -> list[int]:
    """[size, CRC-32] of a file."""
    crc = 0
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            crc = zlib.crc32(block, crc)
    return [path.stat().st_size, crc]
