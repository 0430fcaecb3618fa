"""Chroma, embedded or server: the chunks, and the ledger of documents. It is the only truth.

Two collections in one database: `chunks`, one row a passage with its vector, and `documents`, one record a document.
The metadata of `documents` holds what is true of the index as a whole: its State.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np

from retrieval.chroma.client import CHUNKS, Chroma, cannot_open
from retrieval.chroma.rows import (
    chunk_from,
    chunk_metadata,
    folders_from,
    record_from,
    record_metadata,
    replacing,
    scale_from,
)
from retrieval.chroma.seal import seal
from retrieval.config import Config
from retrieval.directory.index_directory import DATABASE
from retrieval.errors import IndexUnusableError
from retrieval.types import Chunk, CosineScale, DocumentRecord, Metadata, SyncedFolder, Vectors

_PAGE = 1000
"""Rows read at once: bounds memory, and stays below SQLite's limit on variables."""

_PAGE_OF_IDS = 20_000
"""Ids read at once; Chroma counts off those before them."""

UNDER_WAY = "writing "
"""How the generation begins while a write is under way; the rest tells one writer from another."""


@dataclass(frozen=True, slots=True)
class State:
    """generation: the one that shows what is stored; "" before the first; see UNDER_WAY.
    folders: name -> the synced folder that owns the sources below that name.
    fingerprint: Fingerprint.to_json() of what made the index, "" before anything was stored.
    cosine_scale: of the model that made it; None where it was made before that was kept.
    """

    generation: str = ""
    folders: Mapping[str, SyncedFolder] = field(default_factory=dict)
    fingerprint: str = ""
    cosine_scale: CosineScale | None = None

    @property
    def is_settled(self) -> bool:
        """Whether what is stored is what some generation shows."""
        return bool(self.generation) and not self.generation.startswith(UNDER_WAY)


