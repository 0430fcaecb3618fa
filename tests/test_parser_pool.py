"""Worker processes: whatever a file does to its parser costs that file alone."""

import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.chunking import ChunkSettings
from ingest.parser_pool import ParserPool
from ingest.parser_worker import ParserSettings
from ingest.parsing import Parsed, Unparsed
from ingest.scan import ScannedFile
from retrieval.config import AUTO, Config
from retrieval.encoders import Embedder
from retrieval.errors import ConfigError
from tests.loaders_samples import pdf
from tests.serving import wait_for


@pytest.fixture(scope="module")
def settings() -> ParserSettings:
    chunks = ChunkSettings(Embedder.load(Config()).tokenizer.to_str(), 256, "passage: ", overlap=0, context_header=True)
    return ParserSettings(chunks, language=AUTO, max_bytes=10**8, seconds=60, memory_bytes=10**9, ocr_command=None)


def scanned(path: Path) -> ScannedFile:
    return ScannedFile(f"docs/{path.name}", str(path), 0, 0)


def written(path: Path, content: bytes) -> ScannedFile:
    path.write_bytes(content)
    return scanned(path)


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


@pytest.fixture
def waiting(settings: ParserSettings, fifo: Path) -> ParserSettings:
    """With these, a PDF that `scan` is waits for the FIFO: the program that recognises its text reads that."""
    return settings._replace(ocr_command=f"cat {fifo}")


@pytest.fixture
def scan(tmp_path: Path) -> ScannedFile:
    return written(tmp_path / "scan.pdf", pdf([[]]))


@pytest.fixture
def small(tmp_path: Path) -> list[ScannedFile]:
    return [written(tmp_path / f"{n}.md", f"# Title {n}\n\nText of number {n}.".encode()) for n in range(12)]


def reasons(pool: ParserPool, settings: ParserSettings, files: list[ScannedFile]) -> dict[str, str]:
    with pool.parse(files, settings) as outcomes:
        return {file.source: outcome.reason for file, outcome in outcomes if isinstance(outcome, Unparsed)}


def parsed(pool: ParserPool, settings: ParserSettings, files: list[ScannedFile]) -> list[ScannedFile]:
    with pool.parse(files, settings) as outcomes:
        return [file for file, _ in outcomes]


def test_files_come_back_in_order_with_their_chunks(settings: ParserSettings, small: list[ScannedFile]) -> None:
    with ParserPool(workers=2) as pool:
        with pool.parse(small[::-1], settings, keeps_content=True) as outcomes:
            _, first = next(outcomes)
            assert isinstance(first, Parsed) and first.content
        with pool.parse(small, settings) as outcomes:
            found = list(outcomes)
    assert [file for file, _ in found] == small
    for n, (file, outcome) in enumerate(found):
        assert isinstance(outcome, Parsed)
        assert outcome.title == f"Title {n}"
        (chunk,) = outcome.chunks
        assert (chunk.source, chunk.text) == (file.source, f"# Title {n}\n\nText of number {n}.")


def test_a_large_file_has_more_time_in_proportion(settings: ParserSettings) -> None:
    assert settings.seconds_for(0) == settings.seconds_for(10**7) == settings.seconds
    assert settings.seconds_for(3 * 10**7) == 3 * settings.seconds


