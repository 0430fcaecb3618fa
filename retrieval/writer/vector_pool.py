"""Where a chunk's vector comes from: no string is embedded that has a vector anywhere in the index."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np

from retrieval.context import embedded_digest, embedded_text
from retrieval.encoders import Embedder
from retrieval.errors import PassagesRefusedError
from retrieval.segments.reader import IndexReader
from retrieval.storage import RowStore
from retrieval.types import Chunk, Vectors

_SLICE = 64
"""Strings embedded, and chunks handed on, at once."""

_SLICES_AT_ONCE = 2
"""So that no core waits for the last texts of a slice."""

_T = TypeVar("_T")


class Filled(NamedTuple):
    """Chunks with their vectors, float32 [n, dim]; how many strings had to be embedded for them, and their tokens."""

    chunks: list[Chunk]
    vectors: Vectors
    embedded: int
    tokens: int


class _Embedded(NamedTuple):
    """Vectors, and why there is none, by the digests of strings."""

    vectors: Mapping[str, Vectors]
    refused: Mapping[str, str]


class VectorPool:
    """Vectors by the string that is embedded: those of the last generation, of another index's (`lender`, made with the
    same model and prefix), those written since, and those being embedded right now."""

    def __init__(
        self,
        store: Callable[[], RowStore],
        embedder: Callable[[], Embedder],
        *,
        context_header: bool,
        lender: IndexReader | None = None,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._context_header = context_header
        self._lender = lender
        self._reader: IndexReader | None = None
        self._written: dict[str, str] = {}
        self._ahead = ThreadPoolExecutor(_SLICES_AT_ONCE, "slices")
        self._under_way: dict[str, Future[Callable[[], _Embedded]]] = {}
        self._refused: dict[str, str] = {}

    def close(self) -> None:
        """Give up what is being embedded."""
        self._ahead.shutdown(wait=False, cancel_futures=True)

    def start_from(self, reader: IndexReader | None) -> None:
        """Look into this generation first; forget what was written before it."""
        self._reader = reader
        self._written.clear()

    def written(self, chunks: Sequence[Chunk]) -> None:
        """These chunks' rows are in the store now."""
        self._written.update((self._digest(chunk), chunk.id) for chunk in chunks)

    def forget(self, chunks: Sequence[Chunk]) -> None:
        """These chunks' rows, which were written since the last generation, are gone from the store."""
        for chunk in chunks:
            self._written.pop(self._digest(chunk), None)

    def refusals(self, chunks: Iterable[Chunk]) -> dict[str, str]:
        """The sources of those that the model has refused, with the reasons; `vectors_for` leaves them out."""
        found = ((chunk.source, self._refused.get(self._digest(chunk))) for chunk in chunks) if self._refused else ()
        return {source: reason for source, reason in found if reason is not None}

    def prefetch(self, chunks: Sequence[Chunk]) -> None:
        """Start to embed, while the caller does something else, what `vectors_for` will ask for. Strings of like length
        go together; those that have a vector or are under way already are left alone."""
        by_digest = {self._digest(chunk): chunk for chunk in chunks}
        seen = (self._under_way, self._written, self._refused)
        new = [digest for digest in by_digest if not any(digest in digests for digests in seen)]
        known = self._committed(new)
        new = [digest for digest in new if digest not in known]
        new.sort(key=lambda digest: by_digest[digest].tokens)
        for part in _sliced(new):
            texts = {digest: self._text(by_digest[digest]) for digest in part}
            self._under_way.update(dict.fromkeys(part, self._ahead.submit(self._embed, texts)))

    def vectors_for(self, chunks: Sequence[Chunk]) -> Iterator[Filled]:
        """All the chunks, slice by slice, in no order: while the caller works on one, others are being embedded. Those
        that the model refuses are not among them.

        Equal strings are embedded once, known ones not at all. The encoder is not loaded where nothing is new.
        """
        self.prefetch(chunks)
        alike: dict[str, list[Chunk]] = {}
        for chunk in chunks:
            alike.setdefault(self._digest(chunk), []).append(chunk)
        embedding: dict[Future[Callable[[], _Embedded]], list[str]] = {}
        for digest in alike:
            if digest in self._under_way:
                embedding.setdefault(self._under_way[digest], []).append(digest)
        there = [digest for digest in alike if digest not in self._under_way and digest not in self._refused]
        for digests in _sliced(there):
            yield _filled(alike, self._committed(digests) | self._in_store(digests), embedded=0)
        for future, digests in embedding.items():
            vectors, refused = future.result()()
            self._refused.update(refused)
            if found := {digest: vectors[digest] for digest in digests if digest in vectors}:
                yield _filled(alike, found, embedded=len(found))
            for digest in digests:
                del self._under_way[digest]

    def _embed(self, texts: Mapping[str, str]) -> Callable[[], _Embedded]:
        """Embed here, or begin to where other machines do it; the function gives what came of it."""
        embedder = self._embedder()
        try:
            begun = embedder.begin_passages(list(texts.values()))
        except PassagesRefusedError as error:
            others = _without_refused(embedder, texts, error)
            return lambda: others

        def embedded() -> _Embedded:
            try:
                return _Embedded(dict(zip(texts, begun(), strict=True)), {})
            except PassagesRefusedError as error:
                return _without_refused(embedder, texts, error)

        return embedded

    def _committed(self, digests: Sequence[str]) -> dict[str, Vectors]:
        found: dict[str, Vectors] = {}
        for reader in (self._lender, self._reader):
            if reader is not None:
                found.update(reader.vectors_of(digests))
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
        return embedded_text(chunk, context_header=self._context_header)


def _without_refused(embedder: Embedder, texts: Mapping[str, str], error: PassagesRefusedError) -> _Embedded:
    """The vectors of the texts that the model takes, and why it does not take the others."""
    refused = {digest: error.reasons[at] for at, digest in enumerate(texts) if at in error.reasons}
    taken = {digest: text for digest, text in texts.items() if digest not in refused}
    vectors = embedder.begin_passages(list(taken.values()))()
    return _Embedded(dict(zip(taken, vectors, strict=True)), refused)


def _filled(alike: Mapping[str, list[Chunk]], found: Mapping[str, Vectors], *, embedded: int) -> Filled:
    pairs = [(chunk, vector) for digest, vector in found.items() for chunk in alike[digest]]
    tokens = sum(alike[digest][0].tokens for digest in found) if embedded else 0
    return Filled([chunk for chunk, _ in pairs], np.stack([vector for _, vector in pairs]), embedded, tokens)


def _sliced(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (items[start : start + _SLICE] for start in range(0, len(items), _SLICE))
