"""Chroma, embedded or server: the chunks, and the ledger of documents. It is the only truth.

Two collections in one database: `chunks`, one row a passage with its vector, and `documents`, one record a document.
The metadata of `documents` holds what is true of the index as a whole: its State.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from retrieval.config import Config
from retrieval.errors import IndexDamagedError, IndexUnusableError
from retrieval.rows import chunk_from, chunk_metadata, record_from, record_metadata, replacing
from retrieval.types import Chunk, DocumentRecord, Metadata, Vectors

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

log = logging.getLogger(__name__)

_PAGE = 1000
"""Rows read at once: bounds memory, and stays below SQLite's limit on variables."""

_T = TypeVar("_T")


UNDER_WAY = "writing "
"""How the generation begins while a write is under way; the rest tells one writer from another."""


@dataclass(frozen=True, slots=True)
class State:
    """generation: of the snapshot that shows what is stored; "" before the first; see UNDER_WAY.
    folders: name -> absolute path of the synced folder that owns the sources below that name.
    fingerprint: Fingerprint.to_json() of what made the index, "" before anything was stored.
    """

    generation: str = ""
    folders: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether what is stored is what some snapshot shows."""
        return bool(self.generation) and not self.generation.startswith(UNDER_WAY)


class _Guarded:
    """A Chroma client or collection whose failures are ours: Chroma lets everything through, from ValueError to its
    Rust core's and its HTTP library's own errors."""

    def __init__(self, target: object) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)
        if not callable(method):
            return method

        def call(*arguments: Any, **keywords: Any) -> Any:
            try:
                return method(*arguments, **keywords)
            except Exception as error:
                log.debug("Chroma's %s failed", name, exc_info=True)
                raise IndexUnusableError(f"Chroma failed to {name.replace('_', ' ')}: {error}") from error

        return call


class Store:
    """The two collections. Every write is idempotent: ids are the caller's, and a row is written whole."""

    def __init__(self, client: "ClientAPI") -> None:
        cosine: Any = {"hnsw": {"space": "cosine"}}
        self._client: Any = _Guarded(client)
        make = self._client.get_or_create_collection
        self._chunks: Any = _Guarded(make("chunks", configuration=cosine, embedding_function=None))
        self._documents: Any = _Guarded(make("documents", configuration=cosine, embedding_function=None))
        self._batch = min(self._client.get_max_batch_size(), 5000)

    @classmethod
    def open(cls, directory: Path, config: Config) -> Self:
        """The server that the config names, else an embedded Chroma in `directory`, made where absent.

        An embedded Chroma must be open in one process only: even a read writes to it. Raises IndexUnusableError for
        a server that does not answer, IndexDamagedError for a database that Chroma cannot open.
        """
        import chromadb
        from chromadb.config import Settings

        settings = Settings(anonymized_telemetry=False)
        where = f"Chroma at {config.chroma_host}:{config.chroma_port}" if config.chroma_host else str(directory)
        try:
            if config.chroma_host is None:
                return cls(chromadb.PersistentClient(str(directory), settings=settings))
            return cls(
                chromadb.HttpClient(
                    host=config.chroma_host,
                    port=config.chroma_port,
                    ssl=config.chroma_ssl,
                    headers={key: value.get_secret_value() for key, value in config.chroma_headers.items()},
                    settings=settings,
                    tenant=config.chroma_tenant,
                    database=config.chroma_database,
                )
            )
        except Exception as error:  # Chroma raises everything from ValueError to its Rust core's own kinds
            log.debug("opening %s failed", where, exc_info=True)
            if config.chroma_host:
                raise IndexUnusableError(
                    f"{where} does not answer as it should: {error} Is `chroma run` up?"
                ) from error
            raise IndexDamagedError(
                f"Chroma cannot open {where}: {error}; restore it from a backup, or remove the index and sync again."
            ) from error

    def close(self) -> None:
        self._client.close()

    # The index as a whole

    def state(self) -> State:
        metadata = self._client.get_collection("documents", embedding_function=None).metadata or {}
        return State(
            generation=str(metadata.get("generation", "")),
            folders=json.loads(str(metadata.get("folders", "{}"))),
            fingerprint=str(metadata.get("fingerprint", "")),
        )

    def set_state(self, state: State) -> None:
        self._documents.modify(
            metadata={
                "generation": state.generation,
                "folders": json.dumps(dict(state.folders)),
                "fingerprint": state.fingerprint,
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
        where: Any = None if document_id is None else {"document_id": document_id}
        return list(self._chunks.get(where=where, include=[])["ids"])

    # The ledger

    def put_records(self, records: Sequence[DocumentRecord], vectors: Vectors) -> None:
        """Write records: vectors float32 [n, dim], the normalised mean of the document's chunk vectors, or zero."""
        for part in self._slices(len(records)):
            self._documents.upsert(
                ids=[record.id for record in records[part]],
                embeddings=vectors[part],
                metadatas=[record_metadata(record) for record in records[part]],
            )

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
        records: list[DocumentRecord] = []
        while True:
            found = self._documents.get(include=["metadatas"], limit=_PAGE, offset=len(records))
            for id_, metadata in zip(found["ids"], found["metadatas"] or [], strict=True):
                records.append(record_from(id_, metadata))
            if len(found["ids"]) < _PAGE:
                return sorted(records, key=lambda record: record.source)

    def _slices(self, count: int) -> Iterator[slice]:
        return (slice(start, start + self._batch) for start in range(0, count, self._batch))


def _pages(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _PAGE] for start in range(0, len(ids), _PAGE))
