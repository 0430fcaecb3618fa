"""`ingest list`: every document and file, and what became of it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest import add
from ingest.cli import app
from ingest.document_list import document_list
from retrieval import Document, HybridIndex, console
from tests.ingesting import sync


@pytest.fixture
def index(open_index: Callable[..., HybridIndex], tmp_path: Path) -> HybridIndex:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "rain.md").write_text("Rain falls.")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    (folder / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    (folder / "empty.txt").write_text("")
    index = open_index()
    sync(folder, index)
    add([Document("memo", "Snow falls too.")], index)
    return index


def test_each_is_listed_once_with_what_became_of_it(index: HybridIndex) -> None:
    found = {each.source: each for each in document_list(index)}
    states = {source: each.state for source, each in found.items()}
    assert states == {
        "docs/broken.pdf": "failed",
        "docs/empty.txt": "skipped",
        "docs/photo.png": "skipped",
        "docs/rain.md": "indexed",
        "memo": "indexed",
    }
    assert len(found) == len(document_list(index))
    assert all(bool(each.reason) == (each.state != "indexed") for each in found.values())
    assert (found["docs/rain.md"].chunks, found["docs/broken.pdf"].chunks, found["memo"].folder) == (1, 0, "")


def test_a_file_whose_new_version_fails_still_has_its_chunks(index: HybridIndex, tmp_path: Path) -> None:
    (tmp_path / "docs" / "rain.md").write_bytes(b"%PDF-1.7 and no more")
    sync(tmp_path / "docs", index)
    (rain,) = [each for each in document_list(index) if each.source == "docs/rain.md"]
    assert (rain.state, rain.chunks) == ("failed", 1)


def test_the_command_filters_by_state(index: HybridIndex, capsys: pytest.CaptureFixture[str]) -> None:
    def shell(*options: str) -> str:
        with pytest.raises(SystemExit) as leaving:
            console.run(app, ["ingest", "list", *options, "--index", str(index.path)])
        assert leaving.value.code == 0
        return capsys.readouterr().out

    assert shell("--failed").startswith("failed    docs/broken.pdf: ")
    assert [line.split()[1] for line in shell("--failed", "--skipped").splitlines()] == [
        "docs/broken.pdf:",
        "docs/empty.txt:",
        "docs/photo.png:",
    ]
    assert {each["state"] for each in json.loads(shell("--skipped", "--json"))} == {"skipped"}
    assert len(shell().splitlines()) == 5
