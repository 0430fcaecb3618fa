"""/facets and /documents/{id}/file: what a reader may narrow a search by, and which files it may open."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ingest import add
from retrieval import Document, HybridIndex
from retrieval.adapters.http.app import create_app
from retrieval.adapters.http.keys import Keys
from retrieval.adapters.http.service import Service
from retrieval.adapters.http.settings import ServeSettings
from retrieval.encoders import Embedder
from retrieval.types import document_id
from tests.ingesting import POOL, sync
from tests.loaders_samples import pdf
from tests.test_http_keys import make_key

SECRET = "the password is swordfish"
SCRIPT = "<h1>Rain</h1><script>document.title = 'ran'</script><p>Rain falls from clouds.</p>"

Start = Callable[..., TestClient]


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    docs = tmp_path / "docs"
    (docs / "guide").mkdir(parents=True)
    (docs / "guide" / "rain.html").write_text(SCRIPT)
    (docs / "guide" / "why it rains – ?.md").write_text("---\nday: 2024-03-05\n---\n# Why does it rain?\n\nBecause.")
    (docs / "manual.pdf").write_bytes(pdf([["The manual of rain."]]))
    (docs / "latin.txt").write_bytes("Der Regen fällt, und die Bäche schwellen.".encode("latin-1"))
    (tmp_path / "secret.txt").write_text(SECRET)
    return docs


@pytest.fixture
def start(tmp_path: Path, docs: Path, share_model: Embedder) -> Iterator[Start]:
    """Starts a service, in this process, of an index that is synced with the folder and holds another document."""
    with HybridIndex.open(tmp_path / "index") as index:
        sync(docs, index)
        add([Document("../secret.txt", "Snow."), Document("notes/hush", "x", metadata={"day": "1999-01-01"})], index)
    started: list[TestClient] = []

    def start(**settings: Any) -> TestClient:
        given = {"indexes": {"notes": tmp_path / "index"}, "folders": {"notes": {"docs": docs}}, **settings}
        client = TestClient(create_app(Service(ServeSettings(**given), pool=POOL)), base_url="http://localhost")
        started.append(client.__enter__())
        return started[-1]

    yield start
    for client in started:
        client.__exit__(None, None, None)


def path_of(source: str) -> str:
    return f"/documents/{document_id(source)}/file"


def test_a_file_comes_as_it_is_and_is_never_active(start: Start, docs: Path) -> None:
    client = start()
    kinds = {
        "docs/guide/rain.html": ("text/plain; charset=utf-8", "inline"),
        "docs/guide/why it rains – ?.md": ("text/plain; charset=utf-8", "inline"),
        "docs/manual.pdf": ("application/pdf", "inline"),
        "docs/latin.txt": ("application/octet-stream", "attachment"),
    }
    for source, (kind, shown) in kinds.items():
        answer = client.get(path_of(source))
        assert (answer.status_code, answer.content) == (200, (docs.parent / source).read_bytes())
        assert answer.headers["content-type"] == kind
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-disposition"].startswith(f"{shown}; filename*=utf-8''")
        policy = answer.headers["content-security-policy"].split("; ")
        assert "default-src 'none'" in policy
        assert "sandbox" in policy or kind == "application/pdf"
    named = client.get(path_of("docs/guide/why it rains – ?.md")).headers["content-disposition"]
    assert named.endswith("''why%20it%20rains%20%E2%80%93%20%3F.md")


def test_what_has_taken_the_place_of_a_file_is_not_served(start: Start, docs: Path, tmp_path: Path) -> None:
    client = start()
    page, manual = docs / "guide" / "rain.html", docs / "manual.pdf"
    manual.write_text("something else")
    assert client.get(path_of("docs/manual.pdf")).status_code == 409
    manual.unlink()
    assert client.get(path_of("docs/manual.pdf")).status_code == 404
    manual.symlink_to(tmp_path / "secret.txt")
    assert client.get(path_of("docs/manual.pdf")).status_code == 404
    found = page.stat()
    (docs / "guide").rename(tmp_path / "elsewhere")
    (docs / "guide").symlink_to(tmp_path / "elsewhere")
    assert (docs / "guide" / "rain.html").stat().st_mtime_ns == found.st_mtime_ns
    assert client.get(path_of("docs/guide/rain.html")).status_code == 404
    for source in ("../secret.txt", "notes/hush", "docs/nowhere.md", "docs/../secret.txt"):
        answer = client.get(path_of(source))
        assert (answer.status_code, SECRET in answer.text) == (404, False)
    (docs / "latin.txt").unlink()
    os.mkfifo(docs / "latin.txt")
    assert client.get(path_of("docs/latin.txt")).status_code == 404


def test_only_folders_that_were_named_are_served(start: Start, tmp_path: Path) -> None:
    client = start(folders={})
    assert client.get(path_of("docs/manual.pdf")).status_code == 404
    assert client.get("/facets").json()["folders_with_files"] == []
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "manual.pdf").write_bytes(pdf([["Another manual."]]))
    client = start(folders={"notes": {"docs": tmp_path / "other"}})
    assert client.get(path_of("docs/manual.pdf")).status_code == 404


def test_facets_say_what_there_is(start: Start) -> None:
    found = start().get("/facets").json()
    assert found["documents"] == 6
    assert [(each["value"], each["documents"]) for each in found["folders"]] == [
        ("../", 1), ("docs/", 4), ("docs/guide/", 2), ("notes/", 1),
    ]  # fmt: skip
    assert {each["value"]: each["documents"] for each in found["suffixes"]} == {
        ".html": 1, ".md": 1, ".pdf": 1, ".txt": 1,
    }  # fmt: skip
    assert [each["field"] for each in found["dates"]] == ["modified", "day"]
    assert found["dates"][1] == {"field": "day", "in_seconds": False, "first": "1999-01-01", "last": "2024-03-05"}
    assert "Why does it rain?" in found["examples"]
    assert found["folders_with_files"] == ["docs"]


def test_a_key_with_a_filter_opens_and_is_told_of_what_passes_alone(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    where = json.dumps({"suffix": {"$in": [".pdf", ".html"]}})
    alice = make_key(file, "alice", "--where", where)
    client = start(keys=Keys().with_file(file))
    assert client.get("/facets").status_code == client.get(path_of("docs/manual.pdf")).status_code == 401
    assert client.get(path_of("docs/manual.pdf"), headers=alice).status_code == 200
    hidden = client.get(path_of("docs/latin.txt"), headers=alice)
    missing = client.get(path_of("docs/nothing.txt"), headers=alice)
    assert hidden.status_code == missing.status_code == 404
    ids = [document_id(f"docs/{name}.txt") for name in ("latin", "nothing")]
    assert hidden.json()["detail"].replace(*ids) == missing.json()["detail"]
    told = client.get("/facets", headers=alice).json()
    with HybridIndex.open(tmp_path / "visible") as index:
        sync(tmp_path / "docs", index, include=["*.pdf", "*.html"])
    other = start(indexes={"notes": tmp_path / "visible"}).get("/facets").json()
    assert {**told, "generation": ""} == {**other, "generation": ""}
