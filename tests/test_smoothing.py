"""Smoothing: a score moves towards those of the most similar passages, whatever the order and however many copies."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retrieval.search.smoothing import NEIGHBOURS, smoothed

Passages = tuple[NDArray[np.float64], NDArray[np.float32], NDArray[Any]]


def made_up(seed: int, size: int) -> Passages:
    """Scores, vectors and texts, no two alike."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(size, 8)).astype(np.float32)
    return random.normal(size=size), vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.arange(size)


passages = st.builds(made_up, st.integers(0, 1000), st.integers(1, 40))


@given(passages, st.floats(0, 1))
@settings(max_examples=25)
def test_scores_stay_between_the_lowest_and_the_highest_in_any_order(made: Passages, weight: float) -> None:
    scores, vectors, texts = made
    found = smoothed(scores, vectors, texts, weight=weight)
    assert (found >= scores.min() - 1e-12).all() and (found <= scores.max() + 1e-12).all()
    order = np.random.default_rng(1).permutation(len(scores))
    assert smoothed(scores[order], vectors[order], texts[order], weight=weight) == pytest.approx(found[order])


@given(passages, st.integers(0, 1000))
@settings(max_examples=25)
def test_copies_of_a_text_have_one_vote_and_none_for_each_other(made: Passages, copied: int) -> None:
    scores, vectors, texts = made
    again = np.full(3, copied % len(scores))
    every = np.append(np.arange(len(scores)), again)
    with_copies = smoothed(scores[every], vectors[every], texts[every], weight=0.2)
    alone = smoothed(scores, vectors, texts, weight=0.2)
    assert with_copies == pytest.approx(alone[every])


@given(passages.filter(lambda made: len(made[0]) <= NEIGHBOURS + 1), st.floats(0, 0.4))
@settings(max_examples=25)
def test_few_passages_stay_in_order(made: Passages, weight: float) -> None:
    """Each has all others for neighbours: one that nothing resembles loses nothing by that."""
    scores, vectors, texts = made
    assert (np.argsort(smoothed(scores, vectors, texts, weight=weight)) == np.argsort(scores)).all()


def test_of_two_equals_the_one_among_good_passages_comes_first() -> None:
    good, bad = np.eye(2, dtype=np.float32)
    scores = np.array([0.5, 0.5] + [0.9] * NEIGHBOURS + [0.1] * NEIGHBOURS)
    vectors = np.stack([good, bad] + [good] * NEIGHBOURS + [bad] * NEIGHBOURS)
    among_good, among_bad = smoothed(scores, vectors, np.arange(len(scores)), weight=0.5)[:2]
    assert among_good == pytest.approx(0.7) and among_bad == pytest.approx(0.3)


def test_all_that_tie_for_the_last_neighbour_have_a_vote() -> None:
    scores = np.append(0.0, np.arange(NEIGHBOURS + 3.0))
    vectors = np.ones((len(scores), 1), np.float32)
    assert smoothed(scores, vectors, np.arange(len(scores)), weight=1)[0] == pytest.approx(scores[1:].mean())
