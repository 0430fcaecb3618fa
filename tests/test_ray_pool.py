"""A sync whose files and passages go to workers, here of a cluster in this process: the index is the same."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import ingest
from ingest.doctor import examine
from ingest.ray_pool import RayPool
from ingest.ray_worker import RayWorker
from ingest.report import Progress
from retrieval import HybridIndex
from retrieval.config import Config
from retrieval.errors import ConfigError, ModelError, PassagesRefusedError
from retrieval.types import Vectors
from tests.embedding_server import EmbeddingServer, of_words
from tests.equality import assert_same, told_by
from tests.fake_cluster import FakeCluster
from tests.ingesting import POOL, sync

Open = Callable[..., HybridIndex]

TEXT = "Rain falls where warm air rises and cools. Snow is frozen rain, and hail falls from thunderclouds. "


class WordsEncoder:
    """Embeds by words; refuses what the caller says."""

    name, version, dimension, max_seq_length, tokenizer = "words", "1", 24, 400, None

    def __init__(self, *, refused: str = "\0", fails: bool = False) -> None:
        self.refused, self.fails = refused, fails
        self.seen: list[str] = []

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return of_words(texts)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        self.seen.extend(texts)
        if reasons := {at: "it is too strange" for at, text in enumerate(texts) if self.refused in text}:
            raise PassagesRefusedError(reasons)
        if self.fails:
            raise ModelError("out of order")
        return of_words(texts)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    docs = tmp_path / "docs"
    (docs / "deep").mkdir(parents=True)
    for number in range(6):
        (docs / "deep" / f"{number}.md").write_text(f"# Weather {number}\n\n" + TEXT * (3 + number))
    (docs / "told.txt").write_text("The sky is blue.")
    (docs / "told.txt.meta.json").write_text(json.dumps({"title": "Sky", "author": "Ada"}))
    (docs / "broken.pdf").write_bytes(b"%PDF-1.4 and no more")
    (docs / "blank.txt").write_text(" \n")
    return docs


def cluster_of(*names: str) -> FakeCluster:
    return FakeCluster(*names, make=lambda settings: RayWorker(settings, parsers=[POOL, POOL]))


def on_nodes(docs: Path, index: HybridIndex, cluster: FakeCluster, **options: Any) -> ingest.SyncReport:
    with RayPool("auto", index, connect=lambda _: cluster) as pool:
        on_progress = pool.telling(options.pop("on_progress", None))
        return ingest.sync(docs, index, pool=pool, on_progress=on_progress, **options)


def test_the_index_is_the_one_that_this_machine_makes(docs: Path, open_index: Open, tmp_path: Path) -> None:
    cluster, told = cluster_of("one", "two"), list[Progress]()
    with open_index("there") as there, open_index("here") as here:
        done, usual = on_nodes(docs, there, cluster, on_progress=told.append), sync(docs, here)
        counts = ("added", "failed", "skipped", "notices", "chunks_added", "tokens_embedded", "truncated")
        assert [getattr(done, name) for name in counts] == [getattr(usual, name) for name in counts]
        assert [failure.source for failure in done.failed] == ["docs/broken.pdf"]
        assert_same(told_by(there), told_by(here))
        assert sum(node.files for node in told[-1].nodes) == 9
        assert sum(node.passages for node in told[-1].nodes) == done.chunks_added
    assert cluster.is_closed
    assert cluster.killed == len(cluster.started) == 2
    assert examine(tmp_path / "there") == []


@pytest.mark.slow
def test_only_what_is_new_is_embedded_and_a_cluster_without_work_is_left_alone(docs: Path, open_index: Open) -> None:
    encoder = WordsEncoder()
    with open_index("index", encoder=encoder) as index:
        on_nodes(docs, index, cluster_of("one"))
        encoder.seen.clear()
        idle = cluster_of("one")
        assert on_nodes(docs, index, idle, retry_failed=False).unchanged == 7
        assert (idle.started, idle.is_closed) == ([], False)
        (docs / "deep" / "0.md").write_text("# Weather 0\n\n" + TEXT * 3 + "\n\n# More\n\nFog is a low cloud.")
        shutil.copy(docs / "deep" / "1.md", docs / "copy.md")
        report = on_nodes(docs, index, cluster_of("one"))
        assert (report.added, report.updated, report.chunks_reused > 0) == (1, 1, True)
        assert all("Fog" in text or "copy" in text or "More" in text for text in encoder.seen), encoder.seen


def test_what_the_model_refuses_on_a_node_fails_its_document_alone(docs: Path, open_index: Open) -> None:
    with open_index("index", encoder=WordsEncoder(refused="blue")) as index:
        report = on_nodes(docs, index, cluster_of("one", "two"))
        assert dict(report.failed)["docs/told.txt"] == "it is too strange"
        assert report.added == 6


def test_an_encoder_that_fails_on_a_node_ends_the_sync_and_the_next_goes_on(docs: Path, open_index: Open) -> None:
    encoder = WordsEncoder(fails=True)
    with open_index("index", encoder=encoder) as index:
        with pytest.raises(ModelError, match="out of order"):
            on_nodes(docs, index, cluster_of("one"))
        encoder.fails = False
        assert on_nodes(docs, index, cluster_of("one")).added == 7


@pytest.mark.slow
def test_a_server_that_embeds_is_asked_from_here(docs: Path, open_index: Open, server: EmbeddingServer) -> None:
    config = Config(model="openai:words", encoder_url=server.url, encoder_api_key="secret")
    cluster = cluster_of("one")
    with open_index("index", config=config) as index:
        assert on_nodes(docs, index, cluster).added == 7
        assert cluster.settings is not None
        assert cluster.settings.config.encoder_api_key is None
    assert set(server.keys) == {"Bearer secret"}


@pytest.mark.parametrize("address", ["10.0.0.7", "http://10.0.0.7:6379", "", "ray://10.0.0.7", "a b:1"])
def test_what_is_no_address_is_refused(address: str, open_index: Open) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        RayPool(address, open_index())


def test_ray_goes_with_no_other_pool(docs: Path, open_index: Open) -> None:
    with pytest.raises(ConfigError, match="neither `pool` nor `dry_run`"):
        ingest.sync(docs, open_index(), ray="auto", dry_run=True)
