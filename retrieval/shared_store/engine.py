"""Milvus, called with limits of time, and with failures that are ours.

Three collections, whose names begin with `store_name`:

    _chunks      a row for each version of a passage, with what it is found and filtered by
    _documents   the ledger: a row for each version of a record, with the mean vector of the document
    _notes       named texts, in parts: the state, what died, statistics, contents, the writer's lease

A key is never written twice with another content, but for the lease: an upsert replaces a row in two steps, between
which a reader finds none.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retrieval.config import Config
from retrieval.errors import ConfigError, IndexUnusableError
from retrieval.shared_store.expressions import UNEQUAL

log = logging.getLogger(__name__)

LIMIT = 16_384
"""Rows that Milvus returns at most of a search."""

MOST_BYTES = 65_000
"""Of a text in one row; Milvus takes 65,535."""

MOST_WORDS, LONGEST_WORD = 4000, 256
"""Of the array that filters look for words in, and bytes of each."""

_FEW = 1000
"""Rows that are read in one call, of so many the first: an iterator takes three calls."""

_PAGE = 500
"""Rows written at once, and keys looked up."""

_MESSAGE = 8_000_000
"""Bytes of the texts in one message; with all that is not counted here, it stays below the 64 MiB that Milvus takes."""

_TIMEOUT, _PATIENCE = 20.0, 60.0
"""Seconds that a call of a reader, and of a writer, may take, repetitions included."""

_CONNECTION: Mapping[str, int] = {
    # A server that is started again is found within a second, rather than after minutes of waiting.
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.min_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 1000,
    "grpc.use_local_subchannel_pool": 1,
    # Servers hang up on clients that ask too often whether they are there.
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_permit_without_calls": 0,
}

_LONGEST = 300


class Engine:
    """A connection to one index's collections. Threads may share it. Every method raises IndexUnusableError where the
    server does not answer as it should."""

    def __init__(self, config: Config) -> None:
        """Raises ConfigError without the extra."""
        try:
            from pymilvus import MilvusClient
        except ImportError as error:
            raise ConfigError(
                "store milvus needs the extra `milvus`: pip install 'hybrid-retrieval[milvus]'."
            ) from error
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # it logs each failure with its traceback
        self._uri = config.store_uri or ""
        self.chunks, self.documents, self.notes = (
            f"{config.store_name}_{part}" for part in ("chunks", "documents", "notes")
        )
        token = config.store_token.get_secret_value() if config.store_token is not None else ""
        self._is_negating = False
        self._client: Any = None
        self._client = self._answer(
            lambda: MilvusClient(
                uri=self._uri, token=token, timeout=_TIMEOUT, dedicated=True, grpc_options=dict(_CONNECTION)
            )
        )

    def close(self) -> None:
        self._client.close()

    # Collections

    def exists(self) -> bool:
        """Whether the index's collections are there, so that there is a state to be read."""
        return bool(self._answer(lambda: self._client.has_collection(self.notes, timeout=_TIMEOUT)))

    def create(self, dimension: int) -> None:
        """Make the collections, those that are missing."""
        for name, fields, indexed in (
            (self.chunks, _CHUNK_FIELDS, {"vector": "FLAT", "weights": "SPARSE_INVERTED_INDEX"}),
            (self.documents, _DOCUMENT_FIELDS, {"vector": "FLAT"}),
            (self.notes, _NOTE_FIELDS, {"vector": "FLAT"}),
        ):
            width = dimension if name != self.notes else 2
            self._answer(lambda: self._create(name, fields, indexed, width))  # noqa: B023 - called at once

    def create_notes(self) -> None:
        """Make the collection of notes, which has the lease, where it is missing."""
        self._answer(lambda: self._create(self.notes, _NOTE_FIELDS, {"vector": "FLAT"}, 2))

    def has_rows(self) -> bool:
        """Whether the collections of rows are there."""
        return bool(self._answer(lambda: self._client.has_collection(self.documents, timeout=_TIMEOUT)))

    def _create(
        self, name: str, fields: Mapping[str, Mapping[str, Any]], indexed: Mapping[str, str], width: int
    ) -> None:
        from pymilvus import DataType

        if self._client.has_collection(name, timeout=_PATIENCE):
            return
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        for field, about in fields.items():
            types = {key: getattr(DataType, about[key]) for key in ("datatype", "element_type") if key in about}
            schema.add_field(field, **{**about, **types, **({"dim": width} if field == "vector" else {})})
        indexes = self._client.prepare_index_params()
        for field, kind in indexed.items():
            indexes.add_index(field, index_type=kind, metric_type="IP", params={})
        self._client.create_collection(
            name, schema=schema, index_params=indexes, consistency_level="Strong", num_shards=1, timeout=_PATIENCE
        )
        self._client.load_collection(name, timeout=_PATIENCE)

    # Rows

    def upsert(self, collection: str, rows: Sequence[Mapping[str, Any]]) -> None:
        for page in _pages(rows):
            self._answer(lambda: self._client.upsert(collection, page, timeout=_PATIENCE))  # noqa: B023

    def delete(self, collection: str, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), _PAGE):
            page = list(keys[start : start + _PAGE])
            self._answer(lambda: self._client.delete(collection, ids=page, timeout=_PATIENCE))  # noqa: B023

    def rows(self, collection: str, keys: Sequence[str], fields: Sequence[str]) -> list[dict[str, Any]]:
        """The rows that exist among these keys, in no order."""
        found: list[dict[str, Any]] = []
        for start in range(0, len(keys), _PAGE):
            page = list(keys[start : start + _PAGE])
            found += self._answer(
                lambda: self._client.get(collection, page, list(fields), timeout=_TIMEOUT, strict_float32=True)  # noqa: B023
            )
        return found

    def where(self, collection: str, expression: str, fields: Sequence[str]) -> Iterator[dict[str, Any]]:
        """All rows that an expression lets through, however many: in one call where they are few."""
        first = self._answer(
            lambda: self._client.query(
                collection,
                filter=expression,
                output_fields=list(fields),
                limit=_FEW,
                timeout=_PATIENCE,
                strict_float32=True,
            )
        )
        if len(first) < _FEW:
            yield from first
            return
        iterator = self._answer(
            lambda: self._client.query_iterator(
                collection, batch_size=1000, filter=expression, output_fields=list(fields), timeout=_PATIENCE
            )
        )
        try:
            while page := self._answer(iterator.next):
                yield from page
        finally:
            iterator.close()

    def count(self, collection: str, expression: str) -> int:
        found = self._answer(
            lambda: self._client.query(collection, filter=expression, output_fields=["count(*)"], timeout=_TIMEOUT)
        )
        return int(found[0]["count(*)"])

    def takes_missing_for_unequal(self) -> bool:
        """Whether this server says so of values that are not there, or of another type; False without rows."""
        if not self._is_negating:
            found = self._answer(
                lambda: self._client.query(
                    self.chunks, filter=UNEQUAL, output_fields=["key"], limit=1, timeout=_TIMEOUT
                )
            )
            self._is_negating = bool(found)
        return self._is_negating

    def search(
        self, collection: str, field: str, vector: Any, *, limit: int, expression: str
    ) -> list[tuple[str, float]]:
        """(key, score) of the best rows by inner product, best first."""
        found = self._answer(
            lambda: self._client.search(
                collection,
                [vector],
                anns_field=field,
                limit=limit,
                filter=expression,
                search_params={"metric_type": "IP"},
                timeout=_TIMEOUT,
            )
        )
        return [(hit["key"] if "key" in hit else hit["id"], float(hit["distance"])) for hit in found[0]]

    def _answer(self, call: Any) -> Any:
        from grpc import RpcError
        from pymilvus.exceptions import MilvusException

        try:
            return call()
        except (MilvusException, RpcError, OSError, RuntimeError, ValueError) as error:
            log.debug("a call to Milvus failed", exc_info=True)
            said = " ".join(str(getattr(error, "message", error)).split())[:_LONGEST].rstrip(".")
            raise IndexUnusableError(
                f"Milvus at {self._uri} does not answer as it should: {said}. See to it, or correct store_uri, then "
                "try again."
            ) from error


