"""A sync killed with SIGKILL, wherever it was: what was committed is there, and the next sync finishes the work."""

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from breaking_points import change_folder, make_folder, make_small
from equality import assert_same, told_by

from ingest.doctor import examine
from retrieval import HybridIndex
from tests.ingesting import sync

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

Open = Callable[..., HybridIndex]
Told = dict[str, Any]
Killed = Callable[..., tuple[Path, list[str]]]

TESTS = Path(__file__).parent
MARK = f"killed-sync-{uuid.uuid4().hex}"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    return tmp_path / "docs"


@pytest.fixture
def undisturbed(open_index: Open, docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Told, Told]:
    """What an index tells before and after its folder changed and it was synced; `template` is that of before."""
    make_small(monkeypatch.setattr, is_in_order=True)
    make_folder(docs)
    with open_index("template") as index:
        sync(docs, index)
        before = told_by(index)
    change_folder(docs)
    shutil.copytree(tmp_path / "template", tmp_path / "undisturbed")
    with open_index("undisturbed") as index:
        report = sync(docs, index)
        assert (report.added, report.updated, report.deleted, len(report.failed)) == (6, 2, 2, 2)
        after = told_by(index)
    return before, after


@pytest.fixture
def killed(docs: Path, tmp_path: Path, undisturbed: object) -> Iterator[Killed]:
    """Copies the template, has a process sync it and die as asked, and says where it lies and what was done to it."""
    process = subprocess.Popen(
        [sys.executable, str(TESTS / "killed_sync.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}", "MARK": MARK},
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def kill(**moment: object) -> tuple[Path, list[str]]:
        assert process.stdin is not None
        assert process.stdout is not None
        index = tmp_path / "killed"
        shutil.rmtree(index, ignore_errors=True)
        shutil.copytree(tmp_path / "template", index)
        process.stdin.write(json.dumps({"index": str(index), "docs": str(docs), **moment}) + "\n")
        process.stdin.flush()
        return index, json.loads(process.stdout.readline())

    with process:
        yield kill
        process.stdin.close()


def check(path: Path, docs: Path, open_index: Open, undisturbed: tuple[Told, Told]) -> None:
    before, after = undisturbed
    with open_index(path, read_only=True) as index:
        shown = told_by(index)
        hits = {hit.id: hit for hit in index.search("paragraph sides", 10_000, collapse=False)}
        assert hits.keys() == shown["chunks"].keys()
    for source in before["records"].keys() | after["records"].keys():
        ids = {id_ for id_, hit in hits.items() if hit.source == source}
        old, new = (set(ids_of(told, source)) for told in (before, after))
        assert ids in (old, new), f"{source}: neither its old version nor its new one"
        record = shown["records"].get(source)
        assert ids == set(record.chunk_ids if record else ()), f"{source}: not what the ledger says"
    with open_index(path) as index:
        sync(docs, index)
        assert_same(told_by(index), after)
    assert examine(path) == []


def ids_of(told: Told, source: str) -> tuple[str, ...]:
    record = told["records"].get(source)
    return record.chunk_ids if record else ()


def test_killed_at_any_step(
    open_index: Open,
    docs: Path,
    killed: Killed,
    undisturbed: tuple[Told, Told],
) -> None:
    _, steps = killed()
    assert len(steps) >= 40
    assert steps.count("before write") == 4, "what words find, a part before the end, the rest at it, merges after it"
    merges = [at for at, step in enumerate(steps) if step == "before merge_segments"]
    assert len(merges) == 3
    assert merges[0] < len(steps) - 1 - steps[::-1].index("before put_chunks"), "none began while others were written"
    for event, step in enumerate(steps):
        path, done = killed(event=event)
        assert done == steps[:event]
        try:
            check(path, docs, open_index, undisturbed)
        except AssertionError as error:
            raise AssertionError(f"killed {step} (event {event}): {error}") from error
    wait_for_orphans_to_end()


def test_killed_at_any_time(
    open_index: Open,
    docs: Path,
    killed: Killed,
    undisturbed: tuple[Told, Told],
) -> None:
    for seconds in (0.05, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.7, 2.0):
        path, _ = killed(seconds=seconds)
        check(path, docs, open_index, undisturbed)
    wait_for_orphans_to_end()


def wait_for_orphans_to_end() -> None:
    """A parser whose sync has died hears nothing more, and ends."""
    for _ in range(100):
        if not orphans():
            return
        time.sleep(0.1)
    pytest.fail(f"these processes outlive the sync that started them: {orphans()}")


def orphans() -> list[str]:
    """Those that come from a killed sync, but for the process that forks them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if f"MARK={MARK}".encode() in (process / "environ").read_bytes() and "killed_sync.py" not in command:
                found.append(f"{process.name}: {command[:80]}")
        except OSError:  # it has just ended
            continue
    return found
