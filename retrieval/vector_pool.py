"""Where a chunk's vector comes from: no string is embedded that has a vector anywhere in the index."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from retrieval.context import contextualize
from retrieval.snapshot import Snapshot, embedded_digest
from retrieval.store import Store
from retrieval.types import Chunk, Encoder, Vectors


class Embedded(NamedTuple):
    """How many chunks were embedded, and the tokens of their whole embedded strings."""

    embedded: int = 0
    tokens: int = 0

    def __add__(self, other: object) -> "Embedded":
        if not isinstance(other, Embedded):
            return NotImplemented
        return Embedded(self.embedded + other.embedded, self.tokens + other.tokens)


class VectorPool:
    """Vectors by the string that is embedded: those of the snapshot, and those written since."""

    def __init__(self, store: Callable[[], Store], encoder: Callable[[], Encoder], *, context_header: bool) -> None:
        self._store = store
        self._encoder = encoder
        self._context_header = context_header
        self._snapshot: Snapshot | None = None
        self._written: dict[str, str] = {}

    def start_from(self, snapshot: Snapshot | None) -> None:
        """Look into this snapshot first; forget what was written before it."""
        self._snapshot = snapshot
        self._written.clear()

    def written(self, chunks: Sequence[Chunk]) -> None:
        """These chunks' rows are in the store now."""
        self._written.update((self._digest(chunk), chunk.id) for chunk in chunks)

    def vectors_for(self, chunks: Sequence[Chunk]) -> tuple[Vectors, Embedded]:
        """float32 [n, dim], and the work that took: equal strings are embedded once, known ones not at all.

        The encoder is not loaded where nothing is new.
        """
        digests = [self._digest(chunk) for chunk in chunks]
        found = self._in_snapshot(digests) | self._in_store(digests)
        missing = {digest: chunk for digest, chunk in zip(digests, chunks, strict=True) if digest not in found}
        if missing:
            texts = [contextualize(c.title, c.headings, c.text, enabled=self._context_header) for c in missing.values()]
            found.update(zip(missing, self._encoder().embed_passages(texts), strict=True))
        vectors = np.stack([found[digest] for digest in digests]) if digests else np.empty((0, 0), np.float32)
        return vectors, Embedded(len(missing), sum(chunk.tokens for chunk in missing.values()))

    def _in_snapshot(self, digests: Sequence[str]) -> dict[str, Vectors]:
        if self._snapshot is None:
            return {}
        rows = self._snapshot.row_of_digest
        return {digest: self._snapshot.vectors[rows[digest]] for digest in digests if digest in rows}

    def _in_store(self, digests: Sequence[str]) -> dict[str, Vectors]:
        ids = [self._written[digest] for digest in dict.fromkeys(digests) if digest in self._written]
        found: dict[str, Vectors] = {}
        for chunks, vectors in self._store().read_chunks(ids) if ids else ():
            found.update(zip(map(self._digest, chunks), vectors, strict=True))
        return found

    def _digest(self, chunk: Chunk) -> str:
        return embedded_digest(chunk, context_header=self._context_header)
