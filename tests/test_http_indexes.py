"""Several indexes in one service: named, opened when they are asked, closed when they are idle, made and deleted."""

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ingest import add
from retrieval import Document, HybridIndex, serve_names_cli
from retrieval.adapters.http.app import create_app
from retrieval.adapters.http.feedback import Feedback
from retrieval.adapters.http.keys import Keys
from retrieval.adapters.http.service import Service
from retrieval.adapters.http.settings import ServeSettings
from retrieval.encoders import Embedder
from retrieval.errors import ConfigError
from retrieval.evaluation import read_judgements
from tests.ingesting import POOL
from tests.serving import wait_for

TEXTS = {"weather": "Rain falls from clouds.", "kitchen": "Yeast makes bread rise.", "chess": "The queen moves far."}
Start = Callable[..., tuple[TestClient, Service]]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, loaded_embedder: Embedder) -> Path:
    """A directory of three indexes, of a document each."""
    top = tmp_path_factory.mktemp("indexes")
    for name, text in TEXTS.items():
        with HybridIndex.open(top / name) as index:
            add([Document(f"{name}.md", text)], index)
    return top


@pytest.fixture
def start(tmp_path: Path, filled: Path, share_model: Embedder) -> Iterator[Start]:
    """A service of three indexes of a document each, in this process; `made/` is where further ones may be made."""
    (tmp_path / "made").mkdir()
    for name in TEXTS:
        shutil.copytree(filled / name, tmp_path / name)
    started: list[TestClient] = []

    def start(**settings: Any) -> tuple[TestClient, Service]:
        indexes = {name: tmp_path / name for name in TEXTS}
        given = {"indexes": indexes, "directory": tmp_path / "made", **settings}
        service = Service(ServeSettings(**given), pool=POOL)
        client = TestClient(create_app(service), base_url="http://localhost")
        started.append(client.__enter__())
        return client, service

    yield start
    for client in started:
        client.__exit__(None, None, None)


def sources(client: TestClient, path: str, query: str = "rain and bread") -> list[str]:
    answer = client.post(f"{path}/search", json={"query": query})
    assert answer.status_code == 200, answer.text
    return [hit["source"] for hit in answer.json()["results"][0]["hits"]]


def test_each_index_answers_by_its_name_and_alone(start: Start) -> None:
    client, service = start()
    listed = client.get("/indexes").json()["indexes"]
    assert [index["name"] for index in listed] == sorted(TEXTS)
    for name in TEXTS:
        assert sources(client, f"/indexes/{name}") == [f"{name}.md"]
        assert client.get(f"/indexes/{name}/stats").json()["documents"] == 1
        assert client.get(f"/indexes/{name}/documents").json()["total"] == 1
        assert client.get(f"/indexes/{name}/search", params={"q": "rain"}).status_code == 200
        asked = {"knowledge_id": name, "query": "rain", "retrieval_setting": {"top_k": 1, "score_threshold": 0}}
        assert client.post("/retrieval", json=asked).json()["records"][0]["metadata"]["source"] == f"{name}.md"
        store = client.post(f"/v1/vector_stores/{name}/search", json={"query": "rain"}).json()
        assert store["data"][0]["filename"] == f"{name}.md"
    encoders = [served.current().embedder.encoder for served in service.indexes.all()]
    assert len(encoders) == 3
    assert all(encoder is encoders[0] for encoder in encoders), "one model in memory"
    figures = client.get("/metrics").text
    assert all(f'retrieval_documents{{index="{name}"}} 1.0' in figures for name in TEXTS)


def test_of_several_a_request_names_one(start: Start) -> None:
    client, _ = start()
    for path in ("/search", "/indexes/default/search", "/indexes/other/search"):
        answer = client.post(path, json={"query": "rain"})
        assert answer.status_code == 404
        assert "GET /indexes lists chess, kitchen, weather: ask /indexes/NAME/search" in answer.json()["detail"]
    assert client.get("/stats").status_code == 404


def test_the_log_and_the_figures_name_the_routes_of_an_index_as_they_are_declared(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    client, _ = start()
    asked = {
        "/indexes/chess/stats": "/indexes/{index}/stats", "/indexes/nowhere/stats": "/indexes/{index}/stats",
        "/indexes/chess/documents/" + "0" * 32: "/indexes/{index}/documents/{document_id}",
        "/indexes/chess/": "/indexes/{index}/", "/indexes/chess/mcp": "/indexes/{index}/mcp",
        "/indexes/stats": "/indexes/{index}", "/indexes": "/indexes", "/stats": "/stats",
        "/indexes/chess/nowhere": "none",
    }  # fmt: skip
    with caplog.at_level(logging.INFO):
        for path in asked:
            client.get(path)
    lines = [record.fields for record in caplog.records if record.getMessage() == "answered"]  # type: ignore[attr-defined]
    assert [line["route"] for line in lines] == list(asked.values())
    assert 'route="/indexes/{index}/stats",status="200"' in client.get("/metrics").text


def test_tools_for_models_search_the_index_that_is_named(start: Start) -> None:
    client, _ = start()
    headers = {"Accept": "application/json, text/event-stream"}
    call = {
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "search", "arguments": {"query": "bread", "min_relevance": 0}},
    }  # fmt: skip
    for name in TEXTS:
        answer = client.post(f"/indexes/{name}/mcp", json=call, headers=headers)
        assert answer.status_code == 200, answer.text
        assert f"{name}.md" in answer.text
        assert not any(f"{other}.md" in answer.text for other in TEXTS if other != name)
    assert client.post("/mcp", json=call, headers=headers).status_code == 404
    assert client.post("/indexes/other/mcp", json=call, headers=headers).status_code == 404


