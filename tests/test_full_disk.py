"""A disk that is full or fails: the index stays as it was, the error says what to do, and the next sync finishes."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from breaking_points import break_into, change_folder, make_folder, make_small, text_of
from equality import assert_same, told_by

from ingest.doctor import examine
from retrieval import HybridIndex
from retrieval.errors import IndexUnusableError
from retrieval.segments.manifest import Manifest
from retrieval.segments.pack import Pack
from retrieval.segments.reader import IndexReader
from tests.ingesting import sync

Open = Callable[..., HybridIndex]

REPOSITORY = Path(__file__).parent.parent

WORDS = {
    errno.ENOSPC: "no space left on device: free some space, then sync again",
    errno.EIO: "cannot be written: input/output error; see to the disk, then sync again",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Any]:
    """What the index tells before and after the sync, and how many steps that takes; made once."""
    return {}


@pytest.fixture
def docs(open_index: Open, home: Path, undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that has changed since `home / "index"` was synced with it."""
    make_small(monkeypatch.setattr, is_in_order=True)
    docs, index = home / "docs", home / "index"
    if not undisturbed:
        make_folder(docs)
        with open_index(index) as opened:
            sync(docs, opened)
            undisturbed["before"] = told_by(opened)
        shutil.copytree(index, home / "template")
        change_folder(docs)
        steps: list[str] = []
        with monkeypatch.context() as patch, open_index(index) as opened:
            break_into(patch.setattr, steps.append)
            sync(docs, opened)
            undisturbed["after"] = told_by(opened)
        undisturbed["steps"] = steps
    shutil.rmtree(index)
    shutil.copytree(home / "template", index)
    return docs


def fail_at(step: int, number: int, open_index: Open, home: Path, docs: Path, undisturbed: dict[str, Any]) -> None:
    """From that step on, until space is freed, nothing can be written."""
    index, steps = home / "index", 0

    def on_event(name: str) -> None:
        nonlocal steps
        if steps >= step:
            raise OSError(number, os.strerror(number))
        steps += 1

    with open_index(index) as opened:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(IndexUnusableError, match=WORDS[number]) as caught:
            break_into(patch.setattr, on_event)
            sync(docs, opened)
        assert "\n" not in str(caught.value)
        for file in (index / "segments").iterdir():
            assert Pack(file).altered() == [], "one is half-written"
        for file in (index / "generations").glob("*.json"):
            IndexReader.open(index / "segments", Manifest.read(file.parent, file.stem), opened.config)
        assert opened.search("paragraph", 100)
        with pytest.MonkeyPatch.context() as patch, open_index(index, read_only=True) as reader:
            break_into(patch.setattr, on_event)
            shown = told_by(reader)
            assert (
                shown["chunks"].keys() <= undisturbed["before"]["chunks"].keys() | undisturbed["after"]["chunks"].keys()
            )
            assert {"docs/kept.txt", "docs/broken.pdf"} <= shown["records"].keys()
            assert reader.search("old kept sides", 1)[0].source == "docs/kept.txt"
        assert len(sync(docs, opened).failed) == 2
        assert_same(told_by(opened), undisturbed["after"])


@pytest.mark.parametrize(
    ("tenth", "number"), [(1, errno.EIO), (4, errno.ENOSPC), (7, errno.EIO), (9, errno.ENOSPC)], ids=str
)
def test_writes_fail_in_the_middle(
    open_index: Open, home: Path, docs: Path, undisturbed: dict[str, Any], tenth: int, number: int
) -> None:
    fail_at(tenth * len(undisturbed["steps"]) // 10, number, open_index, home, docs, undisturbed)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_writes_fail_anywhere(open_index: Open, home: Path, docs: Path, undisturbed: dict[str, Any]) -> None:
    steps = undisturbed["steps"]
    for step in range(0, len(steps), 4):
        shutil.rmtree(home / "index")
        shutil.copytree(home / "template", home / "index")
        fail_at(step, errno.EIO if step % 2 else errno.ENOSPC, open_index, home, docs, undisturbed)
        assert examine(home / "index") == [], steps[step]


@pytest.fixture(scope="module")
def can_mount() -> None:
    tried = subprocess.run(["unshare", "-Urm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"a disk of one's own needs user namespaces: {tried.stderr.strip()}")


SCRIPT = """
run() { echo "== $1"; shift; timeout 120 "$@"; echo "exit $?"; }
mkdir disk && mount -t tmpfs -o size=50m tmpfs disk
run first $PYTHON -m ingest.cli sync docs --index disk/index
mount -o remount,size=$(( $(du -sk disk | cut -f 1) + $ROOM ))k disk
mv more/* docs
run full $PYTHON -m ingest.cli sync docs --index disk/index
run search $PYTHON -m retrieval.cli search "mills" -k 1 --mode lexical --index disk/index
run doctor $PYTHON -m ingest.cli doctor --index disk/index
run again $PYTHON -m ingest.cli sync docs --index disk/index
mount -o remount,size=100m disk
run freed $PYTHON -m ingest.cli sync docs --index disk/index
run healthy $PYTHON -m ingest.cli doctor --index disk/index
cp -r disk/index kept
"""


@pytest.mark.slow
@pytest.mark.usefixtures("can_mount")
@pytest.mark.parametrize("room", [150, 400])  # kB: it fills while Chroma writes, and with the segments
def test_a_disk_that_is_really_full(open_index: Open, tmp_path: Path, room: int) -> None:
    docs, more = tmp_path / "docs", tmp_path / "more"
    docs.mkdir()
    (docs / "first.txt").write_text("The river runs past two mills.")
    more.mkdir()
    for n in range(20):
        (more / f"{n}.txt").write_text(text_of(f"stone number {n}", 2))
    environment = {**os.environ, "ROOM": str(room), "PYTHON": sys.executable, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        ["unshare", "-Urm", "bash", "-c", SCRIPT],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
    ).stdout
    said = {part.split("\n", 1)[0]: part.split("\n", 1)[1] for part in done.split("== ")[1:]}
    codes = {name: int(words.rsplit("exit ", 1)[1]) for name, words in said.items()}
    assert codes.pop("doctor") in (1, 3), "it may get as far as to say what was interrupted"
    assert codes == {"first": 0, "full": 3, "search": 0, "again": 3, "freed": 0, "healthy": 0}, done
    for name in ("full", "again"):
        (line,) = (line for line in said[name].splitlines() if line.startswith("error: "))
        assert "no space left on device" in line
        assert line.endswith("free some space, then sync again.")
    assert "docs/first.txt" in said["search"]
    assert "All is well." in said["healthy"]
    with open_index("kept") as kept, open_index("fresh") as fresh:
        sync(docs, fresh)
        assert_same(told_by(kept), told_by(fresh))