def test_without_files_no_process_is_started(settings: ParserSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.parser_pool._Worker", lambda settings: pytest.fail("a process was started"))
    with ParserPool(workers=2) as pool:
        assert parsed(pool, settings, []) == []
    with pytest.raises(RuntimeError, match="closed"):
        parsed(pool, settings, [])


@pytest.mark.slow
def test_another_process_starts_only_where_files_are_waited_for(
    waiting: ParserSettings, scan: ScannedFile, fifo: Path, small: list[ScannedFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.parser_pool._PATIENCE", math.inf)
    with ParserPool(workers=3) as pool:
        parsed(pool, waiting, small)
        assert len(pool._workers) == 1
        monkeypatch.setattr("ingest.parser_pool._PATIENCE", 0)
        writer = threading.Thread(target=_write_once_there_are, args=(fifo, pool, 2))
        writer.start()
        assert len(parsed(pool, waiting, [scan, *small])) == len(small) + 1
        writer.join()


def _write_once_there_are(fifo: Path, pool: ParserPool, workers: int) -> None:
    with fifo.open("wb") as file:  # blocks until it is read
        while len(pool._workers) < workers:
            time.sleep(0.05)
        file.write(pdf([["Some text."]]))


@pytest.mark.slow
def test_a_file_that_takes_too_long_costs_itself_alone(
    settings: ParserSettings, small: list[ScannedFile], tmp_path: Path
) -> None:
    long = written(tmp_path / "long.txt", b"one line without an end " * 10**6)
    with ParserPool(workers=1) as pool:
        assert reasons(pool, settings._replace(seconds=1.5), [small[0], long, *small[1:3]]) == {
            "docs/long.txt": "parsing it took more than 1.5 s: raise parse_seconds, or split it"
        }


@pytest.mark.slow
def test_a_file_that_never_answers_costs_itself_alone(
    waiting: ParserSettings, scan: ScannedFile, small: list[ScannedFile]
) -> None:
    with ParserPool(workers=1) as pool:
        assert "1.5 s" in reasons(pool, waiting._replace(seconds=1.5), [scan, *small[:2]])["docs/scan.pdf"]


@pytest.mark.slow
def test_a_file_that_needs_too_much_memory_costs_itself_alone(
    settings: ParserSettings, small: list[ScannedFile], tmp_path: Path
) -> None:
    large = written(tmp_path / "large.csv", b"a,b,c\n" * 15_000_000)
    with ParserPool(workers=1) as pool:
        found = reasons(pool, settings._replace(memory_bytes=256 * 10**6), [small[0], large, *small[1:3]])
    assert found == {
        "docs/large.csv": "parsing it needs more than 256 MB of memory: raise parse_memory_mb, or split it"
    }


@pytest.mark.slow
def test_a_parser_that_crashes_costs_its_file_alone(
    waiting: ParserSettings, scan: ScannedFile, fifo: Path, small: list[ScannedFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parser waits for a FIFO, and so is there to be killed as a fault in native code would."""
    with ParserPool(workers=1) as pool:
        parsed(pool, waiting, small[:1])
        (worker,) = pool._workers
        crash = threading.Thread(target=_crash_when_it_reads, args=(fifo, worker._process.pid))
        crash.start()
        found = reasons(pool, waiting, [scan, *small[1:3]])
        crash.join()
        assert worker not in pool._workers
        (idle,) = pool._workers
        idle.kill()
        idle._process.wait()
        assert reasons(pool, waiting, small) == {}, "between two syncs, it costs no file"
    monkeypatch.setattr("os.killpg", lambda pid, signal: pytest.fail("its id may be another process's by now"))
    worker.kill()
    assert found == {
        "docs/scan.pdf": "its parser died of signal SIGSEGV; convert the file, or ignore it in .retrievalignore"
    }


def test_a_process_that_cannot_serve_does_not_stay(
    settings: ParserSettings, small: list[ScannedFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Seen(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            started.append(self)

    monkeypatch.setattr("subprocess.Popen", Seen)
    no_room = settings._replace(chunks=settings.chunks._replace(max_tokens=3))
    with ParserPool(workers=1) as pool, pytest.raises(ConfigError):
        parsed(pool, no_room, small)
    assert started
    assert all(process.returncode is not None for process in started)


@pytest.mark.slow
def test_a_pool_parses_with_the_settings_of_each_index_and_holds_no_idle_process_for_long(
    settings: ParserSettings, small: list[ScannedFile]
) -> None:
    with ParserPool(workers=1, idle_seconds=2) as pool:
        assert reasons(pool, settings, small) == {}
        (worker,) = pool._workers
        with pool.parse(small, settings._replace(language="german")) as outcomes:
            assert all(isinstance(outcome, Parsed) and outcome.language == "german" for _, outcome in outcomes)
        assert worker not in pool._workers
        assert worker._process.returncode is not None
        wait_for(lambda: not pool._workers)
        assert reasons(pool, settings, small) == {}


def _crash_when_it_reads(fifo: Path, pid: int) -> None:
    with fifo.open("wb"):  # blocks until the other end is opened
        os.kill(pid, signal.SIGSEGV)


@pytest.mark.slow
def test_what_cannot_be_opened_says_so(settings: ParserSettings, tmp_path: Path) -> None:
    (tmp_path / "folder.pdf").mkdir()
    with ParserPool(workers=1) as pool:
        found = reasons(pool, settings, [scanned(tmp_path / "gone.txt"), scanned(tmp_path / "folder.pdf")])
    assert found["docs/gone.txt"] == "it cannot be read: No such file or directory"
    assert found["docs/folder.pdf"] == "it is a folder, not a file; remove it, or ignore it in .retrievalignore"


@pytest.mark.slow
def test_leaving_ends_the_processes_whatever_they_do(
    waiting: ParserSettings, scan: ScannedFile, small: list[ScannedFile]
) -> None:
    with ParserPool(workers=2) as pool, pool.parse([small[0], scan, *small[1:]], waiting) as outcomes:
        next(outcomes)
        workers = list(pool._workers)
    assert workers
    assert all(worker._process.returncode is not None for worker in workers)


def test_a_process_that_is_starting_is_not_waited_for(settings: ParserSettings, small: list[ScannedFile]) -> None:
    with ParserPool(workers=1) as pool, pool.parse(small, settings):
        while not pool._workers:
            time.sleep(0.001)
    assert [worker._process.returncode for worker in pool._workers] == [-signal.SIGKILL]


@pytest.mark.slow
def test_no_more_files_are_taken_than_are_wanted_soon(settings: ParserSettings, small: list[ScannedFile]) -> None:
    taken: list[ScannedFile] = []

    def files() -> Iterator[ScannedFile]:
        for file in small:
            taken.append(file)
            yield file

    with ParserPool(workers=1) as pool, pool.parse(files(), settings) as outcomes:
        assert taken, "parsing begins before anyone waits for it"
        next(outcomes)
        assert 1 < len(taken) < len(small)


@pytest.mark.slow
def test_many_cores_are_not_taken_for_a_files_memory(
    settings: ParserSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAYON_NUM_THREADS", "32")
    monkeypatch.setenv("MALLOC_ARENA_MAX", "256")
    files = [written(tmp_path / f"{n}.txt", b"A sentence of some words. \n" * 20_000) for n in range(3)]
    limited = settings._replace(memory_bytes=512 * 10**6)
    with ParserPool(workers=1) as pool:
        assert reasons(pool, limited, files[:1]) == {}
        at_first = list(pool._workers)
        assert reasons(pool, limited, files[1:]) == {}
        assert pool._workers == at_first, "a file of half a megabyte wore its worker out"


@pytest.mark.slow
def test_what_recognises_text_ends_with_its_file(settings: ParserSettings, tmp_path: Path) -> None:
    script = tmp_path / "ocr.py"
    script.write_text(f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    scan = written(tmp_path / "scan.pdf", pdf([[]]))
    command = f"{sys.executable} {script}"
    with ParserPool(workers=1) as pool:
        assert "2 s" in reasons(pool, settings._replace(seconds=2, ocr_command=command), [scan])["docs/scan.pdf"]
    assert _ends(int((tmp_path / "pid").read_text()))


@pytest.mark.slow
def test_a_converter_that_is_ended_leaves_no_file(
    settings: ParserSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    script = tmp_path / "convert.py"
    script.write_text("import shutil, sys, time; shutil.copy(sys.argv[1], sys.argv[2]); time.sleep(600)")
    old = written(tmp_path / "a.doc", b"words")
    command = f"{sys.executable} {script} {{input}} {tmp_path / 'seen'}"
    with ParserPool(workers=1) as pool:
        limited = settings._replace(seconds=2, converters=((".doc", command),))
        assert "2 s" in reasons(pool, limited, [old])["docs/a.doc"]
    assert (tmp_path / "seen").read_bytes() == b"words"
    assert list((tmp_path / "scratch").iterdir()) == []


def _ends(pid: int) -> bool:
    """Within seconds: a signal that was sent has not always arrived."""
    for _ in range(200):
        try:
            if "State:\tZ" in Path(f"/proc/{pid}/status").read_text():
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.slow
def test_stopping_does_not_wait_for_a_slow_file(
    waiting: ParserSettings, scan: ScannedFile, small: list[ScannedFile]
) -> None:
    stop = threading.Event()
    with ParserPool(workers=2) as pool, pool.parse([small[0], scan, *small[1:]], waiting, stop=stop) as outcomes:
        next(outcomes)
        stop.set()
        assert list(outcomes) == []


@pytest.mark.slow
def test_ctrl_c_at_a_terminal_is_not_for_the_workers(settings: ParserSettings, small: list[ScannedFile]) -> None:
    with ParserPool(workers=1) as pool:
        parsed(pool, settings, small[:1])
        assert os.getpgid(pool._workers[0]._process.pid) != os.getpgid(0)
