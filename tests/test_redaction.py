"""What a client is told names documents, and no place of the machine that they lie on."""

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client
from starlette.testclient import TestClient

from retrieval import HybridIndex
from retrieval.adapters.http.app import create_app
from retrieval.adapters.http.service import Service
from retrieval.adapters.http.settings import ServeSettings
from retrieval.adapters.mcp.server import server
from retrieval.adapters.redaction import redact_paths
from retrieval.config import Config
from retrieval.encoders import Embedder
from tests.ingesting import POOL, sync
from tests.loaders_samples import pdf

WORD = st.text("abcXYZ019._-äß", min_size=1, max_size=8)
NAME = WORD.filter(lambda word: word.strip("."))
SPACED = st.lists(WORD, min_size=1, max_size=3).map(" ".join)


def places(folders: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(folders, min_size=1, max_size=4).map(lambda names: "/" + "/".join(names))


BARE = [
    "it cannot be read: {}",
    "{} is missing for docs/a/b.pdf; sync 3/4",
    "failed ({})",
    "error:{}",
    "open file://{}",
]


@given(place=places(WORD), name=NAME, sentence=st.sampled_from(BARE))
def test_of_a_path_the_last_part_is_told(place: str, name: str, sentence: str) -> None:
    assert redact_paths(sentence.format(f"{place}/{name}")) == sentence.format(name).replace("file://", "")


@given(place=places(SPACED), name=SPACED, sentence=st.sampled_from(["remove '{}' and sync a/b", 'open("{}"), twice']))
def test_in_quotes_a_path_may_have_spaces(place: str, name: str, sentence: str) -> None:
    assert redact_paths(sentence.format(f"{place}/{name}")) == sentence.format(name)


@given(st.text("/;' a", max_size=12), st.integers(10_000, 20_000))
def test_what_a_long_text_holds_is_looked_at_once(unit: str, times: int) -> None:
    """Looked at again and again, it would run into the suite's time limit."""
    redact_paths(unit * times)


@pytest.mark.parametrize(
    "text",
    [
        "ask GET /documents or GET /jobs",
        "see https://example.org/a/b and http://127.0.0.1:80/x/y",
        "'docs/rain.md' and/or 3/4 MB",
    ],
)
def test_what_is_no_path_of_the_machine_stays(text: str) -> None:
    assert redact_paths(text) == text


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A folder, of files that cannot be read."""
    docs = tmp_path / "the-secret-place" / "docs"
    docs.mkdir(parents=True)
    (docs / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    (docs / "scanned.pdf").write_bytes(pdf([[]]))
    (docs / "bomb.txt.gz").write_bytes(gzip.compress(bytes(2_000_000)))
    (docs / "damaged.docx").write_bytes(b"PK\x03\x04 and no more")
    (docs / "nothing.md").symlink_to(docs / "gone.md")
    (docs / "rain.md").write_text("Rain.")
    return docs


@pytest.fixture
def ocr_command(docs: Path) -> str:
    """A program that lies beside the folder, and names places when it fails."""
    program = docs.parent / "recognise"
    program.write_text(f"#!/bin/sh\necho '{docs}/x.pdf: {docs.parent}/fonts are missing' >&2\nexit 1\n")
    program.chmod(0o700)
    return f'"{program}" --quiet'


@pytest.fixture
def client(tmp_path: Path, docs: Path, ocr_command: str, share_model: Embedder) -> Iterator[TestClient]:
    config = tmp_path / "config.yaml"
    config.write_text(f"ocr_command: '{ocr_command}'\nmax_file_mb: 1\n")
    indexes = {"index": tmp_path / "the-secret-place" / "index"}
    settings = ServeSettings(indexes=indexes, config=config, folders={"index": {"docs": docs}})
    with TestClient(create_app(Service(settings, pool=POOL)), base_url="http://localhost") as client:
        yield client


@pytest.mark.slow
def test_a_sync_over_http_names_no_places(client: TestClient) -> None:
    job = client.post("/sync", json={"folder": "docs"}).json()["id"]
    events = client.get(f"/jobs/{job}", headers={"Accept": "text/event-stream"}).text
    assert '"docs/scanned.pdf"' in events
    assert "text recognition by" in events
    listed = client.get("/documents", params={"status": "failed"})
    assert listed.json()["total"] == 4
    for told in (events, client.get(f"/jobs/{job}").text, listed.text):
        assert "fonts are missing" in told
        assert "secret" not in told


@pytest.mark.slow
def test_an_upload_names_no_places(client: TestClient, docs: Path) -> None:
    names = ["broken.pdf", "scanned.pdf", "bomb.txt.gz", "damaged.docx"]
    answer = client.post("/documents", files=[("file", (name, (docs / name).read_bytes())) for name in names])
    assert answer.status_code == 422
    assert [failure["source"] for failure in answer.json()["failed"]] == sorted(f"uploads/{name}" for name in names)
    for place in ("secret", "upload-", "/tmp", "place/"):
        assert place not in answer.text


@pytest.mark.slow
async def test_a_tool_names_no_places(open_index: Callable[..., HybridIndex], docs: Path, ocr_command: str) -> None:
    index = open_index(config=Config(ocr_command=ocr_command))
    sync(docs, index)
    index.close()  # others may write
    async with Client(server(index, allow_writes=True)) as client:
        for tool, arguments in (("sync_folder", {"folder": "docs"}), ("list_documents", {})):
            result = await client.call_tool(tool, arguments)
            assert not result.is_error
            told = str(result.structured_content)
            assert "fonts are missing" in told
            assert "secret" not in told
        (docs / "rain.md").unlink()
        docs.rename(docs.parent / "moved")
        gone = await client.call_tool("sync_folder", {"folder": "docs"})
        assert gone.is_error
        assert "docs is not a folder that exists" in gone.content[0].text
        assert "secret" not in gone.content[0].text
