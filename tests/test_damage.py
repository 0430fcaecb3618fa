"""Any one file of an index may be damaged: nobody dies of it, the doctor tells, and its repair loses nothing."""

import json
import pickle
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from equality import assert_same

from ingest import add
from retrieval import Document, HybridIndex
from tests.ingesting import sync

Open = Callable[..., HybridIndex]
Damage = Callable[[Path], None]

MEMOS = 1_100
"""More than Chroma keeps in its log: it has written its graph to disk."""


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    for at in random.Random(len(data)).sample(range(len(data)), k=min(5, len(data))):
        data[at] ^= 0x55
    file.write_bytes(data)


def zero_the_middle(file: Path) -> None:
    data = bytearray(file.read_bytes())
    third = len(data) // 3
    data[third : 2 * third] = bytes(third)
    file.write_bytes(data)


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def delete(file: Path) -> None:
    file.unlink()


def put_a_directory_there(file: Path) -> None:
    file.unlink()
    file.mkdir()


ALL: tuple[Damage, ...] = (flip, zero_the_middle, truncate, empty, delete, put_a_directory_there)
BY_FILE: dict[str, tuple[Damage, ...]] = {
    "retrieval-index.json": ALL,
    "generations/*.json": ALL,
    "segments/*.segment": ALL,
    "segments/*.deletions": ALL,
    "writer.lock": (flip, delete),
    "writer.json": (flip, delete),
    "chroma/chroma.sqlite3": ALL,
    "chroma/*/data_level0.bin": ALL,
    "chroma/*/header.bin": ALL,
    "chroma/*/link_lists.bin": ALL,
    "chroma/*/length.bin": (flip, truncate, delete),
    "chroma/*/index_metadata.pickle": ALL,
    "chroma/*.json": (flip, delete),
}


class Home:
    """An index of a folder and of many documents from memory, healthy copies of which are made to be damaged."""

    def __init__(self, directory: Path, workers: "subprocess.Popen[str]") -> None:
        self.directory = directory
        self.index = directory / "index"
        self._template = directory / "template"
        self._workers = workers
        self.healthy: dict[str, Any] = {}
        self.hits: list[Any] = []

    def keep(self) -> None:
        """Take the index as it is for the healthy one."""
        self.healthy, self.hits = self.told(), self.job("search")
        shutil.copytree(self.index, self._template)

    def reset(self) -> None:
        shutil.rmtree(self.index)
        shutil.copytree(self._template, self.index)  # with the times that the files had

    def job(self, name: str) -> Any:
        """What a process of its own says; it must not have died."""
        given = {"index": self.index, "docs": self.directory / "docs", "output": self.directory / "told.pickle"}
        assert self._workers.stdin is not None and self._workers.stdout is not None
        self._workers.stdin.write(json.dumps({"job": name, **{key: str(path) for key, path in given.items()}}) + "\n")
        self._workers.stdin.flush()
        answer = json.loads(self._workers.stdout.readline())
        assert answer["status"] == 0, f"{name} ended with {answer['status']}"
        return answer["result"]

    def told(self) -> dict[str, Any]:
        assert self.job("tell") is None
        found: dict[str, Any] = pickle.loads((self.directory / "told.pickle").read_bytes())
        return found


@pytest.fixture(scope="module")
def workers() -> Iterator["subprocess.Popen[str]"]:
    script = Path(__file__).with_name("forked_jobs.py")
    with subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=script.parent
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="module")
def homes() -> dict[str, Home]:
    return {}


@pytest.fixture
def home(
    homes: dict[str, Home], tmp_path_factory: pytest.TempPathFactory, open_index: Open, workers: "subprocess.Popen[str]"
) -> Home:
    if "home" not in homes:
        home = homes["home"] = Home(tmp_path_factory.mktemp("home"), workers)
        docs = home.directory / "docs"
        docs.mkdir()
        for topic in ("rain", "bread", "river"):
            (docs / f"{topic}.txt").write_text(f"What is known of {topic}. " * 5)
        with open_index(home.index) as index:
            sync(docs, index)
            add([Document(f"memo-{n}", f"Boiler {n} was serviced.", metadata={"n": n}) for n in range(MEMOS)], index)
            add([Document("memo-7", "Boiler 7 was replaced.", metadata={"n": 7})], index)
            index.delete(["memo-9"])
        home.keep()
    homes["home"].reset()
    return homes["home"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        pytest.param(pattern, damage, id=f"{pattern}-{damage.__name__}")
        for pattern, damages in BY_FILE.items()
        for damage in damages
    ],
)
def test_damage_to_any_file_is_survived(home: Home, pattern: str, damage: Damage) -> None:
    files = sorted(home.index.glob(pattern), key=lambda file: file.stat().st_size)
    assert files, f"there is no {pattern}"
    damage(files[-1])

    found = home.job("search")
    assert found == home.hits or found["error"], "a search answers as before, or says why it does not"
    findings = home.job("doctor")
    if findings == []:
        assert_same(home.told(), home.healthy)
    home.job("sync_folder")  # may refuse, and must not die
    repaired = home.job("repair")
    assert "error" not in repaired, repaired
    assert [finding for finding in repaired if not finding[1]] == []
    assert home.job("doctor") == []
    assert home.job("search") == home.hits
    assert_same(home.told(), home.healthy)
