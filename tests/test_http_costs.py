"""No request hurts another: what one may cost in time and memory, and what becomes of it when nobody waits for it."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from retrieval import serve_names_cli
from retrieval.adapters.http import access
from retrieval.adapters.http.access import AccessControl
from retrieval.adapters.http.app import create_app
from retrieval.adapters.http.metrics import Metrics
from retrieval.adapters.http.problems import Refusal
from retrieval.adapters.http.request_log import RequestLog
from retrieval.adapters.http.service import Service
from retrieval.adapters.http.settings import ServeSettings
from retrieval.encoders import Embedder
from retrieval.errors import ConfigError
from tests.ingesting import POOL
from tests.serving import wait_for

Start = Callable[..., TestClient]
FOREIGN = "https://app.example"


@pytest.fixture
def start(tmp_path: Path, share_model: Embedder) -> Iterator[Start]:
    """Starts the application, in this process, around an index that is empty."""
    started: list[TestClient] = []

    def start(**settings: Any) -> TestClient:
        client = TestClient(
            create_app(Service(ServeSettings(indexes={"index": tmp_path / "index"}, **settings), pool=POOL)),
            base_url="http://localhost",
        )
        started.append(client.__enter__())
        return started[-1]

    yield start
    for client in started:
        client.__exit__(None, None, None)


# Time and memory


def test_a_search_that_nobody_waits_for_any_more_stops_working(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    client = start(seconds=0.4, threads=1, waiting=0)
    texts = [{"source": f"{n}.txt", "text": f"Rain {n} falls."} for n in range(100)]
    assert client.post("/documents", json={"documents": texts}).status_code == 201
    looked_at: list[str] = []

    def slow(text: str) -> bool:
        looked_at.append(text)
        time.sleep(0.05)
        return True

    monkeypatch.setattr("retrieval.segments.reader.compile_where_document", lambda _: slow)
    body = {"query": "rain", "mode": "lexical", "where_document": {"$regex": "rain"}}
    answer = client.post("/search", json=body)
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (503, "timeout")
    wait_for(lambda: client.post("/search", json={"query": "rain", "mode": "lexical"}).status_code == 200, seconds=2)
    assert len(looked_at) < 20


def test_a_regular_expression_that_would_take_megabytes_is_refused(start: Start) -> None:
    many = {"$or": [{"$regex": rf"\w{{100}}{number}"} for number in range(60)]}
    answer = start().post("/search", json={"query": "rain", "where_document": many})
    assert answer.status_code == 422
    assert "where_document: its regular expressions are too large" in answer.json()["detail"]


async def test_bodies_that_are_on_their_way_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "IN_FLIGHT", 2_500)
    release = asyncio.Event()
    got: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        size = 0
        while True:
            message = await receive()
            size += len(message["body"])
            if not message.get("more_body"):
                break
        got.append(size)
        await release.wait()

    control = AccessControl(app, ServeSettings(indexes={"unused": Path("unused")}))

    async def ask(size: int) -> int:
        parts = [{"type": "http.request", "body": b"x" * (size // 2), "more_body": more} for more in (True, False)]
        status = 0

        async def receive() -> Message:
            return parts.pop(0)

        async def send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)

        scope = {
            "type": "http", "method": "POST", "path": "/documents",
            "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
        }  # fmt: skip
        try:
            await control(scope, receive, send)
        except Refusal as refusal:  # which the framework answers with
            return refusal.status_code
        return status

    first, second = asyncio.create_task(ask(1_000)), asyncio.create_task(ask(1_000))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert got == [1_000, 1_000]
    assert await ask(1_000) == 503
    release.set()
    await asyncio.gather(first, second)
    assert await ask(10_000) == 0
    assert got[-1] == 10_000, "one that is alone may have what it needs"


async def test_a_client_that_goes_away_is_no_error_of_the_service(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise AssertionError("nobody is there to be answered")

    metrics = Metrics()
    with caplog.at_level(logging.INFO):
        await RequestLog(app, metrics)({"type": "http", "method": "POST", "path": "/", "headers": []}, receive, send)
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert b'status="499"' in metrics.exposed({})


# Whose page it is


@pytest.mark.parametrize(
    "host",
    [
        "localhost#evil",
        "localhost?x",
        "user@localhost",
        "evil\\@localhost",
        "local host",
        "localhost:80:80",
        "[::1",
        "::1",
        "localhost/",
        "",
    ],
)
def test_a_host_that_is_no_host_is_not_answered(start: Start, host: str) -> None:
    assert start().get("/health", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_an_upload_from_another_site_is_refused_without_an_origin_too(start: Start, site: str) -> None:
    client = start()
    headers = {"Sec-Fetch-Site": site}
    refused = client.post("/documents", files={"file": ("rain.md", b"# Rain")}, headers=headers)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (403, "forbidden")
    assert client.get("/", headers=headers).status_code == 200, "a link to the page may be anywhere"
    assert client.post("/search", json={"query": "rain"}, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_another_sites_page_may_ask_where_it_was_allowed_and_nowhere_else(start: Start) -> None:
    preflight = {
        "Origin": FOREIGN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key",
    }
    closed = start().post("/search", json={"query": "rain"}, headers={"Origin": FOREIGN})
    assert closed.status_code == 403
    assert "--allowed-origin" in closed.json()["detail"]
    assert "access-control-allow-origin" not in closed.headers
    client = start(origins=frozenset({FOREIGN}))
    assert client.options("/search", headers=preflight).headers["access-control-allow-origin"] == FOREIGN
    answer = client.post("/search", json={"query": "rain"}, headers={"Origin": FOREIGN})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, FOREIGN)
    other = client.post("/search", json={"query": "rain"}, headers={"Origin": "https://other.example"})
    assert (other.status_code, "access-control-allow-origin" in other.headers) == (403, False)
    assert client.options("/search", headers={**preflight, "Origin": "https://other.example"}).status_code == 400


@pytest.mark.parametrize("given", ["app.example", "https://", "https://app.example/page", "ftp://app.example", "*"])
def test_what_is_no_origin_is_not_allowed_as_one(given: str) -> None:
    with pytest.raises(ConfigError, match="is no origin; write https://"):
        serve_names_cli.origin(given)
    assert serve_names_cli.origin("https://App.Example:8443/") == "https://app.example:8443"


# What is not there


def test_a_path_or_method_that_is_not_there_is_answered_with_the_way_out(start: Start) -> None:
    client = start()
    for method, path, status, says in (
        ("GET", "/nowhere", 404, "There is no /nowhere here; /docs describes"),
        ("GET", "/documents/abc/def", 404, "/docs"),
        ("PUT", "/search", 405, "/search is not asked with PUT; send POST"),
        ("GET", "/sync", 405, "send POST"),
    ):
        answer = client.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert says in answer.json()["detail"]
    assert client.put("/search").headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("disposition", "source"),
    [
        ("filename*=UTF-8''%e2%82%ac%20rates.txt", "uploads/\u20ac rates.txt"),
        ("filename=\"fallback.txt\"; filename*=UTF-8''r%C3%A9sum%C3%A9.txt", "uploads/r\u00e9sum\u00e9.txt"),
        ('filename="=?utf-8?B?csOpc3Vtw6kudHh0?="', "uploads/r\u00e9sum\u00e9.txt"),
        ('filename="=?iso-8859-1?Q?caf=E9?= menu.txt"', "uploads/caf\u00e9 menu.txt"),
        ('filename="=?nonsense?B?csOp?=.txt"', "uploads/=?nonsense?B?csOp?=.txt"),
        ('filename="plain name.txt"', "uploads/plain name.txt"),
    ],
)
def test_names_of_uploads_are_read_as_clients_write_them(start: Start, disposition: str, source: str) -> None:
    body = (f'--b\r\nContent-Disposition: form-data; name="file"; {disposition}\r\n\r\nIt rains.\r\n--b--\r\n').encode()
    answer = start().post("/documents", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["documents"][0]["source"] == source
