"""What stands in for Chroma where the price of a change without it is wanted."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from retrieval.chroma.store import State
from retrieval.types import Chunk, DocumentRecord, Vectors


class NoChroma:
    """Takes what a Store takes, and keeps of it the chunks that were written last: these are read again.

    state   of the index that is changed
    """

    is_broken = False

    def __init__(self, state: State) -> None:
        self._state = state
        self._written: dict[str, tuple[Chunk, Vectors]] = {}
        self._contents: dict[str, str] = {}

    def state(self) -> State:
        return self._state

    def seal(self) -> None:
        """There are no files of Chroma's to be sealed."""

    def set_state(self, state: State) -> None:
        self._state = state

    def put_chunks(self, chunks: Sequence[Chunk], vectors: Vectors, previous: Mapping[str, Any]) -> None:
        self._written = {chunk.id: (chunk, vector) for chunk, vector in zip(chunks, vectors, strict=True)}

    def read_chunks(self, ids: Sequence[str]) -> Iterator[tuple[list[Chunk], Vectors]]:
        found = [self._written[id_] for id_ in ids if id_ in self._written]
        if found:
            yield [chunk for chunk, _ in found], np.stack([vector for _, vector in found])

    def chunk_metadata(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """All chunks exist, and none of them is like a new one."""
        return {id_: {} for id_ in ids}

    def contents(self, ids: Sequence[str]) -> dict[str, str]:
        return {id_: self._contents[id_] for id_ in ids if id_ in self._contents}

    def put_records(
        self, records: Sequence[DocumentRecord], vectors: Vectors, contents: Sequence[str] | None = None
    ) -> None:
        texts = contents or [""] * len(records)
        self._contents = {record.id: text for record, text in zip(records, texts, strict=True)}

    def update_records(self, records: Sequence[DocumentRecord]) -> None: ...

    def add_records(self, records: Sequence[DocumentRecord], dimension: int) -> None: ...

    def update_chunks(self, chunks: Sequence[Chunk], previous: Mapping[str, Any]) -> None: ...

    def delete_chunks(self, ids: Sequence[str]) -> None: ...

    def delete_records(self, ids: Sequence[str]) -> None: ...

    def close(self) -> None: ...
