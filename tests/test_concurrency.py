"""Many search while one writes; one at a time writes."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ingest.doctor import examine
from retrieval import HybridIndex
from retrieval.config import Config
from retrieval.errors import IndexLockedError
from tests.ingesting import sync

Open = Callable[..., HybridIndex]

REPOSITORY = Path(__file__).parent.parent

READER = """
import json, sys
from pathlib import Path
from retrieval import HybridIndex

path, stop, reopen = sys.argv[1], Path(sys.argv[2]), bool(int(sys.argv[3]))
index = HybridIndex.open(path, read_only=True)
seen, counts, searches, empty = [index.searcher().generation], [], 0, 0
print("ready", flush=True)
while not stop.exists():
    if reopen:
        index.close()
        index = HybridIndex.open(path, read_only=True)
    empty += not index.search("lasting", 5, mode="lexical")
    searches += 1
    counts.append(index.stats().chunks)
    generation = index.searcher().generation
    if generation != seen[-1]:
        seen.append(generation)
index.close()
print(json.dumps({"searches": searches, "empty": empty, "seen": seen, "rising": counts == sorted(counts)}))
"""


@pytest.fixture(params=["embedded", pytest.param("server", marks=pytest.mark.slow)])
def config(request: pytest.FixtureRequest) -> Config:
    return Config() if request.param == "embedded" else request.getfixturevalue("server_config")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "lasting.txt").write_text("This is the lasting one.")
    return folder


def add_files(folder: Path, count: int) -> None:
    for n in range(count):
        (folder / f"{n}.txt").write_text(f"Document {n}. " + f"It speaks of river {n}. " * 30)


@contextmanager
def reading(path: Path, stop: Path, *, processes: int, reopen: bool) -> Iterator[list[dict[str, object]]]:
    """Processes that search all the while, and in the end what each has seen."""
    told: list[dict[str, object]] = []
    command = [sys.executable, "-W", "ignore", "-c", READER, str(path), str(stop), str(int(reopen))]
    with ExitStack() as stack:
        readers = []
        for _ in range(processes):
            reader = subprocess.Popen(command, cwd=REPOSITORY, text=True, stdout=subprocess.PIPE)
            stack.callback(stop.touch)
            readers.append(stack.enter_context(reader))
        for reader in readers:
            assert reader.stdout is not None
            assert reader.stdout.readline() == "ready\n"
        yield told
        stop.touch()
        told += [json.loads(reader.communicate(timeout=60)[0]) for reader in readers]


def search_until(stop: Path, index: HybridIndex, trouble: list[str]) -> None:
    try:
        while not stop.exists():
            if not index.search("lasting", 5):
                trouble.append("nothing was found")
    except Exception as error:  # whatever it is, the test is to tell of it
        trouble.append(repr(error))


def check_reading_while_syncing(
    open_index: Open, docs: Path, tmp_path: Path, config: Config, *, files: int, readers: int, reopen: bool
) -> None:
    with open_index(config=config) as index:
        sync(docs, index)
    add_files(docs, files)
    path, stop, trouble = tmp_path / "index", tmp_path / "stop", []
    with reading(path, stop, processes=readers, reopen=reopen) as told, open_index(read_only=True) as reader:
        threads = [threading.Thread(target=search_until, args=(stop, reader, trouble)) for _ in range(readers)]
        for thread in threads:
            thread.start()
        try:
            with open_index() as index:
                assert sync(docs, index).added == files
        finally:
            stop.touch()
            for thread in threads:
                thread.join()
    assert trouble == []
    for each in told:
        assert each["searches"] > 0
        assert (each["empty"], each["rising"]) == (0, True)
        assert is_without_repeats(each["seen"])
    assert max(len(each["seen"]) for each in told) > 1, "nobody saw a new generation"
    assert examine(path) == []


def is_without_repeats(seen: Sequence[str]) -> bool:
    return len(set(seen)) == len(seen)


@pytest.mark.usefixtures("committing_often")
def test_readers_go_on_while_a_sync_runs(open_index: Open, docs: Path, tmp_path: Path, config: Config) -> None:
    check_reading_while_syncing(open_index, docs, tmp_path, config, files=5, readers=1, reopen=False)


@pytest.mark.slow
@pytest.mark.usefixtures("committing_often")
def test_readers_that_open_it_anew_go_on_too(open_index: Open, docs: Path, tmp_path: Path, config: Config) -> None:
    check_reading_while_syncing(open_index, docs, tmp_path, config, files=150, readers=2, reopen=True)


@pytest.fixture
def committing_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.indexer._BATCH_CHUNKS", 2)
    monkeypatch.setattr("retrieval.writer.writer._FIRST_COMMIT", 1)


def test_of_two_syncs_the_second_names_the_first(open_index: Open, docs: Path, tmp_path: Path, config: Config) -> None:
    with open_index(config=config) as index, open_index(config=config) as another:
        sync(docs, index)
        add_files(docs, 1)
        with pytest.raises(IndexLockedError, match=rf"process {os.getpid()}\b"):
            sync(docs, another)
        command = [sys.executable, "-W", "ignore", "-m", "ingest.cli", "sync", str(docs), "--index", "index"]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.startswith("error: ")
        assert f"process {os.getpid()} " in done.stderr
        assert len(done.stderr.splitlines()) == 1
        index.close()
        assert sync(docs, another).added == 1
