"""An event loop goes on while an index is searched, and one open index serves many tasks and threads at once."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest import add
from retrieval import Document, HybridIndex
from retrieval.errors import QueryError

Open = Callable[..., HybridIndex]

QUESTIONS = [f"which river flows past the mill of town {n}?" for n in range(40)]
_DEADLINE = 30.0


class GatedReranker:
    """Holds a search up, in whichever thread it runs, until the gate is opened."""

    def __init__(self) -> None:
        self.entered, self.gate = threading.Event(), threading.Event()

    def score(self, query: str, passages: Sequence[str]) -> NDArray[np.float64]:
        self.entered.set()
        assert self.gate.wait(_DEADLINE), "nobody opened the gate: the event loop stood still"
        return np.zeros(len(passages))


@pytest.fixture
def index(open_index: Open) -> HybridIndex:
    index = open_index()
    add([Document(f"{n}.txt", f"The river {n} flows past the mill of town {n}.") for n in range(40)], index)
    return index


async def ask_index(index: HybridIndex, reranker: GatedReranker) -> object:
    return await index.asearch(QUESTIONS[0], 3, rerank=reranker)


async def ask_langchain(index: HybridIndex, reranker: GatedReranker) -> object:
    from retrieval.adapters import langchain

    return await langchain.HybridRetriever(index=index, top_k=3, rerank=reranker).ainvoke(QUESTIONS[0])


async def ask_langchain_for_many(index: HybridIndex, reranker: GatedReranker) -> object:
    from retrieval.adapters import langchain

    return await langchain.HybridRetriever(index=index, top_k=3, rerank=reranker).abatch(QUESTIONS[:2])


async def ask_llamaindex(index: HybridIndex, reranker: GatedReranker) -> object:
    from retrieval.adapters import llamaindex

    return await llamaindex.HybridRetriever(index, top_k=3, rerank=reranker).aretrieve(QUESTIONS[0])


async def ask_haystack(index: HybridIndex, reranker: GatedReranker) -> object:
    from retrieval.adapters import haystack

    return (await haystack.HybridRetriever(index, top_k=3, rerank=reranker).run_async(QUESTIONS[0]))["documents"]


Ask = Callable[[HybridIndex, GatedReranker], Awaitable[object]]


@pytest.mark.parametrize(
    "ask",
    [
        ask_index, ask_langchain, pytest.param(ask_langchain_for_many, marks=pytest.mark.slow),
        pytest.param(ask_llamaindex, marks=pytest.mark.slow), pytest.param(ask_haystack, marks=pytest.mark.slow),
    ],
)  # fmt: skip
async def test_the_loop_goes_on_while_a_search_runs(index: HybridIndex, ask: Ask) -> None:
    """The search can only end once the loop has gone on to open the gate."""
    reranker, ticks = GatedReranker(), 0

    async def tick() -> None:
        nonlocal ticks
        while not reranker.entered.is_set() or ticks < 100:
            await asyncio.sleep(0)
            ticks += 1
        reranker.gate.set()

    found, _ = await asyncio.gather(ask(index, reranker), tick())
    assert isinstance(found, list)
    assert found
    assert ticks >= 100


@pytest.mark.slow
async def test_many_searches_at_once_find_what_each_finds_alone(index: HybridIndex) -> None:
    alone = [index.search(question, 5) for question in QUESTIONS]
    assert await asyncio.gather(*(index.asearch(question, 5) for question in QUESTIONS)) == alone


async def test_a_cancelled_search_leaves_the_index_usable(index: HybridIndex) -> None:
    reranker = GatedReranker()
    tasks = [asyncio.create_task(index.asearch(question, rerank=reranker)) for question in QUESTIONS]
    while not reranker.entered.is_set():
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    reranker.gate.set()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ended)
    assert (await index.asearch(QUESTIONS[7], 1))[0].source == "7.txt"
    add([Document("new.txt", "A volcano.")], index)
    assert (await index.asearch("volcano", 1))[0].source == "new.txt"


async def test_an_error_reaches_who_awaits_it(index: HybridIndex) -> None:
    answers = await asyncio.gather(index.asearch("??"), index.asearch(QUESTIONS[3], 1), return_exceptions=True)
    assert isinstance(answers[0], QueryError)
    assert isinstance(answers[1], list)
    assert answers[1][0].source == "3.txt"


@pytest.mark.slow
def test_threads_share_one_index_with_a_thread_that_writes(open_index: Open) -> None:
    """Each answer is of one generation: all the documents of a publication, or none of them."""
    index, rounds = open_index(), 4
    add([Document(f"0/{n}", f"Stone {n}.") for n in range(4)], index)
    start, written = threading.Barrier(5), threading.Event()

    def write() -> None:
        start.wait(_DEADLINE)
        try:
            for number in range(1, rounds):
                add([Document(f"{number}/{n}", f"Stone {n}.") for n in range(4)], index)
        finally:
            written.set()

    def read() -> list[int]:
        start.wait(_DEADLINE)
        counts = []
        while not written.is_set():
            counts.append(len(index.search("stone", 100, mode="lexical", collapse=False)))
        return [*counts, len(index.search("stone", 100, mode="lexical", collapse=False))]

    with ThreadPoolExecutor(5) as threads:
        readers = [threads.submit(read) for _ in range(4)]
        threads.submit(write).result()
        for counts in (reader.result() for reader in readers):
            assert counts == sorted(counts)
            assert all(count % 4 == 0 for count in counts)
            assert counts[-1] == 4 * rounds
