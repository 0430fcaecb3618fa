"""A Chroma server that is killed, restarted, hung or busy: a sync waits for it, a search does not."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from equality import assert_same, told_by

from ingest.doctor import examine
from retrieval import HybridIndex
from retrieval.chroma.store import State, Store
from retrieval.config import Config
from retrieval.errors import IndexUnusableError
from tests.ingesting import sync

if TYPE_CHECKING:
    from conftest import ChromaProcess

Open = Callable[..., HybridIndex]

chroma = import_module("retrieval.chroma.client")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for n in range(8):
        (folder / f"{n}.txt").write_text(f"Document {n} speaks of river {n}.\n\n" + f"It has {n} mills. " * 90)
    return folder


@pytest.fixture
def own_config(chroma_process: "ChromaProcess") -> Config:
    return Config(chroma_host="127.0.0.1", chroma_port=chroma_process.port)


@pytest.fixture
def silent(chroma_process: "ChromaProcess") -> Iterator[Callable[[], None]]:
    """Puts in the server's place one that takes connections and never answers."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

        def take_its_place() -> None:
            chroma_process.kill()
            listener.bind(("127.0.0.1", chroma_process.port))
            listener.listen()

        yield take_its_place


@pytest.mark.slow
def test_a_server_killed_and_restarted_while_a_sync_writes(
    open_index: Open,
    docs: Path,
    chroma_process: "ChromaProcess",
    own_config: Config,
    monkeypatch: pytest.MonkeyPatch,
    store_writes: tuple[str, ...],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("ingest.indexer._BATCH_CHUNKS", 6)
    delays = {3: 0.0, 6: 0.005, 11: 0.0}  # seconds after the call began: it may have been applied or not
    calls: list[str] = []
    restarts: list[threading.Thread] = []

    def restart(delay: float) -> None:
        time.sleep(delay)
        chroma_process.kill()
        chroma_process.start()

    def restarting(name: str) -> Callable[..., None]:
        real = getattr(Store, name)

        def call(store: Store, *arguments: object) -> None:
            if len(calls) in delays:
                if restarts:
                    restarts[-1].join()
                if not delays[len(calls)]:
                    chroma_process.kill()
                restarts.append(threading.Thread(target=restart, args=(delays[len(calls)],)))
                restarts[-1].start()
            calls.append(name)
            real(store, *arguments)

        return call

    with open_index("interrupted", config=own_config) as index:
        with monkeypatch.context() as patch:
            for name in store_writes:
                patch.setattr(Store, name, restarting(name))
            report = sync(docs, index)
        assert (report.added, report.failed, len(restarts)) == (8, (), 3)
        assert "does not answer" in caplog.text
        with open_index("undisturbed") as undisturbed:
            sync(docs, undisturbed)
            assert_same(told_by(index), told_by(undisturbed))
    assert examine(index.path) == []


def test_a_search_answers_from_its_generation_at_once(
    open_index: Open,
    docs: Path,
    chroma_process: "ChromaProcess",
    own_config: Config,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with open_index(config=own_config) as index:
        sync(docs, index)
        before = [hit.id for hit in index.search("mills", 50)]
    chroma_process.kill()
    monkeypatch.setattr(chroma._ServerCalls, "_tell", lambda *_: pytest.fail("a search tried again"))
    with open_index(read_only=True) as index:
        for _ in range(3):
            assert [hit.id for hit in index.search("mills", 50)] == before
    assert caplog.text.count("The last generation answers") == 1, "it was asked again and again"


@pytest.mark.slow
def test_a_search_after_a_sync_that_lost_its_server(
    open_index: Open,
    docs: Path,
    chroma_process: "ChromaProcess",
    own_config: Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next to open it would mend what the sync left, and cannot: it searches what there is."""
    monkeypatch.setattr(chroma, "_PATIENCE", 0.1)
    with open_index(config=own_config) as index:
        sync(docs, index)
        before = told_by(index)
        (docs / "0.txt").write_text("Something else.")
        put_chunks = Store.put_chunks

        def dying(store: Store, *arguments: object) -> None:
            chroma_process.kill()
            put_chunks(store, *arguments)

        with monkeypatch.context() as patch, pytest.raises(IndexUnusableError, match="does not answer"):
            patch.setattr(Store, "put_chunks", dying)
            sync(docs, index)
        assert_same(told_by(index), before)
    with monkeypatch.context() as patch, open_index(read_only=True) as index:
        patch.setattr(chroma._ServerCalls, "_tell", lambda *_: pytest.fail("a search tried again"))
        assert_same(told_by(index), before)
    chroma_process.start()
    with open_index() as index:
        assert sync(docs, index).updated == 1
    assert examine(index.path) == []


def test_a_server_that_never_answers_hangs_nobody(
    open_index: Open, docs: Path, own_config: Config, silent: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_index(config=own_config) as index:
        sync(docs, index)
        before = told_by(index)
    monkeypatch.setattr(chroma, "_SHORT_TIMEOUT", 0.05)
    monkeypatch.setattr(chroma, "_TIMEOUT", 0.05)
    monkeypatch.setattr(chroma, "_PATIENCE", 0.2)
    silent()
    (docs / "0.txt").write_text("Something else.")
    with open_index() as index:
        assert_same(told_by(index), before)
        with pytest.raises(IndexUnusableError, match=r"127\.0\.0\.1.*does not answer.*timed out"):
            sync(docs, index)
        assert_same(told_by(index), before)
    with pytest.raises(IndexUnusableError, match="timed out"):
        open_index("another", config=own_config)


def test_searches_go_on_while_another_thread_waits_for_a_silent_server(
    open_index: Open, docs: Path, own_config: Config, silent: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chroma, "_TIMEOUT", 1.0)
    monkeypatch.setattr(chroma, "_PATIENCE", 0.1)
    with open_index(config=own_config) as index:
        sync(docs, index)
        (docs / "0.txt").write_text("Something else.")
        silent()

        def write() -> None:
            with pytest.raises(IndexUnusableError, match="timed out"):
                sync(docs, index)

        writing = threading.Thread(target=write)
        writing.start()
        for _ in range(5):
            assert index.search("river 3", mode="lexical")
        assert writing.is_alive(), "a search has waited for it"
        writing.join()


@pytest.mark.parametrize(("status", "attempts"), [(503, 3), (500, 3), (404, 1), (400, 1)])
def test_a_call_is_made_again_where_the_trouble_is_the_server_s(status: int, attempts: int) -> None:
    from chromadb.api.base_http_client import BaseHTTPClient

    made = 0

    def call() -> str:
        nonlocal made
        made += 1
        if made < 3:
            response = httpx.Response(status, text="busy", request=httpx.Request("POST", "http://server/upsert"))
            BaseHTTPClient._raise_chroma_error(response)
        return "done"

    calls = chroma._ServerCalls("server:8000", patience=30.0)
    if attempts == 1:
        with pytest.raises(IndexUnusableError, match="upsert: busy"):
            calls("upsert", call)
    else:
        assert calls("upsert", call) == "done"
    assert made == attempts


def test_an_embedded_chroma_that_failed_is_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It might never come back from the next call."""
    store = Store.open(tmp_path / "chroma", Config())
    with pytest.raises(IndexUnusableError, match="Chroma failed to upsert: "):
        store._chunks.upsert(ids=[])
    assert store.is_broken
    monkeypatch.setattr(store._chroma._api, "get_collection", lambda *_: pytest.fail("Chroma was called"))
    with pytest.raises(IndexUnusableError, match="Chroma failed to upsert: "):
        store.state()
    store.close()
    again = Store.open(tmp_path / "chroma", Config())
    assert again.state() == State()
    again.close()
