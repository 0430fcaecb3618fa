"""Where a chunk's vector comes from: no string is embedded that has a vector anywhere in the index."""

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np

from retrieval.context import contextualize
from retrieval.storage.snapshot import Snapshot, embedded_digest
from retrieval.storage.store import Store
from retrieval.types import Chunk, Encoder, Vectors

_SLICE = 64
"""Strings embedded, and chunks handed on, at once."""

_T = TypeVar("_T")


class Filled(NamedTuple):
    """Chunks with their vectors, float32 [n, dim]; how many strings had to be embedded for them, and their tokens."""

    chunks: list[Chunk]
    vectors: Vectors
    embedded: int
    tokens: int


class VectorPool:
    """Vectors by the string that is embedded: those of the snapshot, of another index's (`lender`, made with the same
    model and prefix), and those written since."""

    def __init__(
        self,
        store: Callable[[], Store],
        encoder: Callable[[], Encoder],
        *,
        context_header: bool,
        lender: Snapshot | None = None,
    ) -> None:
        self._store = store
        self._encoder = encoder
        self._context_header = context_header
        self._lender = lender
        self._snapshot: Snapshot | None = None
        self._written: dict[str, str] = {}

    def start_from(self, snapshot: Snapshot | None) -> None:
        """Look into this snapshot first; forget what was written before it."""
        self._snapshot = snapshot
        self._written.clear()

    def written(self, chunks: Sequence[Chunk]) -> None:
        """These chunks' rows are in the store now."""
        self._written.update((self._digest(chunk), chunk.id) for chunk in chunks)

    def fill(self, chunks: Sequence[Chunk]) -> Generator[Filled, None, None]:
        """All the chunks, slice by slice, in no order: while the caller works on one, the next is being embedded.

        Equal strings are embedded once, known ones not at all; strings of like length together, since a batch costs as
        much as its longest. The encoder is not loaded where nothing is new.
        """
        alike: dict[str, list[Chunk]] = {}
        for chunk in chunks:
            alike.setdefault(self._digest(chunk), []).append(chunk)
        new: list[str] = []
        for digests in _sliced(list(alike)):
            found = self._in_snapshots(digests) | self._in_store(digests)
            new += [digest for digest in digests if digest not in found]
            if found:
                yield _filled(alike, found, embedded=0)
        new.sort(key=lambda digest: alike[digest][0].tokens)
        if new:
            yield from self._embedded(new, alike)

    def _embedded(self, digests: Sequence[str], alike: dict[str, list[Chunk]]) -> Iterator[Filled]:
        encoder = self._encoder()

        def embed(part: Sequence[str]) -> Filled:
            texts = [self._text(alike[digest][0]) for digest in part]
            found = dict(zip(part, encoder.embed_passages(texts), strict=True))
            return _filled(alike, found, embedded=len(part))

        with ThreadPoolExecutor(1, "embedding") as ahead:
            parts = _sliced(digests)
            following = ahead.submit(embed, next(parts))
            for part in parts:
                current, following = following, ahead.submit(embed, part)
                yield current.result()
            yield following.result()

    def _in_snapshots(self, digests: Sequence[str]) -> dict[str, Vectors]:
        found: dict[str, Vectors] = {}
        for snapshot in (self._lender, self._snapshot):
            if snapshot is not None:
                rows = snapshot.row_of_digest
                found.update((digest, snapshot.vectors[rows[digest]]) for digest in digests if digest in rows)
        return found

    def _in_store(self, digests: Sequence[str]) -> dict[str, Vectors]:
        ids = [self._written[digest] for digest in digests if digest in self._written]
        found: dict[str, Vectors] = {}
        for chunks, vectors in self._store().read_chunks(ids) if ids else ():
            found.update(zip(map(self._digest, chunks), vectors, strict=True))
        return found

    def _digest(self, chunk: Chunk) -> str:
        return embedded_digest(chunk, context_header=self._context_header)

    def _text(self, chunk: Chunk) -> str:
        return contextualize(chunk.title, chunk.headings, chunk.text, enabled=self._context_header)


def _filled(alike: dict[str, list[Chunk]], found: dict[str, Vectors], *, embedded: int) -> Filled:
    pairs = [(chunk, vector) for digest, vector in found.items() for chunk in alike[digest]]
    tokens = sum(alike[digest][0].tokens for digest in found) if embedded else 0
    return Filled([chunk for chunk, _ in pairs], np.stack([vector for _, vector in pairs]), embedded, tokens)


def _sliced(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (items[start : start + _SLICE] for start in range(0, len(items), _SLICE))
