"""What is turned away before any route sees it, and what can never get out."""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import httpx2
import numpy as np
import pytest
import uvicorn
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send
from uvicorn.server import ServerState

from retrieval import serve_names_cli
from retrieval.adapters.http import access, connections, jobs, server_sent
from retrieval.adapters.http.app import create_app
from retrieval.adapters.http.document_requests import DocumentBody, DocumentsBody
from retrieval.adapters.http.keys import KeyFile, Keys
from retrieval.adapters.http.logs import JsonFormatter
from retrieval.adapters.http.metrics import Metrics
from retrieval.adapters.http.problems import Refusal
from retrieval.adapters.http.request_log import RequestLog
from retrieval.adapters.http.requests import MAX_QUERIES, SearchBody
from retrieval.adapters.http.service import Service
from retrieval.adapters.http.settings import ConfiguredReranker, ServeSettings
from retrieval.encoders import Embedder
from retrieval.errors import ConfigError, IndexDamagedError
from retrieval.index import HybridIndex
from retrieval.searcher import Searcher
from tests.ingesting import POOL, sync
from tests.serving import wait_for

READ, WRITE = "read-secret-0123456789", "write-secret-0123456789"
KEYS = Keys.parse([f"read:{READ}", f"write:{WRITE}"], origin="test")

Start = Callable[..., TestClient]


@pytest.fixture
def start(tmp_path: Path, share_model: Embedder) -> Iterator[Start]:
    """Starts the application, in this process, around an index that is empty."""
    started: list[TestClient] = []

    def start(**settings: Any) -> TestClient:
        service = Service(ServeSettings(indexes={"index": tmp_path / "index"}, **settings), pool=POOL)
        client = TestClient(create_app(service), base_url="http://localhost")
        client.app_state["service"] = service
        started.append(client.__enter__())
        return started[-1]

    yield start
    for client in started:
        client.__exit__(None, None, None)


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def kind_of(answer: httpx2.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return str(answer.json()["type"].rpartition(":")[2])


# Keys


def test_without_a_key_only_what_tells_nothing_is_answered(start: Start) -> None:
    client = start(keys=KEYS)
    open_to_all = set()
    for path, operations in client.get("/openapi.json").json()["paths"].items():
        for method, operation in operations.items():
            answer = client.request(
                method, path.format(document_id="0" * 32, job_id="0" * 32, vector_store_id="x", index="x")
            )
            if answer.status_code == 401:
                assert answer.headers["www-authenticate"] == "Bearer"
                assert operation["security"]
            elif path.endswith("/retrieval"):
                assert answer.status_code == 403, "by this, Dify tells that a key is wrong"
            else:
                open_to_all.add(path)
                assert not operation["security"]
    assert open_to_all == {"/health", "/ready"}
    assert client.get("/").status_code == client.get("/docs").status_code == 200


def test_a_key_does_what_its_scope_says(start: Start) -> None:
    client = start(keys=KEYS)
    body = {"source": "a", "text": "Rain."}
    assert client.get("/stats", headers=bearer("wrong-secret-0123456789")).status_code == 401
    assert client.get("/stats", headers=bearer(READ)).status_code == 200
    assert client.get("/stats", headers={"X-API-Key": READ}).status_code == 200
    assert client.post("/search", json={"query": "rain"}, headers=bearer(READ)).status_code == 200
    for answer in (
        client.post("/documents", json=body, headers=bearer(READ)),
        client.post("/sync", json={"folder": "docs"}, headers=bearer(READ)),
        client.delete(f"/documents/{'0' * 32}", headers=bearer(READ)),
    ):
        assert (answer.status_code, kind_of(answer)) == (403, "forbidden")
    assert client.post("/documents", json=body, headers=bearer(WRITE)).status_code == 201


def test_a_route_that_nobody_thought_of_needs_the_scope_admin() -> None:
    assert access.scope_needed("POST", "/anything") == "admin"
    assert access.scope_needed("PATCH", "/search-and-destroy") == "admin"
    assert access.scope_needed("POST", "/indexes/a/documents") == access.scope_needed("POST", "/sync") == "write"
    assert access.scope_needed("DELETE", "/indexes/documents") == access.scope_needed("GET", "/metrics") == "admin"
    assert not access.is_of_documents("/indexes/a/anything")
    assert access.scope_needed("POST", "/mcp") == access.scope_needed("POST", "/mcp/messages") == "read"


def test_every_known_key_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda a, b: compared.append(a) or a == b)
    found = KEYS.find(READ)
    assert found is not None
    assert (found.scope, len(compared)) == ("read", 2)


