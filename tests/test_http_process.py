"""The service as a process among others: it starts safely, sees what others write, and ends in good order."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from retrieval.cli import app
from retrieval.directory.index_directory import IndexDirectory
from retrieval.errors import RetrievalError
from retrieval.index import HybridIndex
from tests.serving import Serving, wait_for

BIN = Path(sys.executable).parent
KEY = "write:0123456789abcdef"


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / str(command[0]), *map(str, command[1:])], capture_output=True, text=True, timeout=120)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "rain.md").write_text("# Rain\n\nRain falls from clouds.\n")
    return docs


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--host", "0.0.0.0"], "no API key"),
        (["--host", "0.0.0.0", "--keys-file", "nowhere"], "nowhere cannot be read"),
        (["--folder", "nowhere"], "not a folder that exists"),
        (["--host", "256.1.1.1"], "no API key"),
        (["--rerank", "no/such-directory/at-all"], "no/such-directory"),
    ],
)
def test_what_would_not_be_safe_or_cannot_work_does_not_start(tmp_path: Path, options: list[str], says: str) -> None:
    with pytest.raises(RetrievalError, match=says) as refusal:
        app(["serve", "--index", str(tmp_path / "index"), "--port", "0", *options], standalone_mode=False)
    assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize(("name", "meant"), [("SERVE_KEY", "SERVE_KEYS"), ("SERVE_MAX_UPLOAD", "SERVE_MAX_UPLOAD_MB")])
def test_a_variable_that_would_set_nothing_is_named(name: str, meant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, KEY)
    with pytest.raises(RetrievalError, match=f"{name} sets nothing; did you mean {meant}"):
        app(["serve", "--port", "0"], standalone_mode=False)


def test_a_refusal_to_start_is_one_line_and_exit_code_2() -> None:
    done = run("retrieve", "serve", "--host", "0.0.0.0")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr


def test_without_the_extra_it_says_which_one_is_missing() -> None:
    code = "import sys; sys.modules['fastapi'] = None; from retrieval.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "serve"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "pip install 'hybrid-retrieval[server]'" in done.stderr


@pytest.mark.slow
def test_with_keys_it_may_be_reached_from_elsewhere(tmp_path: Path) -> None:
    options = ["--host", "0.0.0.0", "--rate", "0"]
    with Serving(tmp_path / "index", *options, environment={"SERVE_KEYS": KEY}) as serving:
        assert serving.client.get("/stats").status_code == 401
        key = {"X-API-Key": KEY.partition(":")[2], "Host": "search.example"}
        assert serving.client.get("/stats", headers=key).status_code == 200


@pytest.mark.slow
def test_what_a_shell_writes_meanwhile_is_seen_and_what_the_service_writes_too(docs: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    with Serving(index, "--folder", str(docs)) as serving:
        assert serving.sync("docs")["added"] == 1
        (docs / "hail.md").write_text("# Hail\n\nHail is ice.\n")
        done = run("ingest", "sync", docs, "--index", index)
        assert done.returncode == 0, done.stderr
        generation = serving.client.get("/stats").json()["generation"]
        assert generation == IndexDirectory(index).read_pointer().generation
        answer = serving.client.post("/search", json={"query": "hail", "top_k": 1}).json()
        assert answer["generation"] == generation
        assert answer["results"][0]["hits"][0]["source"] == "docs/hail.md"
        (docs / "hail.md").unlink()
        assert serving.sync("docs")["deleted"] == 1


@pytest.mark.slow
def test_while_another_process_writes_changes_are_refused_and_searches_answered(docs: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    with Serving(index, "--folder", str(docs)) as serving:
        serving.sync("docs")
        with HybridIndex.open(index) as other, other.writing():
            refused = serving.client.post("/documents", json={"source": "a", "text": "Text."})
            assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "index-locked")
            assert serving.client.post("/search", json={"query": "rain"}).status_code == 200
            job = serving.client.post("/sync", json={"folder": "docs"}).json()
            *_, (name, problem) = serving.events(job["id"])
            assert (name, problem["status"]) == ("failed", 409)
        assert serving.client.post("/documents", json={"source": "a", "text": "Text."}).status_code == 201


@pytest.mark.slow
def test_an_index_that_is_rebuilt_with_other_settings_is_taken_up(docs: Path, tmp_path: Path) -> None:
    index, config = tmp_path / "index", tmp_path / "other.yaml"
    config.write_text("chunk_size: 32\ncontext_header: false\n")
    with Serving(index, "--folder", str(docs)) as serving:
        serving.sync("docs")
        files = {"file": ("fog.md", b"# Fog\n\nFog is a cloud on the ground.")}
        assert serving.client.post("/documents", files=files).json()["added"] == 1
        done = run("ingest", "sync", docs, "--rebuild", "--config", config, "--index", index)
        assert done.returncode == 0, done.stderr
        assert serving.client.get("/stats").json()["chunk_size"] == 32
        hits = serving.client.post("/search", json={"query": "fog"}).json()["results"][0]["hits"]
        assert hits[0]["source"] == "uploads/fog.md"  # a file that only the index has is in the new one, too
        assert serving.client.post("/documents", json={"source": "a", "text": "Text."}).status_code == 201


@pytest.mark.slow
def test_a_sync_that_is_cut_short_by_the_end_keeps_what_it_has_done(docs: Path, tmp_path: Path) -> None:
    for number in range(300):
        (docs / f"{number}.md").write_text("\n\n".join(f"Paragraph {number} {n} of many words." for n in range(20)))
    index = tmp_path / "index"
    with Serving(index, "--folder", str(docs)) as serving:
        job = serving.client.post("/sync", json={"folder": "docs"}).json()
        events = serving.events(job["id"])
        next(events)
        serving.process.terminate()
        *_, (name, report) = events
        assert (name, report["interrupted"]) == ("interrupted", True)
        assert serving.stop() == 0
    done = run("ingest", "sync", docs, "--index", index, "--json")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_request_that_is_being_answered_at_the_end_is_answered(tmp_path: Path) -> None:
    index = tmp_path / "index"
    with Serving(index) as serving, ThreadPoolExecutor(1) as thread:
        files = {"file": ("hail.md", b"Hail is ice.")}
        answer = thread.submit(serving.client.post, "/documents", files=files)
        wait_for((index / "writer.json").exists)  # it has begun to write
        assert serving.stop() == 0
        assert (answer.result().status_code, answer.result().json()["added"]) == (201, 1)
    assert "Hail" in run("retrieve", "search", "hail", "--mode", "lexical", "--index", index).stdout


@pytest.mark.slow
def test_a_second_sync_of_a_folder_is_the_first(docs: Path, tmp_path: Path) -> None:
    with Serving(tmp_path / "index", "--folder", f"papers={docs}") as serving:
        jobs = [serving.client.post("/sync", json={"folder": "papers"}).json()["id"] for _ in range(3)]
        assert len(set(jobs)) == 1
        wait_for(lambda: serving.client.get(f"/jobs/{jobs[0]}").json()["status"] == "done")
        (record,) = serving.client.get("/documents").json()["documents"]
        assert record["source"] == "papers/rain.md"
        (docs / "rain.md").rename(docs / ".rain.md")
        job = serving.client.post("/sync", json={"folder": "papers"}).json()
        *_, (name, problem) = serving.events(job["id"])
        assert (name, problem["status"], "allow_deletions" in problem["detail"]) == ("failed", 409, True)
        job = serving.client.post("/sync", json={"folder": "papers", "allow_deletions": True}).json()
        *_, (name, report) = serving.events(job["id"])
        assert (name, report["deleted"]) == ("done", 1)
        shutil.rmtree(docs)
        job = serving.client.post("/sync", json={"folder": "papers"}).json()
        *_, (name, problem) = serving.events(job["id"])
        assert (name, problem["status"]) == ("failed", 409)
        assert "not a folder" in problem["detail"]


@pytest.mark.slow
def test_what_takes_longer_than_the_grace_does_not_keep_it(tmp_path: Path) -> None:
    index, text = tmp_path / "index", "\n\n".join(f"Paragraph {number} of many words." for number in range(100_000))
    with Serving(index, "--grace", "1") as serving, ThreadPoolExecutor(1) as thread:
        answer = thread.submit(serving.client.post, "/documents", json={"source": "long", "text": text})
        wait_for((index / "writer.json").exists)
        assert serving.stop() == 1
        assert (answer.result().status_code, answer.result().json()["type"].rpartition(":")[2]) == (503, "busy")
        assert any("Given up" in line for line in serving.log)
    with Serving(index) as serving:
        assert serving.client.post("/documents", json={"source": "a", "text": "Text."}).status_code == 201
