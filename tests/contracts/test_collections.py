"""What those find who query the collections with Chroma's own means."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval.chroma.client import Chroma
from retrieval.config import Config

Open = Callable[[], Any]

_MADE_BEFORE = {"space": "cosine", "max_neighbors": 16, "ef_construction": 100, "ef_search": 100}


@pytest.fixture(params=["embedded", "server"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens one and the same database; a context manager."""

    @contextmanager
    def open_chroma() -> Iterator[Chroma]:
        if request.param == "embedded":
            chroma = Chroma.embedded(tmp_path / "chroma")
        else:
            config: Config = request.getfixturevalue("server_config")
            chroma = Chroma.server(config, patient=False)
        yield chroma
        chroma.close()

    return open_chroma


def make_vectors(count: int, *, seed: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    vectors = np.random.default_rng(seed).normal(size=(count, 64)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


@pytest.mark.slow
def test_a_query_of_the_collection_itself_finds_99_of_the_100_nearest(opened: Open) -> None:
    vectors, queries = make_vectors(3000, seed=1), make_vectors(20, seed=2)
    with opened() as chroma:
        collection = chroma.collection("chunks")
        collection.upsert(ids=[str(row) for row in range(len(vectors))], embeddings=vectors)
        found = collection.query(query_embeddings=queries, n_results=100, include=[])["ids"]
    nearest = np.argsort(-(queries @ vectors.T), axis=1)[:, :100]
    hits = [len({int(id_) for id_ in ids} & set(rows)) for ids, rows in zip(found, nearest.tolist(), strict=True)]
    assert np.mean(hits) >= 99


def test_a_collection_made_with_other_settings_opens_keeps_them_and_takes_rows(opened: Open) -> None:
    vectors = make_vectors(300, seed=1)
    ids = [str(row) for row in range(300)]
    with opened() as chroma:
        chroma._call("create_collection", "chunks", configuration={"hnsw": _MADE_BEFORE}, **chroma._place)
        chroma.collection("chunks").upsert(ids=ids[:200], embeddings=vectors[:200])
    with opened() as chroma:
        collection = chroma.collection("chunks")
        collection.upsert(ids=ids[100:], embeddings=vectors[100:])
        assert collection.count() == 300
        nearest = collection.query(query_embeddings=vectors[250:251], n_results=1, include=["distances"])
        assert nearest["ids"] == [["250"]]
        assert nearest["distances"][0][0] == pytest.approx(0, abs=1e-5)  # cosine, as it was made
        kept = chroma._call("get_collection", "chunks", **chroma._place).configuration_json["hnsw"]
        assert _MADE_BEFORE.items() <= kept.items()
