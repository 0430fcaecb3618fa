"""A sync on a real Ray cluster, whose nodes are processes of this machine. Needs the extra `ray`."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ingest
from ingest.doctor import examine
from retrieval import HybridIndex
from retrieval.errors import ClusterUnavailableError, ConfigError
from tests.equality import assert_same, told_by
from tests.ingesting import sync
from tests.sleeping_encoder import SleepingEncoder

pytest.importorskip("ray", reason="the extra `ray` is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

Open = Callable[..., HybridIndex]

ROOT = Path(__file__).parent.parent
STORE = 80 << 20


class LocalNodes:
    """A cluster of this machine: `address`, and nodes that can be added and killed."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False},
        )
        self.nodes: list[Any] = []

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def add(self, count: int) -> None:
        for _ in range(count):
            self.nodes.append(self._cluster.add_node(num_cpus=1, object_store_memory=STORE))

    def kill(self, node: Any) -> None:
        self.nodes.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        self._cluster.shutdown()


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalNodes]:
    """A head that does no work; the nodes find this checkout's packages, and its tests."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_health_check_timeout_ms", "60000")  # on a busy machine, living nodes seem dead
    nodes = LocalNodes()
    yield nodes
    nodes.close()


def make_folder(folder: Path, *, files: int, sections: int) -> Path:
    """Of `files` files that give `sections` chunks each."""
    folder.mkdir()
    for number in range(files):
        parts = [
            f"# Heading {number}.{part}\n\nParagraph {number} of {part}: "
            + " ".join(f"river{number} mill{part} summit{place} rain bread" for place in range(6))
            for part in range(sections)
        ]
        (folder / f"{number}.md").write_text("\n\n".join(parts))
    return folder


def test_a_node_killed_with_slices_half_done(cluster: LocalNodes, open_index: Open, tmp_path: Path) -> None:
    cluster.add(2)
    docs, log = make_folder(tmp_path / "docs", files=30, sections=20), tmp_path / "log"
    log.touch()
    with open_index("killed", encoder=SleepingEncoder(0.02, log=log)) as index:
        with ThreadPoolExecutor(1) as thread:
            syncing = thread.submit(ingest.sync, docs, index, ray=cluster.address)
            victim = cluster.nodes[0].node_id
            half_done = wait_for(lambda: begun_on(victim, log), syncing)
            cluster.kill(cluster.nodes[0])
            report = syncing.result(300)
        assert (report.added, report.chunks_added, report.failed) == (30, 600, ())
        told = told_by(index)
    ended = [(line[0] == victim, line[2]) for line in lines_of(log) if line[1] == "ended"]
    ended_there, ended_elsewhere = (
        {slice_ for there, slice_ in ended if there is is_there} for is_there in (True, False)
    )
    assert half_done - ended_there <= ended_elsewhere  # one may have ended just before the kill
    with open_index("usual", encoder=SleepingEncoder(0)) as index:
        sync(docs, index)
        usual = told_by(index)
    assert len(told["chunks"]) == 600
    assert_same(told, usual)
    assert examine(tmp_path / "killed") == []


def lines_of(log: Path) -> list[list[str]]:
    """Node, "begun" or "ended", and what tells a slice from others."""
    return [line.split() for line in log.read_text().splitlines()]


def begun_on(node: str, log: Path) -> set[str]:
    """The slices that the node has begun and not ended."""
    lines = [line for line in lines_of(log) if line[0] == node]
    return {slice_ for _, what, slice_ in lines if what == "begun"} - {
        slice_ for _, what, slice_ in lines if what == "ended"
    }


def wait_for(found: Callable[[], Any], syncing: "Future[Any]") -> Any:
    """What is found while a sync runs."""
    while not syncing.done():
        if value := found():
            return value
        time.sleep(0.05)
    syncing.result()
    pytest.fail("the sync was over before")


def test_the_command_makes_the_index_that_one_machine_makes(
    cluster: LocalNodes, open_index: Open, tmp_path: Path
) -> None:
    cluster.add(2)
    docs = make_folder(tmp_path / "docs", files=12, sections=20)
    (docs / "broken.pdf").write_bytes(b"%PDF-1.4 and no more")
    command = [sys.executable, "-m", "ingest.cli", "sync", str(docs), "--json", "--ray", cluster.address]
    run = subprocess.run([*command, "--index", str(tmp_path / "there")], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1, run.stderr
    report = json.loads(run.stdout)
    assert (report["added"], [failure["source"] for failure in report["failed"]]) == (12, ["docs/broken.pdf"])
    with open_index("there") as there, open_index("here") as here:
        sync(docs, here)
        told, usual = told_by(there), told_by(here)
        assert_same({**told, "records": {}}, {**usual, "records": {}})
        ids = list(told["vectors"])
        assert len(ids) == report["chunks_added"] > 60
        cosines = np.sum([told["vectors"][id_] * usual["vectors"][id_] for id_ in ids], axis=1)
        assert cosines.min() >= 0.9999
        assert sync(docs, there).unchanged == 12


def test_a_cluster_that_does_not_answer(open_index: Open, tmp_path: Path) -> None:
    docs, index = make_folder(tmp_path / "docs", files=1, sections=1), open_index()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        for scheme in ("", "ray://"):
            with pytest.raises(ClusterUnavailableError, match=r"No Ray cluster answers at .*refused"):
                ingest.sync(docs, index, ray=f"{scheme}127.0.0.1:{taken.getsockname()[1]}")
    with pytest.raises(ClusterUnavailableError, match="No Ray cluster answers at auto"):
        ingest.sync(docs, index, ray="auto")


def test_an_encoder_that_cannot_be_sent(cluster: LocalNodes, open_index: Open, tmp_path: Path) -> None:
    cluster.add(1)
    docs = make_folder(tmp_path / "docs", files=1, sections=1)
    encoder = SleepingEncoder(0)
    encoder.lock = threading.Lock()  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="The encoder sleeping cannot be sent"):
        ingest.sync(docs, open_index(encoder=encoder), ray=cluster.address)
