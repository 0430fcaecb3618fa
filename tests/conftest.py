"""Real parts, shared: the packaged model is loaded once, a Chroma server is started once."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer

from retrieval.config import Config
from retrieval.encoders import Embedder, shared_encoder
from retrieval.index import HybridIndex
from tests.embedding_server import EmbeddingServer, embedding_server
from tests.forked_probes import ForkedProbes
from tests.ingesting import POOL
from tests.milvus_server import MilvusProcess
from tests.scheduling import TorchInOneProcess, torch_first

REPOSITORY = Path(__file__).parent.parent

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"  # read when haystack is imported, which is done by test modules


def pytest_configure(config: pytest.Config) -> None:
    """Property-based tests try more where there is time; none is judged by how long an example takes."""
    settings.register_profile("brief", max_examples=30, deadline=None)
    settings.register_profile("thorough", max_examples=200, deadline=None)
    settings.load_profile("brief" if config.option.markexpr == "not slow" else "thorough")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are no name: in what is compressed stands the time, and two processes that test must agree on names."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    torch_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> TorchInOneProcess:
    return TorchInOneProcess(config, log)


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> None:
    for name in [name for name in os.environ if name.startswith("RETRIEVAL_") and name != "RETRIEVAL_TEST_COLLECTIONS"]:
        del os.environ[name]


@pytest.fixture(scope="session")
def loaded_embedder() -> Embedder:
    """Of the packaged model. While this lives, every index of this process that is made with that model shares it."""
    return Embedder(shared_encoder(Config()), Config())


@pytest.fixture(scope="session", autouse=True)
def _pool_ends() -> Iterator[None]:
    yield
    POOL.close()


@pytest.fixture(scope="session")
def forked_probes() -> Iterator[ForkedProbes]:
    with ForkedProbes() as probes:
        yield probes


@pytest.fixture
def quick_checks(forked_probes: ForkedProbes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Chroma that may be damaged is checked in a process that need not start: that takes a second."""
    monkeypatch.setattr("retrieval.chroma.health.check", forked_probes)
    monkeypatch.setattr("ingest.damaged_chroma.check", forked_probes)


@pytest.fixture
def share_model(loaded_embedder: Embedder, quick_checks: None) -> Embedder:
    """The packaged model is loaded once for all tests, and Chroma is checked quickly."""
    return loaded_embedder


@pytest.fixture
def open_index(tmp_path: Path, share_model: Embedder) -> Iterator[Callable[..., HybridIndex]]:
    """Opens indexes below tmp_path with the packaged model, and closes them in the end."""
    opened: list[HybridIndex] = []

    def open_(name: str = "index", **options: object) -> HybridIndex:
        opened.append(HybridIndex.open(tmp_path / name, **options))
        return opened[-1]

    yield open_
    for index in opened:
        index.close()


@pytest.fixture(scope="session")
def store_writes() -> tuple[str, ...]:
    """The methods by which a Store changes what Chroma holds."""
    return (
        "set_state", "add_records", "put_records", "put_chunks", "update_records", "update_chunks", "amend_chunks",
        "delete_chunks", "delete_records",
    )  # fmt: skip


@pytest.fixture(scope="session")
def _embedding_server() -> Iterator[EmbeddingServer]:
    with embedding_server() as started:
        yield started


@pytest.fixture
def server(_embedding_server: EmbeddingServer) -> EmbeddingServer:
    """A server that embeds, as new."""
    _embedding_server.reset()
    return _embedding_server


class ChromaProcess:
    """A real Chroma server on loopback, that can be killed and started again on the same port and path."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        chroma = Path(sys.executable).with_name("chroma")
        self._process = subprocess.Popen(
            [chroma, "run", "--path", str(self.directory), "--host", "127.0.0.1", "--port", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("the Chroma server did not come up in 10 s")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@pytest.fixture(scope="session")
def chroma_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a real Chroma server on loopback."""
    process = ChromaProcess(tmp_path_factory.mktemp("chroma-server"))
    process.start()
    yield process.port
    process.kill()


@pytest.fixture
def chroma_process(tmp_path: Path) -> Iterator[ChromaProcess]:
    """A Chroma server of the test's own, running."""
    process = ChromaProcess(tmp_path / "chroma-process")
    process.start()
    yield process
    process.kill()


@pytest.fixture
def server_config(chroma_server: int) -> Config:
    """An empty database of its own on the server."""
    database = f"test-{uuid.uuid4().hex}"
    url = f"http://127.0.0.1:{chroma_server}/api/v2/tenants/default_tenant/databases"
    body = json.dumps({"name": database}).encode()
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers)):
        return Config(chroma_host="127.0.0.1", chroma_port=chroma_server, chroma_database=database)


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusProcess]:
    """A real Milvus on loopback."""
    process = MilvusProcess(tmp_path_factory.mktemp("milvus-server"))
    process.start()
    yield process
    process.kill()


@pytest.fixture
def milvus_config(milvus_server: MilvusProcess) -> Config:
    """A name of its own on the server."""
    return Config(store="milvus", store_uri=milvus_server.uri, store_name=f"test_{uuid.uuid4().hex}")


@pytest.fixture(scope="session")
def collections() -> Path:
    """Where BEIR collections lie; not part of the project."""
    directory = Path(os.environ.get("RETRIEVAL_TEST_COLLECTIONS", REPOSITORY.parent / "shared" / "collections"))
    if not (directory / "cranfield").is_dir():
        pytest.skip(f"no test collections in {directory}; set RETRIEVAL_TEST_COLLECTIONS")
    return directory
