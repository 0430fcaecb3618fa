"""Progress and Ctrl-C, as a person at a terminal and a log file see them."""

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.interrupts import stop_on_interrupt
from ingest.progress import lines
from ingest.report import Progress
from retrieval.index import HybridIndex
from tests.ingesting import sync

INGEST = Path(sys.executable).with_name("ingest")


def test_a_line_every_ten_seconds_tells_what_is_done_and_left() -> None:
    clock = iter([0.0, 2.0, 5.0, 10.0])
    printed: list[str] = []
    show = lines(printed.append, clock=lambda: next(clock))
    for _ in range(3):
        show(Progress(documents=10, total_documents=1200, bytes=1000, total_bytes=61_000, chunks=40, tokens=8000))
    assert printed == ["10 of 1,200 documents, 40 chunks, 800 tokens/s, about 10 min left"]


def test_what_has_hardly_begun_does_not_tell_when_it_ends() -> None:
    clock = iter([0.0, 10.0])
    printed: list[str] = []
    show = lines(printed.append, clock=lambda: next(clock))
    show(Progress(documents=0, total_documents=1200, bytes=1000, total_bytes=200_000, chunks=40, tokens=8000))
    assert printed == ["0 of 1,200 documents, 40 chunks, 800 tokens/s, time left unknown"]


@pytest.mark.parametrize(
    ("done", "chunks", "tokens", "in_hand", "says"),
    [
        (0, 0, 0, 32, "0 of 2 documents, 0 chunks, loading the model"),
        (0, 0, 0, 0, "0 of 2 documents, 0 chunks, time left unknown"),
        (1, 0, 0, 0, "1 of 2 documents, 0 chunks, about 10 s left"),
        (1, 1, 100, 0, "1 of 2 documents, 1 chunk, 10 tokens/s, about 10 s left"),
        (2, 3, 100, 0, "2 of 2 documents, 3 chunks, 10 tokens/s, almost done"),
    ],
)
def test_a_line_tells_what_is_known(done: int, chunks: int, tokens: int, in_hand: int, says: str) -> None:
    times = [0.0]
    printed: list[str] = []
    show = lines(printed.append, clock=lambda: times.pop(0) if times else 10.0)
    show(Progress(done, 2, done * 1000, 2000, chunks, tokens, in_hand))
    assert printed == ([says] if done or in_hand else [])


def test_progress_moves_within_a_batch_and_never_back(open_index: Callable[..., HybridIndex], tmp_path: Path) -> None:
    (tmp_path / "few").mkdir()
    for n in range(200):
        (tmp_path / "few" / f"{n:03}.txt").write_text(f"Mountain {n} is {n} metres high.")
    heard: list[Progress] = []
    with open_index() as index:
        sync(tmp_path / "few", index, on_progress=heard.append)
    documents = [progress.documents for progress in heard]
    assert documents == sorted(documents)
    assert {0, 64, 128, 192, 200} <= set(documents), "64 of a batch are embedded at once"
    assert [progress.bytes for progress in heard] == sorted(progress.bytes for progress in heard)
    assert heard[-1][:4] == (200, 200, heard[-1].total_bytes, heard[-1].total_bytes)
    assert [heard[0].in_hand, heard[-1].in_hand] == [200, 0]


@pytest.mark.parametrize(("in_hand", "says"), [(256, "Finishing 256 chunks, then stopping"), (0, "Stopping")])
def test_the_first_ctrl_c_says_at_once_what_it_finishes(
    in_hand: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with stop_on_interrupt() as stop:
        stop.hearing(lambda _: None)(Progress(0, 10, 0, 10, 0, 0, in_hand))
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
        assert capsys.readouterr().err == f"{says}; Ctrl-C again stops at once.\n"


def test_a_stop_counts_down_what_it_finishes() -> None:
    now = [0.0]
    printed: list[str] = []
    with stop_on_interrupt() as stop:
        on_progress = stop.hearing(lines(printed.append, clock=lambda: now[0], is_stopping=stop.is_set))
        on_progress(Progress(1, 10, 1, 10, 3, 50, 256))
        stop.set()
        for now[0], in_hand in ((2.0, 200), (3.0, 120), (4.0, 40)):
            on_progress(Progress(1, 10, 2, 10, 4, 60, in_hand))
    assert [line.partition(", stopping, ")[2] for line in printed] == ["200 chunks to finish", "40 chunks to finish"]


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for n in range(400):
        (folder / f"{n:03}.txt").write_text(f"Document {n} tells of mountain {n}. " * 30)
    return folder


@pytest.fixture
def at_terminal(docs: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`ingest sync` on a terminal, interrupted once it has begun to embed."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "RETRIEVAL_BATCH_TOKENS": "512", "TERM": "xterm", "COLUMNS": "150"}
    process = subprocess.Popen(
        [INGEST, "sync", "docs"], cwd=docs.parent, stdout=subprocess.PIPE, stderr=theirs, env=environment
    )
    os.close(theirs)
    seen = b""
    while not re.search(rb"of 400 documents, [1-9]", seen):
        seen += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    yield process, ours
    process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()
    os.close(ours)


def rest_of(terminal: int) -> str:
    seen = b""
    try:
        while more := os.read(terminal, 4096):
            seen += more
    except OSError:  # how a terminal says that its other end is closed
        pass
    return seen.decode()


@pytest.mark.slow
def test_ctrl_c_finishes_what_is_in_hand_and_says_what_is_done(
    at_terminal: tuple[subprocess.Popen[bytes], int], docs: Path
) -> None:
    process, terminal = at_terminal
    said = rest_of(terminal)
    assert process.stdout is not None
    report = process.stdout.read().decode()
    assert process.wait(60) == 130
    assert re.search(r"Finishing \d+ chunks, then stopping; Ctrl-C again stops at once", said), said
    assert "Interrupted; what was finished is kept" in said
    assert "Documents in .retrieval: " in report
    status = subprocess.run([INGEST, "status"], cwd=docs.parent, capture_output=True, text=True, check=True).stdout
    assert re.search(r"\d+ documents of these found by words alone", status), status


@pytest.mark.slow
def test_a_second_ctrl_c_stops_at_once_and_safely(at_terminal: tuple[subprocess.Popen[bytes], int], docs: Path) -> None:
    process, terminal = at_terminal
    seen = b""
    while b"again stops at once" not in seen:
        seen += os.read(terminal, 4096)
    process.send_signal(signal.SIGINT)
    before, _, after = rest_of(terminal).partition("Stopped")
    assert re.search(r"\x1b\[2K[^\n]*$", before), "the line of the bar is erased first"
    assert "documents" not in after
    assert process.wait(60) == 130
    done = subprocess.run(
        [INGEST, "sync", "docs", "--include", "00*", "--allow-deletions"],
        cwd=docs.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    doctor = subprocess.run([INGEST, "doctor"], cwd=docs.parent, capture_output=True, text=True)
    assert doctor.stdout == "All is well.\n"
