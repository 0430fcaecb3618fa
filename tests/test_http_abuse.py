"""What one client may cost a real service: seconds of its processor, and memory that stays."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import psutil
import pytest

from tests.serving import Serving, wait_for

pytestmark = pytest.mark.slow

TIMEOUT = 3
BATCH = [f"word{number}" for number in range(32)]
MEGABYTE = 10**6
Ask = Callable[[httpx.AsyncClient, int], Awaitable[httpx.Response]]


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Over 1,000 documents, warm."""
    path = tmp_path_factory.mktemp("abuse") / "index"
    with Serving(path, "--rate", "0", "--timeout", str(TIMEOUT)) as serving:
        for batch in range(10):
            texts = [" ".join(f"word{(n * 7 + at * 3 + batch) % 500}" for at in range(120)) for n in range(100)]
            documents = [{"source": f"{batch}/{n}.txt", "text": text} for n, text in enumerate(texts)]
            while serving.client.post("/documents", json={"documents": documents}).status_code not in (200, 201):
                time.sleep(0.5)
        asyncio.run(asked(serving, 8, searching(queries=BATCH, top_k=31, expand="section")))
        yield serving


def searching(**body: Any) -> Ask:
    return lambda client, _: client.post("/search", json=body if "queries" in body else {"query": "word1", **body})


def posting(path: str, content: bytes) -> Ask:
    return lambda client, _: client.post(path, content=content, headers={"Content-Type": "application/json"})


async def asked(serving: Serving, clients: int, ask: Ask) -> Counter[int]:
    """How many got which status."""
    async with httpx.AsyncClient(base_url=serving.url or "", timeout=60) as client:
        answers = await asyncio.gather(*(ask(client, number) for number in range(clients)))
    return Counter(answer.status_code for answer in answers)


REGEXES = [{"$regex": rf"\w{{100}}{number}"} for number in range(60)]
WORDS = [{"$contains": f"none{number}"} for number in range(999)]
DEEP = b'{"query": "a", "where": ' + b'{"$and": [' * 5000 + b"]}" * 5000 + b"}"
ABUSES: dict[str, tuple[int, Ask, set[int]]] = {
    "regular expressions of megabytes": (8, searching(where_document={"$or": REGEXES}), {422}),
    "conditions for each text": (16, searching(where_document={"$or": WORDS}), {200, 503}),
    "batches with sections": (50, searching(queries=BATCH, top_k=31, expand="section"), {200, 503}),
    "nested filters": (50, posting("/search", DEEP), {400, 422}),
    "long bodies": (150, posting("/documents", b" " * 3_900_000 + b"{"), {400, 503}),
    "bodies of many values": (50, posting("/documents", json.dumps({"documents": [1] * 900_000}).encode()), {422, 503}),
}  # fmt: skip


@pytest.mark.parametrize("abuse", ABUSES)
def test_after_an_abuse_the_service_is_as_it_was(serving: Serving, abuse: str) -> None:
    clients, ask, statuses = ABUSES[abuse]
    process = psutil.Process(serving.process.pid)
    memory = process.memory_info().rss
    got = asyncio.run(asked(serving, clients, ask))
    assert got.keys() <= statuses, got
    wait_for(lambda: is_at_rest(process), seconds=10)  # or else what nobody waits for goes on
    assert process.memory_info().rss < memory + 50 * MEGABYTE
    wait_for(lambda: asyncio.run(asked(serving, 50, searching())) == {200: 50}, seconds=30)
    assert not [line for line in serving.log if '"error"' in line]


def is_at_rest(process: psutil.Process) -> bool:
    """Whether it takes nearly no processor time, in half a second."""
    before = process.cpu_times()
    time.sleep(0.5)
    after = process.cpu_times()
    return after.user + after.system - before.user - before.system < 0.15
