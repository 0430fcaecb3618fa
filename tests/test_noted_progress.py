"""While one process writes an index, another learns how far it is."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.cli import app
from ingest.noted_progress import noting_progress
from ingest.report import Progress
from retrieval import HybridIndex, console
from retrieval.directory.index_directory import IndexDirectory
from retrieval.directory.writer_progress import writer_progress
from tests.ingesting import sync


def test_a_status_during_the_first_sync_says_how_far_it_is(
    tmp_path: Path, share_model: object, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs").mkdir()
    for number in range(3):
        (tmp_path / "docs" / f"{number}.txt").write_text(f"Rain {number}.")
    told: list[str] = []

    def ask(progress: Progress) -> None:
        for options in ((), ("--json",)) if not told else ():
            with pytest.raises(SystemExit) as leaving:
                console.run(app, ["ingest", "status", "--index", str(tmp_path / "index"), *options])
            assert leaving.value.code == 0
            told.append(capsys.readouterr().out)

    with HybridIndex.open(tmp_path / "index") as index:
        # the status is asked by this very process, which may have the lock; a reader of its own finds nothing committed
        sync(tmp_path / "docs", index, on_progress=ask)
    assert f"being written by process {os.getpid()}" in told[0] and "docs: " in told[0]
    assert json.loads(told[1])["writing"]["folder"] == "docs"
    assert writer_progress(IndexDirectory(tmp_path / "index").writer_lock.holder) is None


def test_progress_is_noted_once_a_second_and_taken_back(open_index: Callable[..., HybridIndex]) -> None:
    index, now = open_index(), [0.0]
    holder = IndexDirectory(index.path).writer_lock.holder
    with index.writing(), noting_progress(index.path, "docs", None, clock=lambda: now[0]) as on_progress:
        assert writer_progress(holder) is not None
        for now[0], documents, noted in ((0.5, 1, 0), (1.2, 2, 2), (1.9, 3, 2), (2.5, 4, 4)):
            on_progress(Progress(documents, 9, 0, 0, 10 * documents, 0))
            found = writer_progress(holder)
            assert found is not None and found["documents"] == noted
    assert writer_progress(holder) is None


def test_a_writer_that_was_killed_is_not_at_work(tmp_path: Path) -> None:
    holder = tmp_path / "writer.json"
    noted = {"pid": 2**22 + 5, "host": socket.gethostname(), "command": "ingest", "progress": {"documents": 4}}
    holder.write_text(json.dumps(noted))
    assert writer_progress(holder) is None
    holder.write_text(json.dumps({**noted, "host": "elsewhere"}))
    assert writer_progress(holder) == {"pid": 2**22 + 5, "host": "elsewhere", "command": "ingest", "documents": 4}
    for broken in ("", "[]", "{}", json.dumps({**noted, "progress": 3})):
        holder.write_text(broken)
        assert writer_progress(holder) is None
