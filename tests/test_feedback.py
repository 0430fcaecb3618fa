import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from retrieval.errors import QueryError
from retrieval.lexical import LexicalIndex
from retrieval.search.feedback import rm3, rocchio

DIMENSION = 4

terms = st.sampled_from(["a", "b", "c", "d", "é", "東", ""])
queries = st.dictionaries(terms, st.floats(0.01, 10), max_size=4)
documents = st.lists(terms, max_size=8)
scored_documents = st.lists(st.tuples(documents, st.integers(0, 20).map(float)), max_size=5)


@st.composite
def unit_rows(draw: st.DrawFn, size: int | None = None) -> NDArray[np.float32]:
    count = draw(st.integers(0, 5)) if size is None else size
    numbers = draw(st.lists(st.integers(-9, 9), min_size=count * DIMENSION, max_size=count * DIMENSION))
    rows = np.array(numbers, dtype=np.float64).reshape(count, DIMENSION)
    rows[~rows.any(axis=1), 0] = 1
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@given(unit_rows(1), unit_rows(), st.floats(0, 10))
def test_rocchio_gives_a_unit_row_that_moves_towards_the_passages(
    query: NDArray[np.float32], vectors: NDArray[np.float32], weight: float
) -> None:
    moved = rocchio(query[0], vectors, weight=weight)
    assert moved.shape == (DIMENSION,)
    assert moved.dtype == np.float32
    assert np.linalg.norm(moved) == pytest.approx(1, abs=1e-6)
    if len(vectors):
        mean = vectors.mean(axis=0)
        assert moved @ mean >= query[0] @ mean - 1e-5


@given(unit_rows(1), unit_rows(3), st.floats(0.125, 10))
def test_rocchio_is_its_definition(query: NDArray[np.float32], vectors: NDArray[np.float32], weight: float) -> None:
    expected = query[0].astype(np.float64) + weight * vectors.astype(np.float64).sum(axis=0) / 3
    assume(np.linalg.norm(expected) > 1e-3)
    moved = rocchio(query[0], vectors, weight=weight)
    np.testing.assert_allclose(moved, expected / np.linalg.norm(expected), atol=1e-6)
    # The mean does not ask in which order, nor how often all are named.
    np.testing.assert_allclose(rocchio(query[0], vectors[[2, 0, 1]], weight=weight), moved, atol=1e-6)
    np.testing.assert_allclose(rocchio(query[0], np.tile(vectors, (2, 1)), weight=weight), moved, atol=1e-6)


@given(unit_rows(1), unit_rows())
def test_rocchio_without_weight_or_passages_gives_the_query_back(
    query: NDArray[np.float32], vectors: NDArray[np.float32]
) -> None:
    assert rocchio(query[0], vectors, weight=0).tolist() == query[0].tolist()
    assert rocchio(query[0], vectors[:0], weight=1).tolist() == query[0].tolist()


def test_rocchio_keeps_a_query_that_the_passages_cancel_out() -> None:
    query = np.array([1, 0], dtype=np.float32)
    assert rocchio(query, -query[np.newaxis], weight=1).tolist() == [1, 0]


@pytest.mark.parametrize("weight", [-0.1, math.nan, math.inf])
def test_rocchio_refuses_weights_out_of_range(weight: float) -> None:
    with pytest.raises(QueryError, match="weight"):
        rocchio(np.ones(1, dtype=np.float32), np.ones((1, 1), dtype=np.float32), weight=weight)


def test_rm3_is_its_definition() -> None:
    query = {"rain": 1.0, "cause": 1.0}
    hits = [["rain", "cloud", "cloud", "vapour"], ["rain", "wind"]]
    # P(cloud) = 3/4 * 2/4, P(rain) = 3/4 * 1/4 + 1/4 * 1/2, P(vapour) = 3/4 * 1/4, P(wind) = 1/4 * 1/2: the best two.
    cloud, rain = 3 / 8, 5 / 16
    expected = {
        "rain": 0.8 * 1 + 0.2 * 2 * rain / (cloud + rain),
        "cause": 0.8 * 1,
        "cloud": 0.2 * 2 * cloud / (cloud + rain),
    }
    assert rm3(query, hits, [6, 2], terms=2, original=0.8) == pytest.approx(expected)
    assert rm3(query, [Counter(hit) for hit in hits], np.array([6.0, 2.0]), terms=2, original=0.8) == pytest.approx(
        expected
    )


