"""Who listens to a search hears each of its stages, from whichever thread, and nobody hears another's."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ingest import add
from retrieval import Document, HybridIndex
from retrieval.timing import hearing, stage

Open = Callable[..., HybridIndex]

WORDS = ("rain", "snow", "bread", "clouds", "yeast")


class Longest:
    """A reranker that likes long passages."""

    def score(self, query: str, passages: Sequence[str]) -> NDArray[np.float64]:
        return np.array([len(passage) for passage in passages], np.float64)


@pytest.fixture
def index(open_index: Open) -> HybridIndex:
    index = open_index()
    add([Document(f"memo-{word}", f"This is about {word}.", metadata={"word": word}) for word in WORDS], index)
    return index


def heard(index: HybridIndex, queries: Sequence[str], **options: Any) -> Counter[str]:
    told: list[tuple[str, float]] = []
    with hearing(lambda name, seconds: told.append((name, seconds))):
        index.search_batch(queries, **options)
    assert all(seconds >= 0 for _, seconds in told)
    whole = [seconds for name, seconds in told if name == "search"]
    assert max(seconds for _, seconds in told) == whole[0]
    return Counter(name for name, _ in told)


@pytest.mark.parametrize(
    ("options", "stages"),
    [
        ({}, {"embedding": 1, "lexical": 1, "dense": 1, "hits": 1}),
        ({"fusion": "convex", "where": {"word": "rain"}}, {"embedding": 1, "lexical": 1, "dense": 1, "hits": 1}),
        ({"expand": 1, "highlight": False}, {"embedding": 1, "lexical": 1, "dense": 1, "hits": 1}),
        ({"mode": "dense"}, {"embedding": 1, "lexical": 1, "dense": 1, "hits": 1}),
        ({"mode": "lexical"}, {"lexical": 1, "hits": 1}),
        ({"alpha": 0}, {"lexical": 1, "hits": 1}),
        ({"rerank": Longest()}, {"embedding": 1, "lexical": 1, "dense": 1, "rerank": 1, "hits": 1}),
        ({"fusion": "rrf"}, {"embedding": 1, "lexical": 1, "dense": 2, "hits": 1}),
        ({"feedback": "both"}, {"embedding": 1, "lexical": 2, "dense": 2, "hits": 1}),
    ],
)
def test_each_stage_of_a_search_is_told(index: HybridIndex, options: dict[str, Any], stages: dict[str, int]) -> None:
    assert heard(index, ["what causes rain?"], **options) == {"search": 1, **stages}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    queries=st.lists(st.sampled_from(WORDS), min_size=1, max_size=40),
    mode=st.sampled_from(["hybrid", "dense", "lexical"]),
    reranks=st.booleans(),
)
def test_each_query_of_a_batch_is_told_of_once(
    index: HybridIndex, queries: list[str], mode: str, reranks: bool
) -> None:
    told = heard(index, queries, mode=mode, rerank=Longest() if reranks else None)
    assert told["search"] == 1
    assert told["embedding"] == (mode != "lexical")
    assert told["lexical"] == told["hits"] == len(queries)
    assert told["rerank"] == (len(queries) if reranks else 0)
    # Many are asked together by threads, and their vectors scanned for once.
    together = len(queries) >= 16 and not reranks
    assert told["dense"] == (0 if mode == "lexical" else 1 if together else len(queries))


async def test_a_search_that_is_awaited_is_heard(index: HybridIndex) -> None:
    told: list[str] = []
    with hearing(lambda name, _: told.append(name)):
        await index.asearch("rain")
    assert sorted(told) == ["dense", "embedding", "hits", "lexical", "search"]


def test_nothing_is_told_when_the_block_is_over(index: HybridIndex) -> None:
    outer: list[str] = []
    inner: list[str] = []
    with hearing(lambda name, _: outer.append(name)):
        with hearing(lambda name, _: inner.append(name)):
            index.search("rain", mode="lexical")
        index.search("rain", mode="lexical")
    index.search("rain", mode="lexical")
    assert sorted(outer) == sorted(inner) == ["hits", "lexical", "search"]


def test_a_stage_that_fails_is_not_told() -> None:
    told: list[str] = []
    with hearing(lambda name, _: told.append(name)), pytest.raises(ValueError, match="no"), stage("dense"):
        raise ValueError("no")
    assert told == []
