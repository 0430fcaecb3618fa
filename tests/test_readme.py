"""Every snippet in README runs, and prints what it says."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ingest
from ingest.cli import app as ingest_app
from retrieval import console
from retrieval.cli import app as retrieve_app
from retrieval.config import Config
from retrieval.encoders import Embedder
from tests.ingesting import POOL, sync
from tests.serving import Serving

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
DOCS = {
    "guide/rain.md": """\
# Weather

How water moves between the ground and the sky.

## Rain

Rain falls when water vapour cools and condenses into droplets inside a cloud. The droplets join
until they are too heavy for the rising air to hold, and then they fall.

## Snow

Where the cloud is colder than freezing, vapour turns straight into ice crystals. They reach the
ground as snow unless the air on the way is warm.
""",
    "kitchen.txt": """\
Bread rises because yeast eats the sugar in the dough and breathes out carbon dioxide.
The gas is caught in the gluten and stretches it.
""",
    "forecast.py": '''\
def will_it_rain(humidity: float, temperature: float) -> bool:
    """A crude forecast: warm air that is nearly saturated gives rain."""
    return humidity > 0.95 and temperature > 0
''',
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share_model: Embedder) -> Path:
    for name, text in DOCS.items():
        (tmp_path / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "docs" / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ingest, "sync", sync)
    return tmp_path


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    def run(line: str) -> str:
        command = shlex.split(line)
        with pytest.raises(SystemExit) as exit_:
            console.run({"ingest": ingest_app, "retrieve": retrieve_app}[command[0]], command, pool=POOL)
        captured = capsys.readouterr()
        assert exit_.value.code == 0, captured.err
        return captured.out

    return run


def test_the_shell_session_runs_and_prints_what_it_says(folder: Path, shell: Callable[[str], str]) -> None:
    (session,) = blocks("console")
    steps = re.split(r"^\$ (.*)\n", session, flags=re.MULTILINE)[1:]
    assert len(steps) == 8
    for command, expected in zip(steps[::2], steps[1::2], strict=True):
        printed = shell(command).replace(str(folder), "/home/you")
        assert unclocked(printed) == unclocked(expected), command


@pytest.mark.parametrize("snippet", blocks("python"), ids=lambda snippet: snippet.splitlines()[0])
def test_the_python_snippets_run(folder: Path, snippet: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(snippet, "README.md", "exec"), {})
    assert capsys.readouterr().out


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.slow
def test_the_curl_lines_are_answered(folder: Path) -> None:
    lines = [line.partition("    #")[0] for block in blocks("sh") for line in block.splitlines()]
    asked = [line for line in lines if line.startswith("curl ")]
    assert len(asked) >= 5
    with Serving(folder / "index", "--folder", str(folder / "docs")) as serving:
        answer: dict[str, str] = {}
        for line in asked:
            line = line.replace("localhost:8080", str(serving.url)).replace("/jobs/ID", f"/jobs/{answer.get('id')}")
            command = [*shlex.split(line), "--silent", "--show-error", "--fail-with-body"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stdout + done.stderr
            if not done.stdout.startswith("event: "):
                answer = json.loads(done.stdout)
        assert "event: done" in done.stdout


def test_the_two_commands_are_in_the_makefile() -> None:
    makefile = (Path(__file__).parent.parent / "Makefile").read_text("utf-8")
    for target in re.findall(r"`?make ([a-z-]+(?: [a-z-]+)*)", README):
        for name in target.split():
            if name in ("demo", "serve", "test", "test-all", "lint", "typecheck", "format"):
                assert f"\n{name}:" in makefile
    assert "make demo" in blocks("sh")[0]
    assert "make test" in blocks("sh")[0]


def test_the_configuration_table_names_every_setting_and_its_default() -> None:
    table = README.split("## Configuration")[1].split("## ")[0]
    named = set(
        re.findall(
            r"`([a-z0-9_]+)`", "\n".join(row.split("|")[1] for row in table.splitlines() if row.startswith("| `"))
        )
    )
    assert named == set(Config.model_fields)


def unclocked(text: str) -> Iterator[str]:
    """Without seconds, without white space at line ends, and with scores to two digits."""
    text = re.sub(r"\d+\.\d s\.", "0.0 s.", text)
    text = re.sub(r"(\d\.\d\d)\d+", r"\1", text)
    return [line.rstrip() for line in text.rstrip().splitlines()]