@given(queries, scored_documents, st.integers(1, 6), st.floats(0, 1))
def test_rm3_keeps_the_weight_of_the_query(
    query: dict[str, float], hits: list[tuple[list[str], float]], count: int, original: float
) -> None:
    mixed = rm3(query, [hit for hit, _ in hits], [score for _, score in hits], terms=count, original=original)
    assert sum(mixed.values()) == pytest.approx(sum(query.values()))
    assert all(0 < weight < math.inf for weight in mixed.values())
    assert len(mixed.keys() - query.keys()) <= count
    assert mixed.keys() <= query.keys() | {term for hit, _ in hits for term in hit}


@given(queries, scored_documents, st.floats(0.01, 1))
def test_rm3_never_loses_a_term_of_the_query(
    query: dict[str, float], hits: list[tuple[list[str], float]], original: float
) -> None:
    mixed = rm3(query, [hit for hit, _ in hits], [score for _, score in hits], original=original)
    assert all(mixed[term] >= original * weight for term, weight in query.items())


@given(queries, scored_documents)
def test_rm3_gives_the_query_back_where_nothing_is_to_be_added(
    query: dict[str, float], hits: list[tuple[list[str], float]]
) -> None:
    found, scores = [hit for hit, _ in hits], [score for _, score in hits]
    assert rm3(query, found, scores, original=1) == query
    assert rm3(query, [], [], original=0.5) == query
    assert rm3(query, [[] for _ in found], scores, original=0.5) == query
    assert rm3(query, found, scores, original=0.5, eligible=lambda term: False) == query


@given(queries, scored_documents, st.sampled_from([1e-6, 0.5, 64.0, 1e9]))
def test_rm3_does_not_mind_the_scale_of_scores(
    query: dict[str, float], hits: list[tuple[list[str], float]], factor: float
) -> None:
    found, scores = [hit for hit, _ in hits], np.array([score for _, score in hits])
    # All of the terms, as rounding may choose between two that are alike.
    assert rm3(query, found, factor * scores, terms=99) == pytest.approx(rm3(query, found, scores, terms=99))


def test_rm3_does_not_overflow() -> None:
    scores = [1e308, 1e308, 1e308]
    assert rm3({"a": 1.0}, [["b"]] * 3, scores) == pytest.approx({"a": 0.5, "b": 0.5})


def test_rm3_chooses_among_terms_alike_by_the_alphabet() -> None:
    for hit in (["d", "b", "c", "e"], ["e", "c", "b", "d"]):
        assert list(rm3({"a": 1.0}, [hit], [1], terms=2)) == ["a", "b", "c"]


def test_rm3_takes_documents_as_alike_where_no_score_is_above_zero() -> None:
    expected = rm3({"a": 1.0}, [["b"], ["c"]], [1, 1])
    assert rm3({"a": 1.0}, [["b"], ["c"]], [0, -3]) == expected
    assert rm3({"a": 1.0}, [["b"], ["c"]], [2, -3]) == {"a": 0.5, "b": 0.5}


def test_rm3_leaves_out_what_is_not_eligible() -> None:
    assert rm3({"a": 1.0}, [["the", "the", "b"]], [1], eligible=lambda term: term != "the") == {"a": 0.5, "b": 0.5}
    # The query's own terms are its own.
    assert rm3({"the": 1.0}, [["the", "b"]], [1], eligible=lambda term: term != "the") == {"the": 0.5, "b": 0.5}


@pytest.mark.parametrize(
    ("hits", "scores", "parameters"),
    [
        ([["b"]], [1], {"terms": 0}),
        ([["b"]], [1], {"original": 1.1}),
        ([["b"]], [1], {"original": math.nan}),
        ([["b"]], [1, 2], {}),
        ([["b"]], [math.nan], {}),
        (["b"], [1], {}),
    ],
)
def test_rm3_refuses_what_makes_no_sense(hits: Any, scores: list[float], parameters: dict[str, Any]) -> None:
    with pytest.raises(QueryError):
        rm3({"a": 1.0}, hits, scores, **parameters)


def test_rm3_finds_what_the_question_did_not_name() -> None:
    corpus = [
        ["car", "engine", "repair"],
        ["car", "engine", "oil"],
        ["automobile", "engine", "oil"],
        ["bread", "oven"],
        ["bread", "oven", "flour"],
    ]
    index = LexicalIndex(corpus)
    first = index.search(["car"], 2)
    assert [position for position, _ in first] == [0, 1]
    query = rm3({"car": 1.0}, [corpus[position] for position, _ in first], [score for _, score in first])
    assert [position for position, _ in index.search(query, 5)][2:] == [2]
    assert set(index.search(query, 5)[0][:1]) <= {0, 1}
