"""Chunks and records -> a segment; several segments -> one."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from retrieval.analysis import Analyzer
from retrieval.chroma.rows import chunk_metadata
from retrieval.context import embedded_digest, terms_of
from retrieval.errors import IndexDamagedError
from retrieval.lexical.postings import ARRAYS, Postings, build, decode, merge
from retrieval.segments.byte_column import merge_byte_columns, write_byte_column
from retrieval.segments.columns import Columns
from retrieval.segments.live_segment import LiveSegment
from retrieval.segments.pack import PackWriter
from retrieval.segments.passage_keys import PassageNumbers, passage_numbers
from retrieval.segments.quantization import QuantizedVectors
from retrieval.segments.segment import (
    AWAITS,
    COLUMNS,
    PENDING_SUFFIX,
    STEMS,
    SUFFIX,
    WORDS,
    Segment,
    languages_of,
    record_to_json,
)
from retrieval.segments.sorted_keys import Keys, keys_of, order_of
from retrieval.segments.words import Words, stems_of, words_of
from retrieval.topk import Mask
from retrieval.types import Chunk, DocumentRecord, Vectors

_BLOCK = 4096
"""Rows copied at once."""


class Rows(NamedTuple):
    """Chunks for a segment.

    vectors     float32 [n, dim], unit rows; 0 where they are still to come
    languages   what each chunk is analysed in
    awaits      bool [n], the chunks whose vectors are still to come; None where all are there
    """

    chunks: Sequence[Chunk]
    vectors: Vectors
    languages: Sequence[str]
    awaits: Mask | None = None


class Records(NamedTuple):
    """Ledger records for a segment, and what each document was made of, where no file can tell it again, or ""."""

    records: Sequence[DocumentRecord]
    contents: Sequence[str]


def write_segment(directory: Path, rows: Rows, records: Records, *, context_header: bool) -> Segment:
    """A new segment in `directory`, on disk when this returns.

    context_header   whether chunks are analysed with their title and headings
    """
    chunks = rows.chunks
    metadata = [chunk_metadata(chunk) for chunk in chunks]
    columns = Columns.of(metadata)
    quantized = QuantizedVectors.of(rows.vectors)
    languages, language_of_row = languages_of(rows.languages)
    analyzers = {language: Analyzer(language) for language in languages}
    terms = [
        terms_of(chunk, analyzers[language], context_header=context_header)
        for chunk, language in zip(chunks, rows.languages, strict=True)
    ]
    path = directory / new_name(SUFFIX if rows.awaits is None else PENDING_SUFFIX)
    with PackWriter(path) as pack:
        if rows.awaits is not None:
            pack.write(AWAITS, rows.awaits.astype(np.uint8))
        pack.write("vectors", rows.vectors.astype("<f4", copy=False))
        pack.write("codes", quantized.codes)
        pack.write("scales", quantized.scales)
        _write_keys(
            pack,
            ids=keys_of([chunk.id for chunk in chunks]),
            digests=keys_of([embedded_digest(chunk, context_header=context_header) for chunk in chunks]),
            records=keys_of([record.id for record in records.records]),
        )
        _write_passages(pack, passage_numbers(chunk.text for chunk in chunks))
        pack.write("documents", keys_of([chunk.document_id for chunk in chunks]))
        pack.write("languages", language_of_row)
        write_byte_column(pack, "metadata", [orjson.dumps(values) for values in metadata])
        write_byte_column(pack, "texts", [chunk.text.encode() for chunk in chunks])
        write_byte_column(pack, "records", [record_to_json(record) for record in records.records])
        write_byte_column(pack, "contents", [content.encode() for content in records.contents])
        _write_postings(pack, build(terms))
        _write_arrays(pack, WORDS, Words.of(words_of(chunks)).arrays())
        _write_arrays(pack, COLUMNS, columns.arrays())
        pack.finish({"languages": languages, "columns": columns.description()})
    return Segment(path)


def merge_segments(directory: Path, parts: Sequence[LiveSegment]) -> Segment:
    """A new segment in `directory` with what lives of these, in order. What has a row of fixed length is copied block
    by block, so that memory is that of keys, postings and columns.

    Raises IndexDamagedError where a part is not what was written: with new checksums, nobody would know any more.
    """
    for part in parts:
        if part.segment.is_cut_off or part.segment.altered():
            raise IndexDamagedError(f"The search file {part.segment.name} is altered.")
        part.segment.release()
    count = sum(part.size for part in parts)
    dimension = max(part.segment.vectors.shape[1] for part in parts)
    languages, language_of_row = _languages(parts)
    path = directory / new_name()
    with PackWriter(path) as pack:
        for name, kind, width in (("vectors", "<f4", dimension), ("codes", "|i1", dimension), ("scales", "<f8", 3)):
            blocks = (block for part in parts for block in _blocks(part, name))
            pack.write_blocks(name, kind, (count, width), blocks)
        _write_keys(
            pack,
            ids=_joined([_kept(part.segment.ids, part.rows) for part in parts]),
            digests=_joined([_kept(part.segment.digests, part.rows) for part in parts]),
            records=_joined([_kept(part.segment.record_ids, part.records) for part in parts]),
        )
        _write_passages(pack, np.concatenate([_kept(part.segment.passages.numbers, part.rows) for part in parts]))
        pack.write("documents", _joined([_kept(part.segment.documents, part.rows) for part in parts]))
        pack.write("languages", language_of_row)
        for name in ("metadata", "texts"):
            merge_byte_columns(pack, name, [(part.segment.byte_columns[name], part.rows) for part in parts])
            _release(parts)
        for name in ("records", "contents"):
            merge_byte_columns(pack, name, [(part.segment.byte_columns[name], part.records) for part in parts])
            _release(parts)
        _write_postings(pack, merge([part.postings for part in parts]))
        _release(parts)
        columns = Columns.merged([(part.segment.columns, part.rows) for part in parts])
        _write_arrays(pack, WORDS, Words.of(set().union(*map(_words, parts))).arrays())
        _release(parts)
        _write_arrays(pack, COLUMNS, columns.arrays())
        pack.finish({"languages": languages, "columns": columns.description()})
    return Segment(path)


def new_name(suffix: str = SUFFIX) -> str:
    """Of a segment that does not exist yet."""
    return secrets.token_hex(16) + suffix


def _write_keys(pack: PackWriter, *, ids: Keys, digests: Keys, records: Keys) -> None:
    for name, order, keys in (
        ("ids", "id_order", ids), ("digests", "digest_order", digests), ("record_ids", "record_order", records),
    ):  # fmt: skip
        pack.write(name, keys)
        pack.write(order, order_of(keys))


def _write_passages(pack: PackWriter, numbers: PassageNumbers) -> None:
    pack.write("passages", numbers)
    pack.write("passage_order", order_of(numbers))


def _write_postings(pack: PackWriter, postings: Postings) -> None:
    for name in ARRAYS:
        pack.write(f"postings.{name}", getattr(postings, name))
    _write_arrays(pack, STEMS, Words.of(stems_of(map(decode, postings.vocabulary()))).arrays())


def _write_arrays(pack: PackWriter, prefix: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    for name, array in arrays.items():
        pack.write(prefix + name, array)


def _words(part: LiveSegment) -> set[str]:
    """Those of the rows that live."""
    segment = part.segment
    if part.rows is None:
        return set(segment.words)
    return words_of(segment.chunk(row) for row in np.flatnonzero(part.rows).tolist())


def _blocks(part: LiveSegment, name: str) -> Iterator[NDArray[Any]]:
    """The rows that live of an array with a row a chunk, some at a time."""
    segment = part.segment
    arrays: dict[str, NDArray[Any]] = {
        "vectors": segment.vectors,
        "codes": segment.quantized.codes,
        "scales": segment.quantized.scales,
    }
    array = arrays[name]
    for start in range(0, segment.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        yield array[block] if part.rows is None else array[block][part.rows[block]]
        if start % (16 * _BLOCK) == 0:
            segment.release()  # else a merge would hold all that it copies
    segment.release()


def _release(parts: Sequence[LiveSegment]) -> None:
    for part in parts:
        part.segment.release()


def _languages(parts: Sequence[LiveSegment]) -> tuple[list[str], NDArray[np.uint8]]:
    """As languages_of, of the rows that live."""
    names = sorted({name for part in parts for name in part.segment.languages})
    numbers = [
        np.array([names.index(name) for name in part.segment.languages], np.uint8)[
            _kept(part.segment.language_of_row, part.rows)
        ]
        for part in parts
    ]
    used, places = np.unique(np.concatenate(numbers), return_inverse=True)
    return [names[number] for number in used.tolist()], places.astype(np.uint8)


def _kept(array: NDArray[Any], kept: Mask | None) -> NDArray[Any]:
    return array if kept is None else array[kept]


def _joined(arrays: Sequence[Keys]) -> Keys:
    return np.concatenate(arrays)
