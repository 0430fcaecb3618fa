"""What a writer has written since the last generation: rows that no search sees yet, and a ledger in memory."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from retrieval.analysis import Analyzer
from retrieval.config import Config
from retrieval.context import terms_of
from retrieval.segments.segment import record_to_json
from retrieval.segments.words import words_of
from retrieval.shared_store.engine import Engine
from retrieval.shared_store.reader import SharedReader
from retrieval.shared_store.rows import (
    ALL_FIELDS,
    Weigher,
    chunk_of,
    counts_of,
    key_of,
    row_of,
    why_too_long,
    with_metadata,
)
from retrieval.types import Chunk, DocumentRecord, Metadata, Vectors

_IDS = 500
"""Rows that are read at once, to be written again."""

_PART = 60_000
"""Bytes of a record in one row of the ledger."""


@dataclass(frozen=True)
class Fresh:
    """A passage whose row was written: where it belongs, its terms, and how long it is."""

    document_id: str
    language: str
    counts: Mapping[str, int]
    length: int
    tokens: int


@dataclass
class Entry:
    """A record of the ledger that was written; `vector` and `content` are None where they stay as they are."""

    record: DocumentRecord
    vector: Vectors | None = None
    content: str | None = None


class PendingStore:
    """A RowStore over one generation of a shared index and what is to come after it.

    born        the number of the generation that is being written
    fresh       id -> the passage, of those whose row was written
    gone        ids of passages that were deleted
    entries     document id -> its entry, None where it was deleted
    languages   document id -> the language that its passages are to be analysed in; the caller's to fill
    words       of the texts that were written
    """

    def __init__(
        self, engine: Engine, reader: SharedReader, config: Config, *, born: int, check: Callable[[], None]
    ) -> None:
        """`check` raises where another may be writing."""
        self.reader = reader
        self.born = born
        self.fresh: dict[str, Fresh] = {}
        self.gone: set[str] = set()
        self.entries: dict[str, Entry | None] = {}
        self.languages: dict[str, str] = {}
        self.words: set[str] = set()
        self.averages: list[float] = []
        self._engine = engine
        self._config = config
        self._check = check
        self._length = reader.shared.length
        self._size = reader.size

    # Passages

    def why_refused(self, chunks: Iterable[Chunk]) -> str:
        """Why Milvus does not hold one of a document's passages; "" where it holds them all."""
        header = self._config.context_header
        for chunk in chunks:
            analyzer = _analyzer(self.languages[chunk.document_id])
            if reason := why_too_long(chunk, partial(terms_of, chunk, analyzer, context_header=header)):
                return reason
        return ""

    def put_chunks(self, chunks: Sequence[Chunk], vectors: Vectors, previous: Mapping[str, Metadata]) -> None:
        """Write rows whole."""
        header = self._config.context_header
        named = [self.languages[chunk.document_id] for chunk in chunks]
        terms = [
            terms_of(chunk, _analyzer(language), context_header=header)
            for chunk, language in zip(chunks, named, strict=True)
        ]
        self._length += sum(map(len, terms))
        self._size += len(chunks)
        weigher = Weigher.of(self._config, self._length / max(self._size, 1))
        rows = [
            row_of(
                chunk,
                vector,
                born=self.born,
                language=language,
                terms=own,
                weigher=weigher,
                context_header=header,
            )
            for chunk, vector, language, own in zip(chunks, vectors, named, terms, strict=True)
        ]
        self.averages.append(weigher.average_length)
        self.words |= words_of(chunks)
        self._write(rows)

    def update_chunks(self, chunks: Sequence[Chunk], previous: Mapping[str, Metadata]) -> None:
        """Replace the metadata of existing rows."""
        from retrieval.chroma.rows import chunk_metadata

        self._rewrite({chunk.id: chunk_metadata(chunk) for chunk in chunks}, merged=False)

    def amend_chunks(self, values: Mapping[str, Metadata]) -> None:
        """Write into the metadata of existing rows, by id; their other keys stay."""
        self._rewrite(values, merged=True)

    def analyse_again(self, ids: Iterable[str]) -> None:
        """Write rows again whose documents are in another language now, or that were weighed with another average
        length."""
        for rows in self._pages(list(ids), ALL_FIELDS):
            for row in rows:
                self.languages.setdefault(row["document_id"], row["language"])
            self.put_chunks(
                [chunk_of(row) for row in rows], np.asarray([row["vector"] for row in rows], np.float32), {}
            )

    def delete_chunks(self, ids: Sequence[str]) -> None:
        self._check()
        written = [id_ for id_ in ids if id_ in self.fresh]
        self._engine.delete(self._engine.chunks, [key_of(id_, self.born) for id_ in written])
        for id_ in written:
            del self.fresh[id_]
        self.gone.update(ids)

    def read_chunks(self, ids: Sequence[str]) -> Iterator[tuple[list[Chunk], Vectors]]:
        """As Store.read_chunks."""
        for rows in self._pages(ids, ("text", "metadata", "vector")):
            if rows:
                yield [chunk_of(row) for row in rows], np.asarray([row["vector"] for row in rows], np.float32)

    def chunk_metadata(self, ids: Sequence[str]) -> dict[str, Metadata]:
        return {row["id"]: row["metadata"] for rows in self._pages(ids, ("metadata",)) for row in rows}

    def chunk_ids(self, document_id: str | None = None) -> list[str]:
        """The ids of all rows, or of one document's."""
        expression = f'document_id == "{document_id}"' if document_id is not None else ""
        committed = (
            {row["id"] for row in self.reader.keys_where(expression, ("id",))} if self.reader.generation else set()
        )
        own = {id_ for id_, row in self.fresh.items() if document_id in (None, row.document_id)}
        return sorted((committed - self.gone) | own)

    def pages_of_chunk_ids(self) -> Iterator[list[str]]:
        yield self.chunk_ids()

    # The ledger

    def put_records(
        self, records: Sequence[DocumentRecord], vectors: Vectors, contents: Sequence[str] | None = None
    ) -> None:
        for at, record in enumerate(records):
            content = contents[at] if contents is not None else self._content_of(record.id)
            self.entries[record.id] = Entry(record, vectors[at], content)

    def add_records(self, records: Sequence[DocumentRecord], dimension: int) -> None:
        for record in records:
            if self._record(record.id) is None:
                self.entries[record.id] = Entry(record, np.zeros(dimension, np.float32))

    def update_records(self, records: Sequence[DocumentRecord]) -> None:
        for record in records:
            entry = self.entries.get(record.id)
            if entry is not None:
                entry.record = record
            elif record.id not in self.entries and self.reader.record(record.id) is not None:
                self.entries[record.id] = Entry(record)

    def delete_records(self, ids: Sequence[str]) -> None:
        self.entries.update(dict.fromkeys(ids))

    def contents(self, ids: Sequence[str]) -> dict[str, str]:
        found = {id_: self._content_of(id_) if id_ in self.entries else self.reader.content(id_) for id_ in ids}
        return {id_: content for id_, content in found.items() if content}

    def records(self) -> list[DocumentRecord]:
        own = [entry.record for entry in self.entries.values() if entry is not None]
        known = [record for record in self.reader.records if record.id not in self.entries]
        return sorted([*known, *own], key=lambda record: record.source)

    # For the commit

    def dying(self) -> Iterator[dict[str, Any]]:
        """Rows of the last generation that the next does not have, with what statistics lose by it."""
        if self.reader.generation:
            ids = sorted(self.gone | self.fresh.keys())
            yield from self.reader.with_ids(ids, ("language", "terms", "length", "metadata"))

    def ledger_rows(self) -> tuple[list[dict[str, Any]], list[str]]:
        """The rows of the ledger's new records, and the keys of those that they replace."""
        old = list(self.reader.document_rows(list(self.entries), ("part", "vector")))
        vectors = {row["id"]: row["vector"] for row in old if row["part"] == 0}
        rows = []
        for id_, entry in self.entries.items():
            if entry is None:
                continue
            vector = entry.vector if entry.vector is not None else np.asarray(vectors[id_], np.float32)
            text = record_to_json(entry.record).decode()
            for part, piece in enumerate(_pieces(text)):
                rows.append(
                    {
                        "key": f"{id_}.{self.born}.{part}", "id": id_, "born": self.born, "part": part, "record": piece,
                        "vector": vector if part == 0 else np.zeros_like(vector),
                    }
                )  # fmt: skip
        return rows, [row["key"] for row in old]

    def contents_written(self) -> list[tuple[str, str]]:
        """(name, text) of the notes of what documents were made of."""
        return [
            (f"content:{id_}", entry.content)
            for id_, entry in self.entries.items()
            if entry is not None and entry.content is not None
        ]

    def counts(self) -> dict[str, Counter[str]]:
        """Term -> language -> passages, of what was written."""
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for row in self.fresh.values():
            for term in row.counts:
                found[term][row.language] += 1
        return dict(found)

    def _record(self, id_: str) -> DocumentRecord | None:
        if id_ in self.entries:
            entry = self.entries[id_]
            return entry.record if entry is not None else None
        return self.reader.record(id_)

    def _content_of(self, id_: str) -> str | None:
        entry = self.entries.get(id_)
        return entry.content if entry is not None else None

    def _rewrite(self, values: Mapping[str, Metadata], *, merged: bool) -> None:
        for rows in self._pages(list(values), ALL_FIELDS):
            new = []
            for row in rows:
                metadata = {**(row["metadata"] if merged else {}), **values[row["id"]]}
                new.append(with_metadata(row, metadata, self.born))
                self.averages.append(float(row["weighed"]))
            self._write(new)

    def _write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._check()
        self._engine.upsert(self._engine.chunks, rows)
        for row in rows:
            self.fresh[row["id"]] = Fresh(
                row["document_id"], row["language"], counts_of(row), row["length"], row["metadata"]["tokens"]
            )

    def _pages(self, ids: Sequence[str], fields: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        """The rows of these passages as they are now, in the order of the ids, some at a time."""
        for start in range(0, len(ids), _IDS):
            page = list(ids[start : start + _IDS])
            own = [key_of(id_, self.born) for id_ in page if id_ in self.fresh]
            found = {row["id"]: row for row in self._engine.rows(self._engine.chunks, own, ("id", *fields))}
            rest = [id_ for id_ in page if id_ not in self.fresh and id_ not in self.gone]
            if rest and self.reader.generation:
                found |= {row["id"]: row for row in self.reader.with_ids(rest, fields)}
            yield [found[id_] for id_ in page if id_ in found]


def _pieces(text: str) -> list[str]:
    """JSON is cut where a row ends; between bytes of one letter it is not, since letters are counted by four."""
    size = _PART if text.isascii() else _PART // 4
    return [text[start : start + size] for start in range(0, len(text), size)]


@cache
def _analyzer(language: str) -> Analyzer:
    return Analyzer(language)


def dead_note(chunks: Iterable[str], documents: Iterable[str], notes: Iterable[str]) -> str:
    """Keys of rows that die in a generation."""
    return json.dumps({"chunks": sorted(chunks), "documents": sorted(documents), "notes": sorted(notes)})
