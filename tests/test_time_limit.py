"""A search whose time is over ends, on whatever thread it runs."""

from collections.abc import Iterator

import pytest

from ingest import add
from retrieval import Document, HybridIndex
from retrieval.encoders import Embedder
from retrieval.errors import TimeLimitError
from retrieval.filters import compile_where_document
from retrieval.time_limit import check_time, time_limit


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, loaded_embedder: Embedder) -> Iterator[HybridIndex]:
    path = tmp_path_factory.mktemp("time-limit") / "index"
    with HybridIndex.open(path, encoder=loaded_embedder.encoder) as opened:
        add([Document(f"{n}.md", f"Rain number {n} falls.") for n in range(50)], opened)
        yield opened


def test_of_two_limits_the_earlier_holds_and_none_holds_afterwards() -> None:
    check_time()
    with time_limit(60):
        check_time()
        with time_limit(0), pytest.raises(TimeLimitError, match="time limit; ask for less"):
            check_time()
        check_time()
    with time_limit(0), time_limit(60), pytest.raises(TimeLimitError):
        check_time()
    check_time()


@pytest.mark.parametrize(
    "options",
    [
        {}, {"where_document": {"$regex": "rain"}}, {"where_document": {"$contains": "rain"}, "mode": "lexical"},
        {"where": {"$or": [{"source": "1.md"}, {"source": "2.md"}]}}, {"mode": "dense", "expand": 5},
    ],
)  # fmt: skip
def test_a_search_ends_with_its_time_and_the_next_is_whole(index: HybridIndex, options: dict[str, object]) -> None:
    with time_limit(0), pytest.raises(TimeLimitError):
        index.search("rain falls", **options)
    assert index.search("rain falls", mode="dense")


def test_searches_on_other_threads_end_too(index: HybridIndex) -> None:
    queries = [f"rain number {n}" for n in range(50)]
    searcher = index.searcher()
    with time_limit(0), pytest.raises(TimeLimitError):
        searcher.search_batch(queries, mode="lexical")
    assert len(searcher.search_batch(queries, mode="lexical")) == 50


def test_the_time_is_looked_at_for_every_text(index: HybridIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only before the first: a filter may let each text take long."""
    looked: list[None] = []
    monkeypatch.setattr("retrieval.segments.reader.check_time", lambda: looked.append(None))
    index.searcher().reader.select(None, {"$regex": "rain"})
    assert len(looked) == 50


def test_a_regular_expression_is_not_compiled_when_the_time_is_over() -> None:
    with time_limit(0), pytest.raises(TimeLimitError):
        compile_where_document({"$regex": "rain"})
