"""Tasks on the nodes of a cluster: each is done, once, whatever becomes of a node. No Ray is needed for it."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from ingest.chunking import ChunkSettings
from ingest.parser_worker import ParserSettings
from ingest.ray_cluster import Node
from ingest.ray_nodes import RayNodes
from ingest.ray_worker import ModelFacts, WorkerSettings
from retrieval import __version__
from retrieval.config import Config
from retrieval.errors import ClusterUnavailableError, ConfigError, ModelError
from tests.fake_cluster import FakeCluster

FACTS = ModelFacts("a" * 64, "mean", 384, 256, "b" * 64, "fp32")
SETTINGS = WorkerSettings(
    Config(), None, ParserSettings(ChunkSettings("", 256, "", 0, True), "none", 10**6, 10.0, 10**9, None), 1
)


class Stub:
    """A worker whose tasks end when the test lets them."""

    def __init__(self, log: "Log") -> None:
        self.log = log

    def start(self) -> None:
        pass

    def load(self) -> ModelFacts:
        return self.log.facts

    def parse(self, text: str) -> str:
        return self.embed(text)

    def embed(self, text: str) -> str:
        return self.log.run(self, text)


class Log:
    """What the workers did."""

    def __init__(self) -> None:
        self.facts = FACTS
        self.go = threading.Event()
        self.begun: list[tuple[Stub, str]] = []
        self.most = 0
        self._under_way: list[Stub] = []
        self._lock = threading.Condition()

    def run(self, worker: Stub, text: str) -> str:
        with self._lock:
            self.begun.append((worker, text))
            self._under_way.append(worker)
            self.most = max(self.most, self._under_way.count(worker))
            self._lock.notify_all()
        try:
            assert text != "bad", "no such text"
            self.go.wait(10)
        finally:
            with self._lock:
                self._under_way.remove(worker)
        return text.upper()

    def wait_for(self, count: int) -> None:
        with self._lock:
            assert self._lock.wait_for(lambda: len(self.begun) >= count, 10), self.begun


@pytest.fixture
def work() -> Iterator[Log]:
    log = Log()
    yield log
    log.go.set()


Make = Callable[..., tuple[RayNodes, FakeCluster]]


@pytest.fixture
def make(work: Log) -> Iterator[Make]:
    made: list[tuple[RayNodes, FakeCluster]] = []

    def make_(*names: str, prepare: Callable[[FakeCluster], None] = lambda _: None, **options: Any) -> Any:
        cluster = FakeCluster(*names, make=lambda _: Stub(work))
        prepare(cluster)
        nodes = RayNodes(cluster, SETTINGS, **{"facts": FACTS, "tick_seconds": 0.01, **options})
        made.append((nodes, cluster))
        return made[-1]

    yield make_
    work.go.set()
    for nodes, cluster in made:
        nodes.close()
        cluster.close()


def submitted(nodes: RayNodes, *texts: str) -> "list[Future[Any]]":
    outcomes: list[Future[Any]] = [Future() for _ in texts]
    for text, outcome in zip(texts, outcomes, strict=True):
        nodes.submit("embed", text, size=1, outcome=outcome)
    return outcomes


def results(outcomes: "list[Future[Any]]") -> list[Any]:
    return [outcome.result(10) for outcome in outcomes]


def test_what_a_lost_node_had_in_hand_is_done_on_another(
    make: Make, work: Log, caplog: pytest.LogCaptureFixture
) -> None:
    nodes, cluster = make("one", "two")
    texts = [f"text {number}" for number in range(12)]
    outcomes = submitted(nodes, *texts)
    work.wait_for(4)
    lost = {text for worker, text in work.begun if cluster._of[id(worker)] == "two"}
    assert len(lost) == 2
    cluster.lose("two")
    work.go.set()
    assert results(outcomes) == [text.upper() for text in texts]
    done = {text: [cluster._of[id(worker)] for worker, begun in work.begun if begun == text] for text in texts}
    assert {text for text, on in done.items() if len(on) > 1} == lost
    assert all(done[text] == ["two", "one"] for text in lost)
    assert sum(node.passages for node in nodes.progress()) == 12
    assert "two was lost" in caplog.text


def test_a_node_that_joins_gets_work(make: Make, work: Log) -> None:
    nodes, cluster = make("one")
    outcomes = submitted(nodes, *"abcd")
    work.wait_for(2)
    cluster.join(Node("two", "two", 8, 0))
    work.wait_for(4)
    work.go.set()
    assert results(outcomes) == list("ABCD")
    assert [(node.name, node.passages) for node in nodes.progress()] == [("one", 2), ("two", 2)]


def test_a_worker_has_no_more_in_hand_than_it_can_do(make: Make, work: Log) -> None:
    nodes, _ = make("one", "two")
    outcomes = submitted(nodes, *map(str, range(50)))
    work.wait_for(4)
    work.go.set()
    results(outcomes)
    assert work.most == 2


def test_a_node_has_a_worker_for_each_gpu(make: Make) -> None:
    def with_gpus(cluster: FakeCluster) -> None:
        cluster.join(Node("big", "big", 32, 4))

    nodes, cluster = make("small", prepare=with_gpus)
    assert nodes.machines == 5
    assert_soon(lambda: sorted(cluster.started) == [("big", 8, 1)] * 4 + [("small", 4, 0)])
    nodes, cluster = make("small", prepare=with_gpus, takes_gpus=False)
    assert nodes.machines == 2
    assert_soon(lambda: sorted(cluster.started) == [("big", 32, 0), ("small", 4, 0)])


def assert_soon(is_true: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(500):
        if is_true():
            return
        waiting.wait(0.01)
    pytest.fail("it never was")


def test_another_version_on_a_node_is_named(make: Make) -> None:
    def prepare(cluster: FakeCluster) -> None:
        cluster.versions["two"] = ("0.0.1", "")

    nodes, _ = make("one", "two", prepare=prepare)
    outcomes = submitted(nodes, "x")
    with pytest.raises(ConfigError, match=rf"node two has hybrid-retrieval 0\.0\.1; install {__version__} there"):
        results(outcomes)


def test_a_node_without_the_package_is_named(make: Make) -> None:
    def prepare(cluster: FakeCluster) -> None:
        cluster.versions["one"] = ("", "ModuleNotFoundError: No module named 'ingest'")

    nodes, _ = make("one", prepare=prepare)
    with pytest.raises(ConfigError, match=r"node one has no hybrid-retrieval \(ModuleNotFoundError: .*ingest'\)"):
        results(submitted(nodes, "x"))


def test_another_model_on_a_node_is_named(make: Make, work: Log) -> None:
    work.facts = FACTS._replace(weights="c" * 64, precision="int8")
    nodes, _ = make("one")
    with pytest.raises(ConfigError, match=r"one .* \(weights c{12} there and a{12} here, precision int8 there and"):
        results(submitted(nodes, "x"))


def test_a_node_that_joins_with_another_version_is_left_out(
    make: Make, work: Log, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    nodes, cluster = make("one")
    cluster.versions["two"] = ("0.0.1", "")
    cluster.join(Node("two", "two", 8, 0))
    assert_soon(lambda: "node two has hybrid-retrieval 0.0.1" in caplog.text)
    work.go.set()
    assert results(submitted(nodes, *"abc")) == list("ABC")
    assert [name for name, *_ in cluster.started] == ["one"]


def test_what_fails_on_a_node_says_where(make: Make) -> None:
    nodes, _ = make("one")
    with pytest.raises(ModelError, match="The Ray node one failed: AssertionError: no such text"):
        results(submitted(nodes, "bad"))


def test_a_task_that_ends_every_worker_is_given_up(make: Make, work: Log) -> None:
    nodes, cluster = make(*"abcdef")
    outcomes = submitted(nodes, "deadly")
    for count in range(1, 5):
        work.wait_for(count)
        cluster.lose(cluster._of[id(work.begun[-1][0])])
    with pytest.raises(ClusterUnavailableError, match=r"4 workers .* were lost at the same task"):
        results(outcomes)


def test_work_waits_only_so_long_for_a_node(make: Make) -> None:
    nodes, cluster = make("one", start_seconds=0.1)
    cluster.lose("one")
    with pytest.raises(ClusterUnavailableError, match="takes up work"):
        results(submitted(nodes, "x"))
    with pytest.raises(ClusterUnavailableError):
        results(submitted(nodes, "later"))


def test_a_cluster_without_nodes_is_refused() -> None:
    with pytest.raises(ClusterUnavailableError, match="no node"):
        RayNodes(FakeCluster(), SETTINGS, facts=FACTS)


def test_what_is_cancelled_is_not_begun_and_the_rest_ends_with_the_cluster(make: Make, work: Log) -> None:
    nodes, cluster = make("one")
    outcomes = submitted(nodes, *"abcd")
    work.wait_for(2)
    outcomes[2].cancel()
    nodes.close()
    assert [text for _, text in work.begun] == ["a", "b"]
    assert isinstance(outcomes[3].exception(10), ClusterUnavailableError)
    assert cluster.killed == 1