def _pages(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Rows that go into one message."""
    page: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        own = sum(len(value.encode()) for value in row.values() if isinstance(value, str))
        if page and (len(page) == _PAGE or size + own > _MESSAGE):
            yield page
            page, size = [], 0
        page.append(dict(row))
        size += own
    if page:
        yield page


def _text(length: int = 65_535) -> dict[str, Any]:
    return {"datatype": "VARCHAR", "max_length": length}


_KEY = {"datatype": "VARCHAR", "max_length": 256, "is_primary": True}
_NUMBER = {"datatype": "INT64"}
_VECTOR = {"datatype": "FLOAT_VECTOR"}

_CHUNK_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "key": _KEY,
    "id": _text(32),
    "document_id": _text(32),
    "source": _text(),
    "ordinal": _NUMBER,
    "born": _NUMBER,
    "language": _text(32),
    "digest": _text(32),
    "passage": _NUMBER,
    "length": _NUMBER,
    "weighed": {"datatype": "DOUBLE"},
    "text": _text(),
    "metadata": {"datatype": "JSON"},
    "terms": _text(),
    "words": {
        "datatype": "ARRAY", "element_type": "VARCHAR", "max_capacity": MOST_WORDS + 1, "max_length": LONGEST_WORD,
    },
    "vector": _VECTOR,
    "weights": {"datatype": "SPARSE_FLOAT_VECTOR"},
}  # fmt: skip

_DOCUMENT_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "key": _KEY, "id": _text(32), "born": _NUMBER, "part": _NUMBER, "record": _text(), "vector": _VECTOR,
}  # fmt: skip

_NOTE_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "key": _KEY, "name": _text(256), "born": _NUMBER, "part": _NUMBER, "parts": _NUMBER, "text": _text(),
    "vector": _VECTOR,
}  # fmt: skip
