"""Fusion: monotone, indifferent to the scales it should be indifferent to, one side's weight its own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retrieval.fusion import distribution, fuse, min_max, reciprocal_rank, scaled

METHODS = ("dbsf", "rrf", "convex")
scores = arrays(np.float64, st.integers(1, 30), elements=st.integers(-50, 50).map(float))
pairs = scores.flatmap(
    lambda a: st.tuples(st.just(a), arrays(np.float64, len(a), elements=st.integers(-50, 50).map(float)))
)


def fused(
    dense: np.ndarray,
    lexical: np.ndarray,
    method: str,
    alpha: float = 0.6,
    references: tuple | None = None,
    *,
    coverage: float = 1.0,
) -> np.ndarray:
    """By the scale of the references, or else of the scores themselves."""
    sides = zip((dense, lexical), references or (dense, lexical), strict=True)
    dense, lexical = (scaled(side, reference, method=method, rrf_k=60) for side, reference in sides)
    return fuse(dense, lexical, alpha=alpha, coverage=coverage)


def test_the_lexical_side_votes_with_a_part_of_its_weight_and_scores_stay_on_the_scale() -> None:
    dense, lexical = np.array([0.2, 0.8, 0.5]), np.array([0.9, 0.1, 0.5])
    assert np.allclose(fuse(dense, lexical, alpha=0.6, coverage=1), 0.6 * dense + 0.4 * lexical)
    assert np.allclose(fuse(dense, lexical, alpha=0.5, coverage=0.25), 0.8 * dense + 0.2 * lexical)


@given(pairs, st.sampled_from(METHODS), st.sampled_from([(0.0, 0.3), (0.0, 0.0), (1.0, 0.3), (0.6, 0.0)]))
def test_all_the_weight_on_one_side_ranks_as_that_side(sides: tuple, method: str, weights: tuple) -> None:
    dense, lexical = sides
    alpha, coverage = weights
    only = dense if alpha else lexical
    result = fused(dense, lexical, method, alpha, coverage=coverage)
    assert np.array_equal(np.sign(np.subtract.outer(result, result)), np.sign(np.subtract.outer(only, only)))


@given(pairs, st.sampled_from(METHODS), st.floats(0.1, 0.9))
def test_better_on_both_sides_is_better_fused(sides: tuple, method: str, alpha: float) -> None:
    dense, lexical = sides
    result = fused(dense, lexical, method, alpha)
    for i in range(len(dense)):
        dominated = (dense[i] > dense) & (lexical[i] > lexical)
        assert (result[i] > result[dominated]).all()


@given(pairs, st.sampled_from(("dbsf", "convex")), st.floats(0.01, 100), st.floats(-100, 100))
def test_an_affine_change_of_one_side_changes_nothing(sides: tuple, method: str, slope: float, shift: float) -> None:
    dense, lexical = sides
    np.testing.assert_allclose(
        fused(dense * slope + shift, lexical, method), fused(dense, lexical, method), rtol=1e-6, atol=1e-6
    )


@given(pairs)
def test_any_monotone_change_of_one_side_changes_nothing_for_ranks(sides: tuple) -> None:
    dense, lexical = sides
    np.testing.assert_array_equal(fused(np.exp(dense / 10), lexical, "rrf"), fused(dense, lexical, "rrf"))


@given(pairs, st.sampled_from(METHODS))
def test_a_score_depends_on_the_reference_and_not_on_the_company(sides: tuple, method: str) -> None:
    dense, lexical = sides
    whole = fused(dense, lexical, method)
    half = fused(dense[::2], lexical[::2], method, references=sides)
    np.testing.assert_array_equal(half, whole[::2])


def test_the_scales_are_what_their_sources_say() -> None:
    values = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(min_max(values, values), [0, 0.5, 1])
    np.testing.assert_allclose(reciprocal_rank(values, values, k=60), [1 / 63, 1 / 62, 1 / 61])
    deviation = np.sqrt(2 / 3)
    np.testing.assert_allclose(distribution(values, values), 0.5 + (values - 2) / (6 * deviation))


@pytest.mark.parametrize("method", METHODS)
def test_a_side_whose_scores_are_all_equal_decides_nothing_and_breaks_nothing(method: str) -> None:
    result = fused(np.full(3, 0.7), np.array([0.0, 2.0, 1.0]), method)
    assert np.isfinite(result).all()
    assert result.argsort().tolist() == [0, 2, 1]