class Store:
    """The two collections. Every write is idempotent: ids are the caller's, and a row is written whole."""

    def __init__(self, chroma: Chroma) -> None:
        self._chroma = chroma
        self._vouched: Path | None = None
        self._chunks = chroma.collection(CHUNKS)
        self._documents = chroma.collection("documents")
        self._batch = min(chroma.max_batch_size(), 5000)

    @classmethod
    def open(cls, directory: Path, config: Config, *, patient: bool = False) -> Self:
        """The server that the config names, else an embedded Chroma in `directory`, made where absent.

        patient   for a writer: each call to a server that does not answer is made again for up to a minute.

        An embedded Chroma must be open in one process only: even a read writes to it. Raises IndexUnusableError for
        a server that does not answer and for a full disk, IndexDamagedError for a database that Chroma cannot open.
        """
        is_new = not config.chroma_host and not (directory / DATABASE).exists()
        chroma = Chroma.server(config, patient=patient) if config.chroma_host else Chroma.embedded(directory)
        try:
            store = cls(chroma)
            if is_new:
                store.vouch_for(directory)
            return store
        except IndexUnusableError as error:
            chroma.close()
            if config.chroma_host:
                raise
            raise cannot_open(directory, error) from error

    @property
    def is_broken(self) -> bool:
        """Whether a call has failed in such a way that only another Store of the same Chroma can go on."""
        return self._chroma.is_broken

    @property
    def is_inherited(self) -> bool:
        """Whether a parent process opened it, before fork(): only another Store of the same Chroma can go on."""
        return self._chroma.is_inherited

    def close(self) -> None:
        """Release Chroma; an inherited one is left to the process that opened it."""
        is_whole = not self.is_broken
        self._chroma.close()
        if is_whole:
            self.seal()

    def vouch_for(self, directory: Path) -> None:
        """Say that the embedded Chroma in `directory` was whole when it was opened: `seal` and `close` seal it."""
        self._vouched = directory

    def seal(self) -> None:
        """Note that what is stored is settled, so that the next to open an embedded Chroma need not check it."""
        if self._vouched is not None:
            with suppress(OSError):  # it is checked, then
                seal(self._vouched)

    # The index as a whole

    def state(self) -> State:
        metadata = self._chroma.metadata("documents")
        return State(
            generation=str(metadata.get("generation", "")),
            folders=folders_from(json.loads(str(metadata.get("folders", "{}")))),
            fingerprint=str(metadata.get("fingerprint", "")),
            cosine_scale=scale_from(json.loads(str(metadata.get("cosine_scale", "null")))),
        )

    def set_state(self, state: State) -> None:
        self._documents.modify(
            metadata={
                "generation": state.generation,
                "folders": json.dumps(dict(state.folders)),
                "fingerprint": state.fingerprint,
                "cosine_scale": json.dumps(state.cosine_scale),
            }
        )

    # Chunks

    def put_chunks(self, chunks: Sequence[Chunk], vectors: Vectors, previous: Mapping[str, Metadata]) -> None:
        """Write rows whole: vectors float32 [n, dim]. `previous` holds the metadata of those that exist."""
        for part in self._slices(len(chunks)):
            rows = chunks[part]
            self._chunks.upsert(
                ids=[chunk.id for chunk in rows],
                embeddings=vectors[part],
                documents=[chunk.text for chunk in rows],
                metadatas=[replacing(chunk_metadata(chunk), previous.get(chunk.id, {})) for chunk in rows],
            )

    def update_chunks(self, chunks: Sequence[Chunk], previous: Mapping[str, Metadata]) -> None:
        """Replace the metadata of existing rows."""
        for part in self._slices(len(chunks)):
            self._chunks.update(
                ids=[chunk.id for chunk in chunks[part]],
                metadatas=[replacing(chunk_metadata(chunk), previous[chunk.id]) for chunk in chunks[part]],
            )

    def amend_chunks(self, values: Mapping[str, Metadata]) -> None:
        """Write into the metadata of existing rows, by id; their other keys stay."""
        ids = list(values)
        for part in self._slices(len(ids)):
            self._chunks.update(ids=ids[part], metadatas=[dict(values[id_]) for id_ in ids[part]])

    def delete_chunks(self, ids: Sequence[str]) -> None:
        for part in self._slices(len(ids)):
            self._chunks.delete(ids=list(ids[part]))

    def read_chunks(self, ids: Sequence[str]) -> Iterator[tuple[list[Chunk], Vectors]]:
        """The rows that exist among `ids`, in the order of `ids`, page by page: chunks and vectors float32 [n, dim]."""
        for page in _pages(ids):
            found = self._chunks.get(ids=list(page), include=["embeddings", "documents", "metadatas"])
            position = {id_: at for at, id_ in enumerate(found["ids"])}
            present = [position[id_] for id_ in page if id_ in position]
            metadatas, documents = found["metadatas"] or [], found["documents"] or []
            vectors = np.asarray(found["embeddings"], dtype=np.float32)
            if present:
                yield [chunk_from(found["ids"][at], documents[at], metadatas[at]) for at in present], vectors[present]

    def chunk_metadata(self, ids: Sequence[str]) -> dict[str, Metadata]:
        """The metadata of the rows that exist among `ids`."""
        result: dict[str, Any] = {}
        for page in _pages(ids):
            found = self._chunks.get(ids=list(page), include=["metadatas"])
            result.update(zip(found["ids"], found["metadatas"] or [], strict=True))
        return result

    def chunk_ids(self, document_id: str | None = None) -> list[str]:
        """The ids of all rows, or of one document's, those that belong to no committed version included."""
        if document_id is None:
            return list(chain.from_iterable(self.pages_of_chunk_ids()))
        return list(self._chunks.get(where={"document_id": document_id}, include=[])["ids"])

    def pages_of_chunk_ids(self) -> Iterator[list[str]]:
        """The ids of all rows, some at a time, in no order; nothing may be written meanwhile."""
        return (found["ids"] for found in self._pages_of(self._chunks, _PAGE_OF_IDS, include=[]))

    # The ledger

    def put_records(
        self, records: Sequence[DocumentRecord], vectors: Vectors, contents: Sequence[str] | None = None
    ) -> None:
        """Write records: vectors float32 [n, dim], the normalised mean of the document's chunk vectors, or zero.

        contents   what the documents were made of, where no file can tell it again; None leaves it as it is.
        """
        for part in self._slices(len(records)):
            self._documents.upsert(
                ids=[record.id for record in records[part]],
                embeddings=vectors[part],
                metadatas=[record_metadata(record) for record in records[part]],
                documents=None if contents is None else list(contents[part]),
            )

    def add_records(self, records: Sequence[DocumentRecord], dimension: int) -> None:
        """Write records, with zero vectors, that are not there; those that are, by another writer too, stay as they
        are."""
        for part in self._slices(len(records)):
            self._documents.add(
                ids=[record.id for record in records[part]],
                embeddings=np.zeros((len(records[part]), dimension), np.float32),
                metadatas=[record_metadata(record) for record in records[part]],
            )

    def contents(self, ids: Sequence[str]) -> dict[str, str]:
        """By document id: what was given as `contents`."""
        result: dict[str, str] = {}
        for page in _pages(ids):
            found = self._documents.get(ids=list(page), include=["documents"])
            result.update((id_, text) for id_, text in zip(found["ids"], found["documents"] or [], strict=True) if text)
        return result

    def update_records(self, records: Sequence[DocumentRecord]) -> None:
        """Replace existing records, but not their vectors."""
        for part in self._slices(len(records)):
            self._documents.update(
                ids=[record.id for record in records[part]],
                metadatas=[record_metadata(record) for record in records[part]],
            )

    def delete_records(self, ids: Sequence[str]) -> None:
        for part in self._slices(len(ids)):
            self._documents.delete(ids=list(ids[part]))

    def records(self) -> list[DocumentRecord]:
        """The whole ledger, by source."""
        return sorted(chain.from_iterable(self.pages_of_records()), key=lambda record: record.source)

    def pages_of_records(self) -> Iterator[list[DocumentRecord]]:
        """The ledger, some records at a time, in no order; nothing may be written meanwhile."""
        for found in self._pages_of(self._documents, _PAGE, include=["metadatas"]):
            yield [record_from(id_, row) for id_, row in zip(found["ids"], found["metadatas"] or [], strict=True)]

    def _pages_of(self, collection: Any, size: int, *, include: list[str]) -> Iterator[Any]:
        offset = 0
        while True:
            found = collection.get(include=include, limit=size, offset=offset)
            yield found
            offset += len(found["ids"])
            if len(found["ids"]) < size:
                return

    def _slices(self, count: int) -> Iterator[slice]:
        return (slice(start, start + self._batch) for start in range(0, count, self._batch))


def _pages(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _PAGE] for start in range(0, len(ids), _PAGE))
