"""`retrieve models compare` as a user meets it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ingest.model_trials import run as trials
from ingest.model_trials.worker import Answer, Load, Try, answer
from retrieval import console
from retrieval.cli import app
from retrieval.config import Config
from retrieval.encoders import Embedder, shared_encoder
from tests.ingesting import POOL
from tests.letters import LIMIT, Letters
from tests.test_known_items import DOCUMENTS

Run = Callable[..., tuple[int, str, str]]


class Here:
    """Stands in for WorkerProcess: does the task in this process."""

    is_alive = True

    def __init__(self, *, offline: bool, scratch: str) -> None:
        assert Path(scratch).is_dir()

    def __enter__(self) -> "Here":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ask(self, task: Load | Try, *, on_message: Callable[..., None]) -> Answer:
        return answer(task, on_message=on_message)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that has docs/, questions to these, and temporary files of its own; the tests are in it."""
    for name in ("docs", "empty", "letters", "temporary"):
        (tmp_path / name).mkdir()
    for document in DOCUMENTS:
        (tmp_path / "docs" / document.source).write_text(document.text)
    (tmp_path / "letters" / "config.json").write_text("{}")
    (tmp_path / "docs" / "queries.tsv").write_text("q1\twhy is there rain?\nq2\tWarum geht Teig auf?\n")
    (tmp_path / "docs" / "qrels.txt").write_text("q1 0 weather.md 1\nq2 0 docs/kitchen.md 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    return tmp_path


@pytest.fixture
def compare(
    folder: Path,
    share_model: Embedder,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Runs `retrieve models compare`; the model `letters` is one that counts them."""
    monkeypatch.setattr(trials, "WorkerProcess", Here)
    for user in ("retrieval.index", "ingest.model_trials.trial"):
        monkeypatch.setattr(
            f"{user}.shared_encoder", lambda config: Letters() if config.model == "letters" else shared_encoder(config)
        )

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            console.run(app, ["retrieve", "models", "compare", *arguments], pool=POOL)
        captured = capsys.readouterr()
        assert not list((folder / "temporary").glob("retrieve-*"))
        return int(exit_.value.code or 0), captured.out, captured.err

    return run


@pytest.mark.slow
def test_models_are_compared_and_the_better_one_is_written_down(compare: Run, folder: Path) -> None:
    judged = ("--queries", "docs/queries.tsv", "--qrels", "docs/qrels.txt")
    code, out, err = compare("docs", "packaged", "letters", "letters", "gone.yaml", *judged, "--output", "best.yaml")
    assert code == 1  # since gone.yaml was named
    assert "letters is named more than once" in err
    assert "docs: 2 documents, 2 judged questions" in out  # queries.tsv and qrels.txt are none
    assert "Not compared: gone.yaml: Cannot read the configuration gone.yaml" in out
    assert "2 questions are little to go by" in out
    label = out.rpartition("Take ")[2].partition(":")[0]
    assert Config(**yaml.safe_load((folder / "best.yaml").read_text())).model in {label, str(folder / label)}
    assert compare("docs", "packaged", *judged, "--output", "best.yaml")[0] == 2  # it is there


def test_questions_are_made_where_none_are_given(compare: Run, folder: Path) -> None:
    for name in ("queries.tsv", "qrels.txt"):
        (folder / "docs" / name).unlink()
    code, out, _ = compare("docs", "letters", "--json")
    found = json.loads(out)
    assert (code, found["questions"]) == (0, {"kind": "known-item", "count": 5})
    measured = found["models"]["letters"]
    assert (measured["dimension"], measured["max_seq_length"], measured["languages"]) == (27, LIMIT, None)
    assert measured["sections_cut"] > 0.5  # of more characters than it reads
    assert measured["chunks"] > 5
    assert measured["tokens_per_second"] > 0 and measured["query_milliseconds"] > 0
    assert set(measured["quality"]) == {"lexical", "dense", "hybrid"}
    assert measured["embeddings"]["dimension"] == 27


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["empty", "packaged"], "empty holds no documents that could be read"),
        (["nowhere", "packaged"], "nowhere is not a folder that exists"),
        (["docs", "packaged", "--queries", "docs/queries.tsv"], "--queries and --qrels go together"),
        (["docs", "./none", "gone.yaml"], "None of the models can be used here"),
        (["docs", "packaged", "--plot", "picture.gif"], "a picture is written as"),
        (["docs", "packaged", "--output", "docs/kitchen.md"], "replace it with --force"),
        (["docs", "packaged", "--plot", "nowhere/picture.png"], "nowhere is not a directory that exists"),
        (["docs", "packaged", "--sample", "-1"], "--sample"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(compare: Run, arguments: list[str], says: str) -> None:
    code, out, err = compare(*arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err and len(err.strip().splitlines()) == 1


@pytest.mark.slow
def test_real_processes_compare_an_index_and_leave_nothing(folder: Path) -> None:
    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", *arguments]
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            # What a shell starts in the background ignores Ctrl-C, and so would its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    environment = {**os.environ, "TMPDIR": str(folder / "temporary")}
    environment["PYTHONPATH"] = str(Path(__file__).parent.parent)
    synced = start("ingest.cli", "sync", "docs", "--index", "index")
    assert "4 added" in synced.communicate(timeout=120)[0]
    done = start("retrieval.cli", "models", "compare", "index", "packaged", "symmetric", "default", "--json")
    out, err = done.communicate(timeout=300)
    assert done.returncode == 1, err
    found = json.loads(out)
    assert list(found["models"]) == ["packaged", "symmetric"]
    assert found["not_compared"] == {"default": "it is the same as packaged."}
    assert found["models"]["packaged"]["peak_memory_bytes"] > 50_000_000
    assert not list((folder / "temporary").iterdir())
    stopped = start("retrieval.cli", "models", "compare", "docs", "packaged")
    while not list((folder / "temporary").glob("retrieve-models-*/*")) and stopped.poll() is None:
        time.sleep(0.05)
    assert stopped.poll() is None, "it ended before it could be interrupted"
    stopped.send_signal(signal.SIGINT)
    _, err = stopped.communicate(timeout=60)
    assert stopped.returncode == 130, err
    assert "Interrupted; nothing is kept." in err
    assert not list((folder / "temporary").iterdir())
