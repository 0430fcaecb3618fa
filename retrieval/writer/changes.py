"""A document's change: what it is to be, held against the rows it has, and what writing it did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

import orjson

from retrieval.chroma.rows import chunk_metadata
from retrieval.fingerprint import Fingerprint
from retrieval.types import Chunk, DocumentRecord, Metadata, Status


class Change(NamedTuple):
    """A document's new record (its status, fingerprint and chunk_ids are filled in here) and its chunks, in order.

    content   what the document was made of, to be kept where no file can tell it again; "" for a file's.
    """

    record: DocumentRecord
    chunks: Sequence[Chunk]
    content: str = ""

    def recorded(self, status: Status, *, made_with: Fingerprint) -> DocumentRecord:
        """The record whole, as it is written with this status."""
        ids = tuple(chunk.id for chunk in self.chunks)
        return replace(self.record, status=status, fingerprint=made_with.id, chunk_ids=ids)


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did. `reused` chunks kept or borrowed a vector; `tokens_embedded` counts whole embedded strings;
    `refused` has the sources of documents with text that the model does not take, and why: they are as they were."""

    chunks_added: int = 0
    chunks_deleted: int = 0
    chunks_reused: int = 0
    tokens_embedded: int = 0
    refused: Mapping[str, str] = field(default_factory=dict)

    def __add__(self, other: Self) -> "Written":
        return Written(
            self.chunks_added + other.chunks_added,
            self.chunks_deleted + other.chunks_deleted,
            self.chunks_reused + other.chunks_reused,
            self.tokens_embedded + other.tokens_embedded,
            {**self.refused, **other.refused},
        )


@dataclass(slots=True)
class Step:
    """A change, held against the rows that its document has already."""

    change: Change
    previous: Mapping[str, Metadata]
    fresh: list[Chunk] = field(default_factory=list)
    moved: list[Chunk] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for chunk in self.change.chunks:
            row = self.previous.get(chunk.id)
            metadata = chunk_metadata(chunk)
            if row is None or (row["headings"], row["title"]) != (metadata["headings"], metadata["title"]):
                self.fresh.append(chunk)  # its context header, and so its vector, is another
            elif _as_stored(row) != _as_stored(metadata):
                self.moved.append(chunk)
        wanted = {chunk.id for chunk in self.change.chunks}
        self.stale = [id_ for id_ in self.previous if id_ not in wanted]

    @property
    def kept(self) -> list[str]:
        fresh = {chunk.id for chunk in self.fresh}
        return [chunk.id for chunk in self.change.chunks if chunk.id not in fresh]


def _as_stored(row: Metadata) -> bytes:
    """Tells values apart that Python takes for equal and a filter does not: 1, 1.0 and True."""
    return orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
