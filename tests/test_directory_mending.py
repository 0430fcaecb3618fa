"""What may lie in an index directory in the place of what should: named in a line, and mended without a loss."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest import add
from retrieval import Document, HybridIndex
from retrieval.directory.index_directory import IndexDirectory
from retrieval.directory.mending import mend, problems
from retrieval.errors import ConfigError, IndexDamagedError
from tests.ingesting import sync

Open = Callable[..., HybridIndex]

RAIN = Document("rain", "Rain falls from clouds.")
GENERATION = f"{0:032x}"


@pytest.fixture
def path(open_index: Open, tmp_path: Path) -> Path:
    with open_index() as index:
        add([RAIN], index)
    return tmp_path / "index"


def assert_whole(open_index: Open) -> None:
    with open_index() as index:
        assert add([RAIN], index).unchanged == 1
        assert index.search("rain", mode="lexical")[0].source == "rain"


def test_a_whole_directory_has_no_problems(path: Path) -> None:
    assert problems(IndexDirectory(path)) == []
    assert mend(IndexDirectory(path)) == []


@pytest.mark.parametrize("name", ["writer.lock", "writer.json"])
def test_a_directory_in_the_place_of_the_lock(open_index: Open, path: Path, name: str) -> None:
    (path / name).unlink()
    (path / name).mkdir()
    directory = IndexDirectory(path)
    with pytest.raises(IndexDamagedError, match=rf"{name} is a directory; `ingest doctor --repair` removes it"):
        directory.lock()
    assert [problem.path.name for problem in problems(directory)] == [name]
    assert [problem.path.name for problem in mend(directory)] == [name]
    assert problems(directory) == []
    assert_whole(open_index)


def test_what_somebody_keeps_in_the_place_of_the_lock_is_left(path: Path) -> None:
    (path / "writer.lock").unlink()
    (path / "writer.lock").mkdir()
    (path / "writer.lock" / "mine.txt").write_text("Mine.")
    with pytest.raises(IndexDamagedError, match=r"writer.lock is a directory .* move it away"):
        mend(IndexDirectory(path))
    assert (path / "writer.lock" / "mine.txt").exists()


def test_a_directory_in_the_place_of_the_pointer(path: Path) -> None:
    (path / "retrieval-index.json").unlink()
    (path / "retrieval-index.json").mkdir()
    directory = IndexDirectory(path)
    with pytest.raises(IndexDamagedError, match=r"retrieval-index.json is a directory; `ingest doctor --repair`"):
        directory.read_pointer()
    mend(directory)
    with pytest.raises(IndexDamagedError, match=r"retrieval-index.json is gone; `ingest doctor --repair` writes it"):
        directory.read_pointer()


@pytest.mark.parametrize("left", ["chroma", "generations", "snapshots"])
def test_an_index_without_pointer_and_lock_is_known_by_what_is_left(path: Path, left: str) -> None:
    (path / "snapshots" / GENERATION).mkdir(parents=True)  # of an earlier version
    for file in path.iterdir():
        if file.name != left:
            shutil.rmtree(file) if file.is_dir() else file.unlink()
    directory = IndexDirectory(path)
    with pytest.raises(IndexDamagedError, match="is gone; `ingest doctor --repair` writes it again"):
        directory.read_pointer()
    with directory.locked():
        pass


def test_a_folder_called_chroma_makes_no_index(tmp_path: Path) -> None:
    (tmp_path / "chroma").mkdir()
    (tmp_path / "chroma" / "chroma.sqlite3").write_bytes(b"whatever")
    directory = IndexDirectory(tmp_path)
    assert directory.read_pointer() is None
    with pytest.raises(ConfigError, match=r"is no index and holds other things \(chroma\)"):
        directory.lock()


def test_what_processes_that_died_have_left_is_removed(open_index: Open, path: Path) -> None:
    left = ["restore-01234567", "rebuild-01234567", "chroma-01234567", "retrieval-index.tmp", "segments/1.tmp"]
    for name in left:
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text("{") if name.endswith("tmp") else (path / name).mkdir()
    directory = IndexDirectory(path)
    assert {str(problem.path.relative_to(path)) for problem in problems(directory)} == set(left)
    mend(directory)
    assert problems(directory) == []
    assert not [name for name in left if (path / name).exists()]
    assert (path / "chroma").is_dir()
    assert_whole(open_index)


def test_snapshots_go_once_a_generation_has_taken_their_place(path: Path) -> None:
    directory = IndexDirectory(path)
    pointer = directory.read_pointer()
    assert pointer is not None
    directory.snapshots.mkdir()
    generation = directory.generations / f"{pointer.generation}.json"
    generation.rename(generation.with_suffix(".elsewhere"))
    assert mend(directory) == []
    generation.with_suffix(".elsewhere").rename(generation)
    mend(directory)
    assert not directory.snapshots.exists()


def test_where_the_pointer_is_lost_no_chroma_is_removed(path: Path) -> None:
    (path / "chroma-01234567").mkdir()
    (path / "retrieval-index.json").write_text("{")
    assert mend(IndexDirectory(path)) == []
    assert (path / "chroma-01234567").is_dir()


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("no_umask")
def test_an_index_is_for_its_owner_alone(open_index: Open, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "rain.txt").write_text("Rain falls from clouds.")
    with open_index("new/index") as index:
        sync(tmp_path / "docs", index)
    path = tmp_path / "new" / "index"
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    own = [path / "retrieval-index.json", path / "writer.lock", path / "writer.json", path / "chroma"]
    own += (path / "chroma").rglob("*")
    assert not [file for file in own if file.stat().st_mode & 0o077]


FORKED = """
import os, sys
from ingest import add
from retrieval import Document, HybridIndex
from retrieval.directory.index_directory import IndexDirectory
from retrieval.errors import IndexLockedError, IndexUnusableError

index = HybridIndex.open(sys.argv[1])
add([Document("rain", "Rain falls from clouds.")], index)
child = os.fork()
if child == 0:
    assert index.search("rain", mode="lexical")[0].source == "rain"
    for _ in range(2):
        try:
            add([Document("child", "From the child.")], index)
        except IndexLockedError:
            continue
        os._exit(1)  # it wrote beside its parent
    index.close()
    os._exit(0)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert status == 0, status
try:
    IndexDirectory(sys.argv[1]).lock()
    sys.exit("the child has released its parent's lock")
except IndexLockedError:
    pass
add([Document("snow", "Snow falls too.")], index)
index.close()
child = os.fork()
if child == 0:
    try:
        index.delete(["snow"])
    except IndexUnusableError as error:
        os._exit(0 if "a new process" in str(error) else 1)
    os._exit(1)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert status == 0, status
index.delete(["snow"])
print(sorted(record.source for record in index.documents()))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_does_not_hold_its_parents_lock(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FORKED, str(tmp_path / "index")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "['rain']"
