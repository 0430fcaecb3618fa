"""What the page says, and does, when its server fails, is slow, or wants a key."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser import Browser, chromium
from tests.scripted_server import STATS, Answer, Headers, ScriptedServer, found, problem, scripted

REPORT = {
    "added": 2, "updated": 0, "deleted": 0, "unchanged": 0, "seconds": 1.5, "interrupted": False,
    "failed": [{"source": "docs/broken.pdf", "reason": "It ends too early."}],
    "skipped": [{"source": f"docs/{n}.bin", "reason": "No loader reads it."} for n in range(25)],
}  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def server(browser: Browser) -> Iterator[ScriptedServer]:
    """Answers as a script says; the page is left before it ends."""
    with scripted() as started:
        yield started
        browser.open("about:blank")


def searches_answer(server: ScriptedServer, *answers: Answer) -> None:
    """One after the other, the last for good."""
    left = list(answers)

    def answer(path: str, body: Any, headers: Headers) -> Answer:
        if path != "/search":
            return Answer(STATS)
        return left.pop(0) if len(left) > 1 else left[0]

    server.answer = answer


def ask(browser: Browser, query: str) -> None:
    browser.one("#query").send_keys(Keys.CONTROL, "a")
    browser.one("#query").send_keys(query, Keys.ENTER)


def test_a_server_that_is_gone_is_said_to_be_and_found_again(browser: Browser, server: ScriptedServer) -> None:
    searches_answer(server, found("first"))
    browser.open(f"{server.origin}/?q=rain")
    browser.says(".hit", "first")
    server.stop()
    ask(browser, "snow")
    browser.says(".failure", "cannot be reached")
    assert not browser.all(".hit")  # what answered another question
    searches_answer(server, found("second"))
    server.start()
    browser.one(".failure button").click()
    browser.says(".hit", "second")


@pytest.mark.slow
def test_a_busy_server_is_asked_again_when_it_says(browser: Browser, server: ScriptedServer) -> None:
    searches_answer(server, problem(503, "All places are taken.", Retry_After="1"), found("at last"))
    browser.open(f"{server.origin}/?q=rain")
    assert "Trying again in 1 second" in browser.says(".failure", "All places are taken.")
    browser.one("#query").send_keys(" and snow")
    browser.says(".hit", "at last")
    assert browser.one("#query").get_attribute("value") == "rain and snow"  # what was being typed is still there


@pytest.mark.slow
def test_the_focus_stays_with_who_writes_on_while_the_answer_comes(browser: Browser, server: ScriptedServer) -> None:
    asked, goes_on = threading.Event(), threading.Event()

    def slowly() -> Iterator[str]:
        asked.set()
        goes_on.wait(30)
        yield json.dumps(found("rainfall").body)

    searches_answer(server, Answer(slowly()))
    browser.open(server.origin)
    browser.one("#query").send_keys("rain", Keys.ENTER)
    assert asked.wait(10)
    browser.press(" and snow")
    goes_on.set()
    browser.says(".hit", "rainfall")
    browser.press("j")
    assert browser.one("#query").get_attribute("value") == "rain and snowj"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (problem(500, "Request 12 failed."), "The server failed (500): Request 12 failed."),
        pytest.param(Answer("<html>Bad gateway</html>", 502), "The server failed (502)", marks=pytest.mark.slow),
        (Answer("<html>Welcome to the hotel</html>"), "not JSON"),
        pytest.param(problem(429, "More than 60 a minute."), "More than 60 a minute", marks=pytest.mark.slow),
    ],
)
def test_a_failure_is_put_in_words_and_can_be_tried_again(
    browser: Browser, server: ScriptedServer, answer: Answer, words: str
) -> None:
    searches_answer(server, answer, found("again"))
    browser.open(f"{server.origin}/?q=rain")
    browser.says(".failure", words)
    browser.one(".failure button").click()
    browser.says(".hit", "again")


@pytest.mark.slow
def test_a_side_that_fails_leaves_the_others(browser: Browser, server: ScriptedServer) -> None:
    def answer(path: str, body: Any, headers: Headers) -> Answer:
        if path != "/search":
            return Answer(STATS)
        return problem(500, "The model is gone.") if body["mode"] == "dense" else found(body["mode"])

    server.answer = answer
    browser.open(f"{server.origin}/?q=rain&view=compare")
    browser.one("#tab-side-dense").click()
    browser.says(".column:nth-child(2) .failure", "The model is gone.")
    assert len(browser.all(".hit")) == 2


@pytest.mark.slow
def test_a_late_answer_never_replaces_a_newer_one(browser: Browser, server: ScriptedServer) -> None:
    late, sent = threading.Event(), threading.Event()

    def slowly(answer: Answer) -> Iterator[str]:
        late.wait(30)
        yield json.dumps(answer.body)
        sent.set()

    def answer(path: str, body: Any, headers: Headers) -> Answer:
        if path != "/search":
            return Answer(STATS)
        return found("newer") if body["query"] == "newer" else Answer(slowly(found("older")))

    server.answer = answer
    browser.open(f"{server.origin}/?q=older")
    browser.one("#busy")
    ask(browser, "newer")
    browser.says(".hit", "newer")
    late.set()
    assert sent.wait(10)
    browser.run("return fetch('stats').then((answer) => answer.json())")  # the page had its turn
    assert browser.texts(".excerpt") == ["newer"]
    assert not browser.one("#columns[aria-busy=false] .hit").get_attribute("aria-busy")


@pytest.mark.slow
def test_a_slow_server_is_said_to_be(browser: Browser, server: ScriptedServer) -> None:
    late = threading.Event()

    def slowly() -> Iterator[str]:
        late.wait(30)
        yield json.dumps(found("older").body)

    searches_answer(server, Answer(slowly()), found("newer"))
    browser.open(f"{server.origin}/?q=rain")
    browser.says("#slow", "still waiting")
    browser.one("#slow-retry").click()
    browser.says(".hit", "newer")
    assert browser.gone("#slow")
    late.set()


@pytest.mark.slow
def test_a_key_is_asked_for_and_kept_in_the_tab_alone(browser: Browser, server: ScriptedServer) -> None:
    def answer(path: str, body: Any, headers: Headers) -> Answer:
        if headers["Authorization"] != "Bearer open-sesame":
            return problem(401, "Authorization: Bearer KEY.")
        return found("behind the door") if path == "/search" else Answer(STATS)

    server.answer = answer
    browser.open(f"{server.origin}/?q=rain")
    browser.says("#key-reason", "only those who have a key")
    assert browser.focused == browser.one("#key-input")
    browser.press("wrong", Keys.ENTER)
    browser.says("#key-reason", "This key was not accepted.")
    browser.until(lambda: browser.focused == browser.one("#key-input") and not browser.focused.get_attribute("value"))
    browser.press("open-sesame", Keys.ENTER)
    browser.says(".hit", "behind the door")
    browser.says("#index-button", "3 documents")
    assert "sesame" not in browser.driver.current_url
    assert browser.run("return document.cookie + JSON.stringify(localStorage)") == "{}"
    browser.open(f"{server.origin}/?q=again")
    browser.says(".hit", "behind the door")
    browser.one("#key-button").click()
    browser.one("#key-input").send_keys(Keys.ENTER)
    browser.says("#key-reason", "only those who have a key")
    assert browser.run("return sessionStorage.length") == 0


@pytest.mark.slow
def test_a_key_that_may_only_read_is_said_to(browser: Browser, server: ScriptedServer) -> None:
    silent = Answer(": still there\n\n")
    answers = {"/jobs": Answer({"jobs": []}), "/stats": Answer(STATS), "/jobs/7": silent}

    def answer(path: str, body: Any, headers: Headers) -> Answer:
        if path == "/sync":
            may_write = headers["Authorization"] == "Bearer writes"
            return Answer({"id": "7", "status": "queued"}, 202) if may_write else problem(403, "Send the scope write.")
        return answers.get(path, Answer({"total": 0, "documents": []}))

    server.answer = answer
    browser.open(server.origin)
    browser.run("sessionStorage.setItem('api-key', 'reads')")
    browser.one("#index-button").click()
    browser.one("#sync-button").click()
    assert "scope" not in browser.says("#sync-state", "This key may search but not sync.")
    assert not browser.one("#sync-button").is_enabled()
    browser.one("#sync-state button").click()
    browser.press("writes", Keys.ENTER)
    browser.says("#sync-state", "went silent")
    assert browser.one("#sync-button").is_enabled()
    browser.run("sessionStorage.clear()")


@pytest.mark.slow
def test_a_sync_is_followed_to_its_end(browser: Browser, server: ScriptedServer) -> None:
    goes_on = threading.Event()
    done = {"documents": 1, "total_documents": 2, "bytes": 500, "total_bytes": 2_000_000, "chunks": 7, "tokens": 900}

    def events() -> Iterator[str]:
        yield f"event: progress\ndata: {json.dumps(done)}\n"
        yield "\n: still there\n\n"
        goes_on.wait(30)
        yield f"event: done\r\ndata: {json.dumps(REPORT)}\r\n\r"
        yield "\n"

    answers = {"/sync": {"id": "7", "status": "queued"}, "/jobs": {"jobs": []}, "/stats": STATS}

    def answer(path: str, body: Any, headers: Headers) -> Answer:
        if path == "/jobs/7":
            return Answer(events() if headers["Accept"] == "text/event-stream" else {})
        return Answer(answers.get(path, {"total": 0, "documents": []}), 202 if path == "/sync" else 200)

    server.answer = answer
    browser.open(server.origin)
    browser.one("#index-button").click()
    browser.one("#sync-button").click()
    browser.says("#sync-state", "1 of 2 documents")
    assert 0 < float(browser.one("progress").get_attribute("value")) < 2_000_000
    goes_on.set()
    said = browser.says(
        "#sync-state", "Done in 1.5 s: 2 added, 0 updated, 0 deleted, 0 unchanged, 1 failed, 25 skipped."
    )
    assert "docs/" not in said
    listed = browser.says("#failures", "docs/broken.pdf")
    assert listed.startswith("26 files not indexed as a whole")
    for words in ("It ends too early.", "docs/0.bin", "No loader reads it."):
        assert words in listed
    browser.one("#failures button").click()
    browser.says("#failures", "docs/24.bin")
    assert len(browser.all("#failures li")) == 26
    browser.one("#sync-button:enabled")


@pytest.mark.slow
def test_a_sync_that_fails_or_falls_silent_is_said_to_have(browser: Browser, server: ScriptedServer) -> None:
    locked = json.dumps({"title": "Locked", "status": 409, "detail": "Process 12 is writing."})
    stopped = json.dumps(REPORT | {"added": 1, "interrupted": True})
    streams = [
        f"event: failed\ndata: {locked}\n\n",
        ": still there\n\n",
        f"event: interrupted\ndata: {stopped}\n\n",
    ]
    answers = {"/sync": {"id": "7", "status": "queued"}, "/jobs": {"jobs": []}, "/stats": STATS}

    def answer(path: str, body: Any, headers: Headers) -> Answer:
        if path == "/jobs/7":
            return Answer(streams.pop(0))
        return Answer(answers.get(path, {"total": 0, "documents": []}))

    server.answer = answer
    browser.open(server.origin)
    browser.one("#index-button").click()
    browser.one("#sync-button").click()
    browser.says("#sync-state", "Process 12 is writing.")
    browser.one("#sync-button:enabled").click()
    browser.says("#sync-state", "went silent")
    browser.one("#sync-button:enabled").click()
    assert "silent" not in browser.says("#sync-state", "Interrupted (sync again to go on) after 1.5 s: 1 added")
