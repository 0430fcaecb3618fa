"""What an index holds, and what made it, in figures."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from retrieval.config import Config
from retrieval.storage.snapshot import Snapshot


class Stats(NamedTuple):
    """tokens counts whole embedded strings; what is known of the model is None before anything was indexed."""

    documents: int
    failed: int
    chunks: int
    tokens: int
    model: str
    pooling: str | None
    dimension: int | None
    max_seq_length: int | None
    query_prefix: str
    passage_prefix: str
    chroma: str


def describe(snapshot: Snapshot | None, config: Config) -> Stats:
    """The figures of the last published generation."""
    made_with = snapshot.fingerprint if snapshot is not None else None
    records = snapshot.records if snapshot is not None else ()
    return Stats(
        documents=sum(record.status != "skipped" for record in records),
        failed=sum(record.status == "failed" for record in records),
        chunks=snapshot.size if snapshot is not None else 0,
        tokens=snapshot.tokens if snapshot is not None else 0,
        model=config.model,
        pooling=made_with.pooling if made_with else None,
        dimension=made_with.dimension if made_with else None,
        max_seq_length=made_with.max_seq_length if made_with else None,
        query_prefix=config.query_prefix,
        passage_prefix=config.passage_prefix,
        chroma=place_of(config.server_settings()),
    )


def place_of(server: Mapping[str, Any]) -> str:
    """Where Chroma is, in words, from Config.server_settings."""
    return f"Chroma at {server['chroma_host']}:{server['chroma_port']}" if server else "its own directory"
