"""MMR orders by relevance and punishes repetition."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import QueryError
from retrieval.mmr import mmr


def unit_rows(rows: Any) -> Any:
    vectors = np.asarray(rows, dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@st.composite
def lists(draw: st.DrawFn) -> tuple[Any, Any]:
    relevance = draw(st.lists(st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0, 1e-300]), max_size=20))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return np.array(relevance, dtype=np.float64), unit_rows(generator.normal(size=(len(relevance), 4)))


@given(lists(), st.integers(0, 25))
def test_with_lambda_1_the_order_is_that_of_relevance(items: tuple[Any, Any], top_k: int) -> None:
    relevance, vectors = items
    expected = sorted(range(len(relevance)), key=lambda position: (-relevance[position], position))
    assert mmr(relevance, vectors, lambda_=1.0, top_k=top_k) == expected[:top_k]


@given(lists(), st.floats(0, 1), st.integers(0, 25))
def test_every_choice_is_the_best_that_was_left(items: tuple[Any, Any], lambda_: float, top_k: int) -> None:
    """The definition of Carbonell & Goldstein, computed item by item."""
    relevance, vectors = items
    chosen = mmr(relevance, vectors, lambda_=lambda_, top_k=top_k)
    assert len(chosen) == len(set(chosen)) == min(top_k, len(relevance))
    if not chosen:
        return
    assert relevance[chosen[0]] == relevance.max()
    span = np.ptp(relevance) or 1.0

    def marginal(position: int, before: list[int]) -> float:
        redundancy = max(float(vectors[position] @ vectors[other]) for other in before)
        return float(lambda_ * (relevance[position] - relevance.min()) / span - (1 - lambda_) * redundancy)

    for step in range(1, len(chosen)):
        before = chosen[:step]
        left = set(range(len(relevance))) - set(before)
        best = max(marginal(position, before) for position in left)
        assert marginal(chosen[step], before) >= best - 1e-5


@given(lists(), st.floats(0, 1), st.sampled_from([2.0**-20, 0.5, 1024.0]), st.integers(-1000, 1000))
def test_the_scale_of_relevance_does_not_matter(
    items: tuple[Any, Any], lambda_: float, factor: float, offset: int
) -> None:
    relevance, vectors = items
    whole = np.round(relevance) % 17  # small whole numbers, which powers of two scale without rounding
    rescaled = (whole + offset) * factor
    assert mmr(rescaled, vectors, lambda_=lambda_, top_k=20) == mmr(whole, vectors, lambda_=lambda_, top_k=20)


def test_a_near_duplicate_falls_behind_something_new() -> None:
    vectors = unit_rows([[1, 0, 0], [1, 0.01, 0], [0, 1, 0], [0, 0, 1]])
    relevance = np.array([0.9, 0.89, 0.5, 0.1])
    assert mmr(relevance, vectors, lambda_=0.5, top_k=4) == [0, 2, 3, 1]
    assert mmr(relevance, vectors, lambda_=1.0, top_k=4) == [0, 1, 2, 3]


def test_equal_relevance_leaves_the_choice_to_diversity_and_position() -> None:
    vectors = unit_rows([[1, 0], [1, 0], [0, 1]])
    assert mmr(np.full(3, 0.7), vectors, lambda_=0.5, top_k=3) == [0, 2, 1]
    assert mmr(np.full(3, 0.7), vectors, lambda_=1.0, top_k=2) == [0, 1]


def test_diversity_alone_still_starts_with_the_most_relevant() -> None:
    vectors = unit_rows([[1, 0], [0, 1], [1, 1]])
    assert mmr(np.array([0.1, 0.2, 0.9]), vectors, lambda_=0.0, top_k=1) == [2]


@pytest.mark.parametrize(("lambda_", "top_k"), [(-0.1, 1), (1.1, 1), (float("nan"), 1), (0.5, -1)])
def test_options_that_make_no_sense_are_refused(lambda_: float, top_k: int) -> None:
    with pytest.raises(QueryError):
        mmr(np.ones(2), unit_rows([[1, 0], [0, 1]]), lambda_=lambda_, top_k=top_k)