@pytest.mark.parametrize("line", ["root:0123456789abcdef", "0123456789abcdef", "read:short", "write:two words in it"])
def test_a_key_that_is_none_is_refused_without_showing_it(line: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        Keys.parse([line], origin="SERVE_KEYS")
    assert "SERVE_KEYS, line 1" in str(refusal.value)
    assert line.partition(":")[2] not in str(refusal.value) or not line.partition(":")[2]


def test_a_file_of_keys_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    KeyFile(file).write([])
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod"):
        Keys().with_file(file)
    file.chmod(0o600)
    assert Keys().with_file(file)
    file.write_text(f"read:{READ}\n")
    with pytest.raises(ConfigError, match="is not one that `retrieve keys` keeps"):
        Keys().with_file(file)


def test_each_key_has_a_rate_of_its_own(start: Start) -> None:
    client = start(keys=KEYS, rate=3)
    answers = [client.get("/jobs", headers=bearer(READ)) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert client.get("/jobs", headers=bearer(WRITE)).status_code == 200


# Browsers


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "", "[::1"])
def test_on_loopback_a_name_from_elsewhere_is_not_answered(start: Start, host: str) -> None:
    answer = start().get("/stats", headers={"Host": host})
    assert (answer.status_code, kind_of(answer)) == (421, "wrong-host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "[::1]:8080", "search.example"])
def test_the_names_of_this_service_are_answered(start: Start, host: str) -> None:
    client = start(hosts=frozenset({"localhost", "127.0.0.1", "::1", "search.example"}))
    assert client.get("/stats", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1234", "http://["])
def test_a_page_of_another_site_can_do_nothing(start: Start, origin: str) -> None:
    client = start()
    files = {"file": ("a.txt", b"x")}
    for answer in (
        client.post("/search", json={"query": "x"}, headers={"Origin": origin}),
        client.post("/documents", files=files, headers={"Origin": origin}),
    ):
        assert (answer.status_code, kind_of(answer)) == (403, "forbidden")
    assert client.post("/search", json={"query": "x"}, headers={"Origin": "http://localhost"}).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_body_that_a_plain_form_could_send_is_not_read(start: Start, kind: str) -> None:
    answer = start().post("/search", content=b'{"query": "x"}', headers={"Content-Type": kind} if kind else {})
    assert (answer.status_code, kind_of(answer)) == (415, "unsupported-media-type")


def test_uploads_are_forms_alone(start: Start) -> None:
    client = start(keys=KEYS)
    form = {"file": ("a.md", b"# A\n\nSea.")}
    answer = client.post("/uploads", json={"source": "a", "text": "Sea."}, headers=bearer(WRITE))
    assert (answer.status_code, kind_of(answer)) == (415, "unsupported-media-type")
    assert "multipart/form-data" in answer.json()["detail"]
    assert client.post("/uploads", files=form, headers=bearer(READ)).status_code == 403
    assert client.post("/uploads", files=form, headers=bearer(WRITE)).json()["documents"][0]["source"] == "uploads/a.md"


def test_every_answer_tells_browsers_to_be_careful(start: Start) -> None:
    client = start()
    for path in ("/", "/stats", "/nowhere"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


# Sizes


def test_a_body_that_is_too_long_is_refused_from_its_header(start: Start) -> None:
    answer = start().post("/search", content=b" " * (access.MAX_JSON + 1), headers={"Content-Type": "application/json"})
    assert (answer.status_code, kind_of(answer)) == (413, "too-large")


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b"])
def test_a_body_that_does_not_say_how_long_it_is_is_cut_off(start: Start, kind: str) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' if "multi" in kind else b" "
        for _ in range(1000):
            sent += 1
            yield b" " * 100_000

    client = start(upload_megabytes=1.0)
    answer = client.post("/documents", content=endless(), headers={"Content-Type": kind})
    assert (answer.status_code, kind_of(answer)) == (413, "too-large")
    assert client.get("/documents").json()["total"] == 0


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async def never() -> Message:
        return await asyncio.get_running_loop().create_future()

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()

    scope = {"type": "http", "method": "GET", "path": "/stats", "headers": [(b"host", b"localhost")]}
    with pytest.raises(Refusal) as refusal:
        await access.AccessControl(reading, ServeSettings(indexes={"index": Path("index")}, seconds=0.05))(
            scope, never, never
        )
    assert refusal.value.status_code == 408


def test_more_files_than_are_taken_at_once_are_refused(start: Start) -> None:
    files = [("file", (f"{number}.txt", b"x")) for number in range(30)]
    answer = start().post("/documents", files=files)
    assert (answer.status_code, kind_of(answer)) == (400, "malformed")


# Rerankers


class LongestFirst:
    """A cross-encoder that likes long passages."""

    def score(self, query: str, passages: Sequence[str]) -> NDArray[np.float64]:
        return np.array([len(passage) for passage in passages], np.float64)


def test_only_the_reranker_of_the_start_can_be_asked_for(start: Start, tmp_path: Path) -> None:
    client = start(reranker=ConfiguredReranker(name="longest", model=LongestFirst()))
    for source, text in (("short", "Rain, rain."), ("long", "Rain is a word that begins a long text here.")):
        assert client.post("/documents", json={"source": source, "text": text}).status_code == 201
    for rerank, first in ((None, "short"), (True, "long"), ("longest", "long")):
        answer = client.post("/search", json={"query": "rain", "mode": "lexical", "rerank": rerank}).json()
        assert answer["results"][0]["hits"][0]["source"] == first
    for other in (str(tmp_path), "cross-encoder/ms-marco-MiniLM-L6-v2", "http://127.0.0.1:1/rerank", "longest#other"):
        answer = client.post("/search", json={"query": "rain", "rerank": other})
        assert (answer.status_code, kind_of(answer)) == (422, "query")
    assert client.get("/stats").json()["reranker"] == "longest"


@pytest.mark.slow
def test_a_folder_that_is_synced_meanwhile_is_a_conflict_too(start: Start, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "rain.md").write_text("Rain.")
    client = start()
    assert client.post("/documents", json={"source": "memo", "text": "There is an index."}).status_code == 201
    written = client.app_state["service"].indexes.get()._writes.submit(lambda index: sync(tmp_path / "docs", index))
    answer = client.post("/documents", json={"source": "docs/snow.md", "text": "Snow."})
    assert written.result().added == 1
    assert (answer.status_code, kind_of(answer)) == (409, "conflict")


# Models

SEARCHED = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "search", "arguments": {"query": "rain"}},
}
SPOKEN = {"Accept": "application/json, text/event-stream"}


def told(answer: httpx2.Response) -> dict[str, Any]:
    """The result of a tool, from the one event that has it."""
    assert answer.status_code == 200, answer.text
    data = next(line for line in answer.text.splitlines() if line.startswith("data: {"))
    return dict(json.loads(data.removeprefix("data: "))["result"])


@contextmanager
def places_taken(client: TestClient, count: int) -> Iterator[list[Future[bool]]]:
    """By searches that end with the block, and with True."""
    finish, queue = Event(), client.app_state["service"].work_queue
    try:
        taken = [client.portal.start_task_soon(queue.run, finish.wait) for _ in range(count)]
        client.portal.call(lambda: None)
        yield taken
    finally:
        finish.set()


def test_tools_wait_in_the_same_line_as_searches(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    client = start(threads=1, waiting=0)
    with places_taken(client, 1) as taken:
        busy = told(client.post("/mcp", json=SEARCHED, headers=SPOKEN))
        assert busy["isError"]
        assert "try again" in busy["content"][0]["text"]
    assert [one.result() for one in taken] == [True]
    with caplog.at_level(logging.INFO, "retrieval"):
        assert not told(client.post("/mcp", json=SEARCHED, headers=SPOKEN))["isError"]
    assert client.post("/search", json={"query": "rain"}).status_code == 200
    client.get("/openapi.json")
    figures = client.get("/metrics").text
    assert 'route="/mcp",status="200"' in figures
    assert 'route="/openapi.json"' in figures


@pytest.mark.parametrize("path", ["/search", "/mcp"])
def test_a_search_tells_its_stages_whichever_way_it_comes(start: Start, path: str) -> None:
    client = start()
    documents = [{"source": "memo", "text": "Rain falls."}, {"source": "note", "text": "Bread rises."}]
    assert client.post("/documents", json={"documents": documents}).status_code == 201
    assert 'stage="search"' not in client.get("/metrics").text
    client.post(path, json={"query": "rain"} if path == "/search" else SEARCHED, headers=SPOKEN)
    figures = client.get("/metrics").text
    for stage in ("search", "embedding", "lexical", "dense", "hits"):
        assert f'retrieval_stage_seconds_count{{stage="{stage}"}} 1.0' in figures


def test_what_waits_too_long_for_its_turn_gives_its_place_back(start: Start) -> None:
    client = start(threads=1, waiting=1, seconds=0.5)
    queue = client.app_state["service"].work_queue
    with places_taken(client, 1) as taken:
        late = told(client.post("/mcp", json=SEARCHED, headers=SPOKEN))
        assert late["isError"]
        assert "0.5 s" in late["content"][0]["text"]
    with pytest.raises(Refusal):
        taken[0].result()
    queue._threads.submit(bool).result()  # so that the one thread has come to the end of its line
    assert client.portal.call(queue.run, lambda: True)


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_models_have_nothing_but_answers(start: Start, method: str) -> None:
    answer = start().request(method, "/mcp", headers=SPOKEN)
    assert (answer.status_code, kind_of(answer), answer.headers["allow"]) == (405, "method-not-allowed", "POST")


def test_another_version_of_mcp_does_not_stop_the_service(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "mcp.server.mcpserver", None)
    monkeypatch.delitem(sys.modules, "retrieval.adapters.mcp.server", raising=False)
    client = start()
    assert client.get("/stats").status_code == 200
    assert client.post("/mcp", json=SEARCHED, headers=SPOKEN).status_code == 404
    assert "another version" in caplog.text


# Trouble


def test_what_does_not_fit_into_the_queue_is_refused_at_once(start: Start) -> None:
    client = start(threads=1, waiting=1)
    with places_taken(client, 2) as taken:
        answer = client.post("/search", json={"query": "rain"})
        assert (answer.status_code, kind_of(answer), answer.headers["retry-after"]) == (503, "busy", "1")
    assert [one.result() for one in taken] == [True, True]
    assert client.post("/search", json={"query": "rain"}).status_code == 200


def test_an_index_that_is_being_made_is_said_to_be_so(start: Start, tmp_path: Path) -> None:
    client = start()
    with HybridIndex.open(tmp_path / "index") as other, other.writing() as writer:
        writer.begin()
        answer = client.post("/search", json={"query": "rain"})
        assert (answer.status_code, kind_of(answer), answer.headers["retry-after"]) == (503, "index-unusable", "2")
        assert "being made" in answer.json()["detail"]
        assert client.get("/metrics").status_code == 200
    assert client.post("/search", json={"query": "rain"}).status_code == 200


async def test_a_stream_in_which_nothing_happens_shows_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_sent, "_SILENCE", 0.01)
    happens = asyncio.Event()

    async def events() -> AsyncIterator[jobs.Event]:
        await happens.wait()
        yield jobs.Event("done", {"added": 1})

    stream = server_sent.as_stream(events())
    assert (await anext(stream)).startswith(b":")
    happens.set()
    assert [data async for data in stream if not data.startswith(b":")] == [b'event: done\ndata: {"added": 1}\n\n']


def test_a_request_that_takes_too_long_is_given_up(start: Start) -> None:
    client = start(threads=1, waiting=1, seconds=0.05)
    service, finish = client.app_state["service"], Event()
    try:
        with pytest.raises(Refusal, match=r"0\.05 s"):
            client.portal.call(service.work_queue.run, finish.wait)
    finally:
        finish.set()


def test_an_error_that_nobody_foresaw_tells_nothing(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Searcher, "stats", lambda self: {}["the secret of the index"])
    answer = start().get("/stats", headers={"X-Request-ID": "abc-123"})
    assert (answer.status_code, kind_of(answer)) == (500, "internal")
    assert "secret" not in answer.text
    assert any("abc-123" in record.getMessage() and record.exc_info for record in caplog.records)


@pytest.mark.parametrize("given", ["a b", "a" * 65, "ä", "a;b", "<script>", ""])
def test_a_request_id_that_could_be_more_is_not_taken(start: Start, given: str) -> None:
    answer = start().get("/health", headers={"X-Request-ID": given.encode()})
    assert answer.headers["x-request-id"] != given
    assert len(answer.headers["x-request-id"]) == 32


def test_the_log_has_a_line_of_json_for_each_request_and_no_secrets(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    client = start(keys=KEYS)
    with caplog.at_level(logging.INFO, "retrieval"):
        client.post("/search", json={"query": "confidential"}, headers={**bearer(READ), "X-Request-ID": "r1"})
        client.get("/hush-hush", headers=bearer(READ))
    lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records if record.message == "answered"]
    assert [(line["request_id"], line["route"], line["status"]) for line in lines][:1] == [("r1", "/search", 200)]
    assert [line["route"] for line in lines][1:] == ["none"]
    assert all(line["caller"].startswith("read-") for line in lines)
    for secret in (READ, "hush", "confidential"):
        assert secret not in json.dumps(lines)


# Bodies that do not fit


@pytest.mark.parametrize(
    ("body", "pointer", "says"),
    [
        ({"query": "rain", "topk": 3}, "#/topk", "there is no such field"),
        ({"query": 3}, "#/query", "Input should be a valid string"),
        ({"queries": ["rain", ""]}, "#/queries/1", "String should have at least 1 character"),
        ({"query": "rain", "expand": 50}, "#/expand", "Input should be less than or equal to 20, or 'section'"),
        ({"query": "rain", "top_k": 1.5}, "#/top_k", "Input should be a valid integer"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_pointed_at_in_words(start: Start, body: dict[str, Any], pointer: str, says: str) -> None:
    (error,) = start().post("/search", json=body).json()["errors"]
    assert error == {"pointer": pointer, "detail": says}


def test_a_part_of_a_document_that_does_not_fit_is_pointed_at(start: Start) -> None:
    documents = [{"source": "a", "text": ""}, {"source": "b", "text": "x", "metadata": {"x/y": None}}, {"source": "c"}]
    errors = start().post("/documents", json={"documents": documents}).json()["errors"]
    assert [error["pointer"] for error in errors] == [
        "#/documents/0/text",
        "#/documents/1/metadata/x~1y",
        "#/documents/2/text",
    ]


def test_a_whole_number_may_be_written_with_a_point(start: Start) -> None:
    assert start().post("/search", json={"query": "rain", "top_k": 3.0, "expand": 1.0}).status_code == 200


NAMES = [f"x{number}" for number in range(1000)]


@pytest.mark.parametrize(
    ("model", "values", "most"),
    [
        (SearchBody, {"query": "rain", **dict.fromkeys(NAMES)}, 1),
        (SearchBody, {"queries": [1] * 1000}, 1),
        (SearchBody, {"queries": [""] * MAX_QUERIES}, MAX_QUERIES),
        (SearchBody, {"query": "rain", "expand": [[]] * 1000, "mode": [[]] * 1000}, 3),
        (DocumentBody, [{}] * 1000, 1),
        (DocumentBody, dict.fromkeys(NAMES), 1),
        (DocumentBody, {"source": "a", "text": "x", "metadata": dict.fromkeys([*NAMES, "one more"])}, 1),
        (DocumentBody, {"source": "a", "text": "x", "metadata": dict.fromkeys(NAMES)}, 5),
        (DocumentBody, {"source": "a", "text": "x", "metadata": dict.fromkeys(NAMES, float("nan"))}, 5),
        (DocumentsBody, {"documents": [{}] * 1000}, 1),
        (DocumentsBody, {"documents": [dict.fromkeys(NAMES)] * 100}, 100),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_few_errors_are_collected_of_much_that_does_not_fit(model: type[BaseModel], values: Any, most: int) -> None:
    """Each costs time: there are five for a value, one for each type that it could have had."""
    with pytest.raises(ValidationError) as refusal:
        model.model_validate(values)
    assert refusal.value.error_count() <= most


@pytest.mark.parametrize(
    "where",
    [
        {"a" * 100_000: {"$like": 1}},
        {"a": {"$in": [1.5, *[1] * 100_000]}},
        {"$or": [{"a": 1}] * 100_000},
        {"a": 1, **dict.fromkeys(NAMES, 1)},
    ],
    ids=["name", "values", "conditions", "keys"],
)
def test_of_a_long_filter_that_is_refused_little_is_told(start: Start, where: dict[str, Any]) -> None:
    client = start()
    client.post("/documents", json={"source": "memo", "text": "Rain."})
    answer = client.post("/search", json={"query": "rain", "where": where})
    assert (answer.status_code, kind_of(answer)) == (422, "query")
    assert "where" in answer.json()["detail"]
    assert len(answer.content) < 2_000


def test_of_much_that_does_not_fit_little_is_told(start: Start) -> None:
    body = {"source": "a", "text": "x", "metadata": {f"x{number}": [] for number in range(10_000)}}
    answer = start().post("/documents", json=body)
    assert kind_of(answer) == "invalid"
    assert len(answer.content) < 10_000


# What is not a client's to know


def test_the_places_of_this_machine_are_in_the_log_alone(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def damaged(self: Searcher) -> None:
        raise IndexDamagedError("/srv/data/index/index.json is damaged; remove '/srv/data/index' and sync again.")

    monkeypatch.setattr(Searcher, "stats", damaged)
    answer = start().get("/stats")
    assert (answer.status_code, kind_of(answer)) == (503, "index-unusable")
    assert answer.json()["detail"] == "index.json is damaged; remove 'index' and sync again."
    assert "/srv/data/index/index.json" in caplog.text


# The end


async def test_what_takes_longer_than_the_grace_is_given_up(
    tmp_path: Path, share_model: Embedder, caplog: pytest.LogCaptureFixture
) -> None:
    service, finish = Service(ServeSettings(indexes={"index": tmp_path / "index"}, grace=0.1)), Event()
    try:
        service.indexes.get()._writes.submit(lambda index: finish.wait())
        await service.end()
        assert service.is_given_up
        assert "Given up after 0.1 s" in caplog.text
    finally:
        finish.set()


async def test_a_request_that_is_cut_off_at_the_end_is_told_so() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return await asyncio.get_running_loop().create_future()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()

    scope = {"type": "http", "method": "GET", "path": "/stats", "headers": []}
    request = asyncio.ensure_future(RequestLog(endless, Metrics())(scope, receive, send))
    await asyncio.sleep(0)
    request.cancel()
    await request
    assert sent[0]["status"] == 503
    assert json.loads(sent[1]["body"])["type"].endswith(":busy")


def test_a_model_that_cannot_be_loaded_is_tried_again(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Embedder, "embed_queries", lambda self, queries: {}["broken"])
        client = start()
        wait_for(lambda: "could not be loaded" in caplog.text)
        assert client.get("/ready").status_code == 503
    wait_for(lambda: client.get("/ready").status_code == 200)


def test_an_index_that_does_not_exist_yet_is_warned_of(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    start()
    wait_for(lambda: "There is no index at" in caplog.text)
    assert "`ingest sync FOLDER --index " in caplog.text


@pytest.mark.slow
def test_so_many_uploads_at_once_are_taken_and_no_more(start: Start) -> None:
    client = start()
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(client.app_state["service"].uploading())
        answer = client.post("/documents", files={"file": ("a.txt", b"x")})
        assert (answer.status_code, kind_of(answer)) == (503, "busy")
    assert client.post("/documents", files={"file": ("a.txt", b"x")}).status_code == 201


# Addresses and folders


def test_a_service_answers_to_the_address_that_it_listens_at() -> None:
    assert "127.0.0.2" in serve_names_cli.hosts("127.0.0.2", [], is_local=True)
    assert serve_names_cli.hosts("0.0.0.0", [], is_local=False) == frozenset()
    assert "0.0.0.0" not in serve_names_cli.hosts("0.0.0.0", ["search.example"], is_local=False)


def test_a_folder_may_have_an_equals_sign_in_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("year=2024", "plain"):
        (tmp_path / name).mkdir()
    year = tmp_path / "year=2024"

    def folders(*given: str) -> dict[str, Path]:
        return serve_names_cli.folders(list(given), {"index": tmp_path}, is_single=True)["index"]

    assert folders(str(year)) == {"year=2024": year}
    assert folders(f"notes={year}") == {"notes": year}
    monkeypatch.chdir(tmp_path)
    assert folders("year=2024", "p=plain") == {"year=2024": year, "p": tmp_path / "plain"}


@pytest.mark.parametrize("sent", [b"", b"GET /health HTTP/1.1\r\nHost: local"])
async def test_headers_that_do_not_come_are_not_waited_for(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.05)

    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError

    config = uvicorn.Config(never, lifespan="off")
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: connections.PromptConnection(config, state, {}), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(sent)
        assert await asyncio.wait_for(reader.read(), 30) == b""
        writer.close()
        await writer.wait_closed()