def test_an_index_is_made_filled_and_deleted(start: Start, tmp_path: Path) -> None:
    client, _ = start()
    made = client.post("/indexes", json={"name": "notes"})
    assert (made.status_code, made.headers["location"]) == (201, "/indexes/notes")
    assert client.post("/indexes", json={"name": "notes"}).status_code == 409
    added = client.post("/indexes/notes/documents", json={"source": "a.md", "text": "A memo about boilers."})
    assert added.status_code == 201, added.text
    assert sources(client, "/indexes/notes", "boilers") == ["a.md"]
    assert sources(client, "/indexes/weather") == ["weather.md"]
    assert client.delete("/indexes/notes").status_code == 200
    assert not (tmp_path / "made" / "notes").exists()
    assert client.post("/indexes/notes/search", json={"query": "boilers"}).status_code == 404
    assert client.delete("/indexes/notes").status_code == 404
    kept = client.delete("/indexes/weather")
    assert (kept.status_code, "named at the start" in kept.json()["detail"]) == (409, True)
    assert sources(client, "/indexes/weather") == ["weather.md"]


@pytest.mark.parametrize("name", ["..", ".hidden", "a/b", "a b", "", "x" * 65, "ü", "default", "weather"])
def test_a_name_that_is_none_makes_no_index(start: Start, tmp_path: Path, name: str) -> None:
    client, _ = start()
    assert client.post("/indexes", json={"name": name}).status_code in (409, 422)
    assert not list((tmp_path / "made").iterdir())


def test_what_is_no_index_is_neither_listed_nor_deleted(start: Start, tmp_path: Path) -> None:
    (tmp_path / "made" / "photos").mkdir()
    (tmp_path / "made" / "photos" / "a.jpg").write_bytes(b"")
    (tmp_path / "made" / "link").symlink_to(tmp_path / "weather")
    client, _ = start()
    assert [index["name"] for index in client.get("/indexes").json()["indexes"]] == sorted(TEXTS)
    for name in ("photos", "link"):
        assert client.delete(f"/indexes/{name}").status_code == 404
    assert (tmp_path / "made" / "photos" / "a.jpg").exists()
    assert (tmp_path / "weather").exists()


def test_without_a_directory_none_is_made(start: Start) -> None:
    client, _ = start(directory=None)
    answer = client.post("/indexes", json={"name": "notes"})
    assert (answer.status_code, "--indexes DIRECTORY" in answer.json()["detail"]) == (409, True)
    assert client.delete("/indexes/weather").status_code == 409


def test_so_many_are_open_at_once_and_no_more(start: Start) -> None:
    client, service = start(open_indexes=2)
    for name in [*TEXTS, *TEXTS]:
        assert sources(client, f"/indexes/{name}") == [f"{name}.md"]
        assert sum(served.is_open for served in service.indexes.all()) <= 2


def test_idle_ones_are_closed_but_for_the_last(start: Start) -> None:
    client, service = start(idle=0.2)
    for name in TEXTS:
        assert sources(client, f"/indexes/{name}") == [f"{name}.md"]
    wait_for(lambda: [served.name for served in service.indexes.all() if served.is_open] == ["chess"])
    assert sources(client, "/indexes/weather") == ["weather.md"]


def test_one_that_is_being_written_stays_open(start: Start) -> None:
    client, service = start()
    served = service.indexes.get("weather")
    served.current()
    future = served._writes.submit(lambda _: time.sleep(0.5))
    assert not served.close_if_idle()
    future.result()
    wait_for(served.close_if_idle)
    assert not served.is_open
    assert sources(client, "/indexes/weather") == ["weather.md"]


def test_names_on_the_command_line(tmp_path: Path) -> None:
    for name in ("docs", ".retrieval", "made"):
        (tmp_path / name).mkdir()
    named = serve_names_cli.indexes([f"code={tmp_path / 'docs'}", str(tmp_path / ".retrieval")], None)
    assert named == {"code": tmp_path / "docs", "retrieval": tmp_path / ".retrieval"}
    assert serve_names_cli.indexes([], tmp_path / "made") == {}
    with pytest.raises(ConfigError, match="two indexes are called 'docs'"):
        serve_names_cli.indexes([str(tmp_path / "docs"), f"docs={tmp_path / '.retrieval'}"], None)
    with pytest.raises(ConfigError, match="is not a directory that exists"):
        serve_names_cli.indexes([], tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="write INDEX:NAME=DIR; there are code, retrieval"):
        serve_names_cli.folders([str(tmp_path / "docs")], named, is_single=False)
    assert serve_names_cli.folders([f"code:x={tmp_path / 'docs'}"], named, is_single=False) == {
        "code": {"x": tmp_path / "docs"}
    }


