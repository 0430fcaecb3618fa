"""The best of many scores, next to sorting them all."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retrieval.topk import TopK, top_k_with_ties

# Scores that tie in great numbers, as those of chunks without a term of the query do, and others.
values = st.sampled_from([0.0, 0.1, 0.2, 0.9]) | st.floats(-1, 1)
scored = arrays(np.float64, st.integers(0, 3000), elements=values, fill=st.sampled_from([0.0, -1.0, 0.2]))
shares = st.sampled_from([0.0, 0.01, 0.5, 1.0])


def mask(count: int, share: float) -> np.ndarray:
    return np.random.default_rng(0).random(count) < share


@given(scored, st.integers(1, 50), shares)
def test_the_top_k_are_the_best_and_those_that_tie(scores: np.ndarray, depth: int, share: float) -> None:
    for eligible in (None, mask(len(scores), share)):
        rows = np.arange(len(scores)) if eligible is None else np.flatnonzero(eligible)
        bar = np.sort(scores[rows])[-depth] if len(rows) > depth else -np.inf
        assert top_k_with_ties(scores, depth, eligible).tolist() == rows[scores[rows] >= bar].tolist()


@given(scored, values, shares, st.sampled_from([np.float32, np.float64]))
def test_all_that_reach_a_bar_are_found(scores: np.ndarray, bar: float, share: float, kind: type) -> None:
    """Compared as they are: in float32, a bar of 0.1 is more than that."""
    for eligible in (None, mask(len(scores), share)):
        reach = scores.astype(kind).astype(np.float64) >= bar
        expected = np.flatnonzero(reach if eligible is None else reach & eligible)
        assert TopK(scores.astype(kind)).at_least(bar, eligible).tolist() == expected.tolist()
