"""The command lines as processes: what they print where, and their exit codes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ingest import add
from ingest.cli import app as ingest_app
from retrieval import Document, HybridIndex, SearchHit, console
from retrieval.cli import app
from retrieval.directory.index_directory import IndexDirectory

Open = Callable[..., HybridIndex]
Run = Callable[..., tuple[int, str, str]]

BIN = Path(sys.executable).parent


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / command[0], *command[1:]], cwd=cwd, capture_output=True, text=True, timeout=120)


@pytest.fixture
def run_here(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run` in this process, which saves its start: the exit code, standard output and standard error."""

    def run_here(*command: str) -> tuple[int, str, str]:
        monkeypatch.chdir(folder)
        with pytest.raises(SystemExit) as leaving:
            console.run({"retrieve": app, "ingest": ingest_app}[command[0]], command)
        assert isinstance(leaving.value.code, int)
        return leaving.value.code, *capsys.readouterr()

    return run_here


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index of its documents, one of which cannot be read."""
    top = tmp_path_factory.mktemp("cli")
    (top / "docs").mkdir()
    (top / "docs" / "rain.md").write_text("# Rain\n\nRain falls from clouds.\n")
    (top / "docs" / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    done = run("ingest", "sync", "docs", "--json", cwd=top)
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert (report["added"], report["truncated"], report["failed"][0]["source"]) == (1, 0, "docs/broken.pdf")
    return top


def test_a_search_prints_hits_for_people_and_for_programs(folder: Path) -> None:
    people = run("retrieve", "search", "rain", "--mode", "lexical", cwd=folder)
    assert (people.returncode, people.stderr) == (0, "")
    assert "docs/rain.md:1" in people.stdout
    programs = run("retrieve", "search", "rain", "--mode", "lexical", "--json", cwd=folder)
    (hit,) = json.loads(programs.stdout)
    assert set(hit) == set(SearchHit.__dataclass_fields__)
    assert (hit["source"], hit["dense_score"], hit["page"]) == ("docs/rain.md", None, None)


def test_the_dense_side_works_in_a_process_of_its_own(folder: Path) -> None:
    done = run("retrieve", "search", "what falls from clouds?", "-k", "1", "--explain", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "relevance " in done.stdout and "dense 0." in done.stdout


@pytest.mark.slow
def test_status_says_what_failed_and_why(folder: Path) -> None:
    done = run("ingest", "status", cwd=folder)
    assert done.returncode == 0
    assert "failed: docs/broken.pdf: " in done.stdout
    assert "mean pooling, at most 256 tokens" in done.stdout
    assert json.loads(run("ingest", "status", "--json", cwd=folder).stdout)["dimension"] == 384


def test_a_folder_without_anything_to_index_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = run("ingest", "sync", "pictures", cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        [
            "There is nothing to index here; -v says why.",
            "No index was made at .retrieval: 0 unchanged, 0 failed, 1 skipped.",
        ],
    )


def test_status_counts_what_came_by_itself_whichever_the_door(open_index: Open, tmp_path: Path) -> None:
    with open_index() as index:
        add([Document("memo", "The boiler was serviced in May.")], index)
    assert "added one by one: 1 indexed\n" in run("ingest", "status", "--index", "index", cwd=tmp_path).stdout


@pytest.mark.slow
def test_a_dry_run_prints_the_plan(folder: Path) -> None:
    (folder / "docs" / "two\nlines.txt").write_text("A name on two lines.")
    (folder / "docs" / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    try:
        done = run("ingest", "sync", "docs", "--dry-run", "-v", cwd=folder)
        assert done.stdout.splitlines() == [
            "add docs/two\\nlines.txt",
            "Would do in .retrieval: 1 added, 0 updated, 0 deleted; 1 unchanged, 1 failed, 1 skipped.",
        ]
        assert "skipped: docs/photo.png: no loader reads its format (PNG image)" in done.stderr
        status = run("ingest", "status", cwd=folder).stdout
        assert f"docs: {folder}/docs: 1 indexed, 1 failed, 1 pending\n" in status
        assert "  pending: add docs/two\\nlines.txt\n" in status
        (entry,) = json.loads(run("ingest", "status", "--json", cwd=folder).stdout)["folders"]
        assert entry["pending"] == [{"action": "add", "source": "docs/two\nlines.txt"}]
    finally:
        (folder / "docs" / "two\nlines.txt").unlink()
        (folder / "docs" / "photo.png").unlink()


@pytest.mark.slow
def test_watching_follows_changes_until_it_is_interrupted(folder: Path) -> None:
    (folder / "notes").mkdir()
    (folder / "notes" / "first.txt").write_text("Snow is frozen rain.")
    command = [BIN / "ingest", "sync", "notes", "--watch", "--index", "watched"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert "1 added" in process.stdout.readline()
        process.stdout.readline()
        (folder / "notes" / "second.txt").write_text("Hail is frozen rain too.")
        assert "1 added, 0 updated, 0 deleted; 1 unchanged" in process.stdout.readline()
        process.stdout.readline()
        search = run("retrieve", "search", "hail", "--mode", "lexical", "--index", "watched", cwd=folder)
        assert "notes/second.txt" in search.stdout
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (["retrieve", "search", " "], 2, "empty"),
        (["retrieve", "search", "x", "--mode", "sparse"], 2, "hybrid, dense, lexical"),
        (["retrieve", "search", "x", "--where", "{"], 2, "--where is not JSON"),
        (["retrieve", "search", "x", "--index", "nowhere"], 2, "ingest sync FOLDER --index nowhere"),
        (["retrieve", "search", "x", "--config", "none.yaml"], 2, "none.yaml"),
        (["retrieve", "search", "-Wall gcc"], 2, "Write -- before what begins with a dash"),
        (["retrieve", "seach", "x"], 2, "No such command 'seach'. Did you mean 'search'? See --help."),
        (["retrieve", "search", "x", "--alpha", "much"], 2, "'--alpha'"),
        (["retrieve", "search", "x", "--expand", "much"], 2, 'a whole number of at least 0 or "section"'),
        (["retrieve", "search", "x", "--feedback", "much"], 2, "none, dense, lexical, both"),
        (["retrieve", "search", "x", "--document-score", "mean"], 2, "it needs --group-by-document"),
        (["ingest", "sync", "nowhere"], 2, "nowhere"),
        (["ingest", "sync", "docs", "--bogus"], 2, "--bogus"),
        (["ingest", "sync", "docs", "--dry-run", "--watch"], 2, "leave one out"),
        (["ingest", "sync", "docs", "--dry-run", "--ray", "auto"], 2, "leave one out"),
        (["ingest", "sync", "docs", "--ray", "10.0.0.7"], 2, "HOST:PORT"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line_and_a_code(run_here: Run, command: list[str], code: int, says: str) -> None:
    returned, printed, told = run_here(*command)
    assert (returned, printed) == (code, "")
    assert says in told
    assert told.count("\n") == 1
    assert "Traceback" not in told


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["retrieve", "search", "rain", "--mode", "lexical"], marks=pytest.mark.slow),
        ["retrieve", "search", "rain", "--mode", "lexical", "--json"],
        ["retrieve", "--help"],
        pytest.param(["ingest", "status"], marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_a_reader_who_has_gone_is_no_error(folder: Path, command: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [BIN / command[0], *command[1:]], cwd=folder, stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_search_takes_its_options_from_the_shell(run_here: Run) -> None:
    def search(*options: str) -> str:
        code, printed, told = run_here("retrieve", "search", '"rain falls" -snow', "--mode", "lexical", *options)
        assert (code, told) == (0, "")
        return printed

    plain = search()
    assert "docs/rain.md:1" in plain
    given = ("--operators", "--expand", "section", "--feedback", "lexical")
    assert "docs/rain.md:1" in search(*given, "--group-by-document", "--document-score", "max")
    assert "docs/rain.md:1" in search("--no-operators")


def test_a_search_says_how_the_query_was_read(open_index: Open, tmp_path: Path) -> None:
    with open_index() as index:
        texts = {
            "rain": "Rain falls from clouds.",
            "snow": "Snow falls from clouds.",
            "copy": "Rain falls  from clouds.",
        }
        add([Document(source, text) for source, text in texts.items()], index)
    given = [str(tmp_path / "index"), "--mode", "lexical"]
    done = CliRunner().invoke(app, ["search", "cluods -snow", "--operators", "--min-relevance=0", "--index", *given])
    lines = done.stdout.splitlines()
    assert lines[:2] == ['Searched for "clouds": no passage has "cluods".', 'Only passages without "snow".']
    [also] = [line.strip() for line in lines if "also in" in line]
    assert also in ("also in copy:1", "also in rain:1")
    done = CliRunner().invoke(app, ["search", "falls -snow", "--json", "--no-collapse", "--index", *given])
    assert {hit["source"] for hit in json.loads(done.stdout)} == set(texts)


def test_nothing_relevant_is_a_line_instead_of_hits(run_here: Run) -> None:
    asked = ("retrieve", "search", "who won the world cup?")
    code, printed, aside = run_here(*asked)
    assert (code, aside) == (0, "")
    assert printed.count("\n") == 1
    assert printed.startswith("Nothing relevant found. The nearest is docs/rain.md:1-3, relevance 0.")
    assert run_here(*asked, "--json") == (0, "[]\n", printed)
    code, listed, _ = run_here(*asked, "--min-relevance", "0")
    assert code == 0
    assert "Nothing relevant" not in listed and "Rain falls from clouds." in listed
    assert run_here(*asked, "--min-relevance", "0.9") == (0, "Nothing found.\n", "")


@pytest.mark.slow
def test_a_locked_index_says_who_holds_it(folder: Path) -> None:
    directory = IndexDirectory(folder / ".retrieval")
    directory.lock()
    try:
        (folder / "docs" / "new.txt").write_text("Something new.")
        done = run("ingest", "sync", "docs", cwd=folder)
        assert done.returncode == 3
        assert "is being written by process" in done.stderr
        assert run("retrieve", "search", "rain", "--mode", "lexical", cwd=folder).returncode == 0
    finally:
        directory.unlock()
        (folder / "docs" / "new.txt").unlink()


def test_an_index_of_other_settings_is_code_3(folder: Path) -> None:
    (folder / "other.yaml").write_text("chunk_size: 64\n")
    done = run("retrieve", "search", "rain", "--config", "other.yaml", cwd=folder)
    assert (done.returncode, done.stdout) == (3, "")
    assert "chunk_size='auto'" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("program", "typed", "offered"), [("retrieve", "sea", "search"), ("ingest", "sy", "sync")])
def test_a_shell_completes_commands(program: str, typed: str, offered: str) -> None:
    asked = {f"_{program.upper()}_COMPLETE": "complete_bash", "COMP_WORDS": f"{program} {typed}", "COMP_CWORD": "1"}
    done = subprocess.run([BIN / program], env={**os.environ, **asked}, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.split()) == (0, [offered])