def test_a_rebuild_takes_up_the_settings_of_the_file_while_searches_go_on(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text("")
    client, _ = start(config=config)
    assert sources(client, "/indexes/weather") == ["weather.md"]
    before = client.get("/indexes/weather/stats").json()
    config.write_text("query_prefix: 'ask: '\n")
    begun = client.post("/indexes/weather/rebuild", json={})
    assert (begun.status_code, begun.json()["kind"]) == (202, "rebuild")
    place = begun.headers["location"]
    assert place == f"/indexes/weather/jobs/{begun.json()['id']}"
    assert sources(client, "/indexes/weather") == ["weather.md"]
    wait_for(lambda: client.get(place).json()["finished"] is not None)
    job = client.get(place).json()
    assert (job["status"], job["report"]["added"]) == ("done", 1), job
    after = client.get("/indexes/weather/stats").json()
    assert (after["query_prefix"], after["documents"]) == ("ask: ", 1)
    assert after["generation"] != before["generation"]
    assert sources(client, "/indexes/weather") == ["weather.md"]


def test_what_people_say_of_hits_is_kept_as_judgements(start: Start, tmp_path: Path) -> None:
    client, _ = start(feedback=tmp_path / "feedback")
    (hit,) = client.post("/indexes/weather/search", json={"query": "rain"}).json()["results"][0]["hits"]
    for query, useful in (("what falls?", True), ("bread", False), ("what  falls? ", False), ("what falls?", True)):
        answer = client.post("/indexes/weather/feedback", json={"query": query, "hit": hit["id"], "useful": useful})
        assert (answer.status_code, answer.json()["source"]) == (201, "weather.md"), answer.text
    assert answer.json()["judgements"] == 2
    kept = tmp_path / "feedback" / "weather"
    judged = read_judgements(kept / "queries.jsonl", kept / "qrels.tsv")
    assert {text: judged.qrels[id_] for id_, text in judged.queries.items()} == {
        "what falls?": {"weather.md": 1}, "bread": {"weather.md": 0},
    }  # fmt: skip
    again = Feedback(kept)
    assert again.judge("bread", "weather.md", is_useful=True) == 2
    assert again.judge("snow", "weather.md", is_useful=True) == 3
    unknown = client.post("/indexes/weather/feedback", json={"query": "rain", "hit": "0" * 32, "useful": True})
    assert (unknown.status_code, "search again" in unknown.json()["detail"]) == (404, True)


def test_without_a_place_no_feedback_is_kept(start: Start) -> None:
    client, _ = start()
    answer = client.post("/indexes/weather/feedback", json={"query": "rain", "hit": "0" * 32, "useful": True})
    assert (answer.status_code, "--feedback DIRECTORY" in answer.json()["detail"]) == (409, True)


def test_documents_come_as_json_lines_with_a_result_for_each(start: Start) -> None:
    client, _ = start()
    lines = [
        {"source": "a.md", "text": "A memo about boilers."},
        "no JSON",
        {"source": "b.md"},
        {"source": "a.md", "text": "A memo about new boilers."},
        {"source": "two\nlines", "text": "x"},
        *({"source": f"many/{n}.md", "text": f"Note {n}."} for n in range(120)),
    ]
    body = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n\n"
    headers = {"Content-Type": "application/x-ndjson"}
    answer = client.post("/indexes/kitchen/documents", content=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    results = [json.loads(line) for line in answer.text.splitlines()]
    assert [result["line"] for result in results] == list(range(1, len(lines) + 1))
    statuses = [result["status"] for result in results]
    assert statuses[:5] == ["indexed", "failed", "failed", "indexed", "failed"]
    assert set(statuses[5:]) == {"indexed"}
    assert results[1]["detail"] == "The line is not JSON."
    assert results[2]["detail"].startswith("#/text: ")
    whole = client.get(f"/indexes/kitchen/documents/{results[3]['id']}").json()
    assert whole["chunks"][0]["text"].endswith("new boilers.")
    assert client.get("/indexes/kitchen/documents").json()["total"] == 122


def test_each_index_has_the_page_at_an_address_of_its_own(start: Start) -> None:
    client, _ = start(keys=Keys.parse(["read:0123456789abcdef"], origin="test"))
    page = client.get("/")
    of_index = client.get("/indexes/weather/")
    assert of_index.text.replace("../../", "") == page.text
    assert 'src="../../page/main.js"' in of_index.text
    assert client.get("/page/main.js").headers["content-type"] == "text/javascript; charset=utf-8"
    assert (client.get("/page/other.js").status_code, client.get("/page/page.html").status_code) == (404, 401)
    assert client.get("/indexes/weather").status_code == 401
    assert client.get("/indexes/weather/stats").status_code == 401
