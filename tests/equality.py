"""What two indexes of the same documents must agree in, however they came about."""

from dataclasses import replace
from typing import Any

import numpy as np

from retrieval import HybridIndex
from retrieval.search.candidates import QueryScores
from retrieval.search.query import Query, terms_by_language

QUERIES = ["river mill", "summit", "paragraph number", "rain and bread"]


def told_by(index: HybridIndex) -> dict[str, Any]:
    """By chunk id: text, metadata, vector, and the BM25 scores of a few queries; and the ledger, but for when each
    file was read, and which copy of it."""
    reader = index.searcher().reader
    records = {record.source: replace(record, indexed_ns=0, ctime_ns=0, inode=0) for record in index.documents()}
    if not reader.size:
        return {"chunks": {}, "vectors": {}, "scores": {}, "records": records}
    rows = {reader.ids[row].decode(): row for row in reader.living.tolist()}
    queries = [Query(text, terms_by_language(text, reader.languages), None) for text in QUERIES]
    scores = np.stack([QueryScores(reader, query).lexical for query in queries])
    return {
        "chunks": {id_: reader.chunk(row) for id_, row in rows.items()},
        "vectors": {id_: reader.vectors[row] for id_, row in rows.items()},
        "scores": {id_: scores[:, row] for id_, row in rows.items()},
        "records": records,
    }


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Equal, but for what a batch of other lengths does to the last digits of a vector."""
    assert one["records"] == other["records"]
    assert one["chunks"] == other["chunks"]
    for id_ in one["chunks"]:
        np.testing.assert_allclose(one["vectors"][id_], other["vectors"][id_], atol=1e-5)
        np.testing.assert_allclose(one["scores"][id_], other["scores"][id_], atol=1e-9)
