"""A learned fusion: fitted to what tells relevant passages from others, and not to luck."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from retrieval.evaluation.cross_validation import parts
from retrieval.evaluation.fusion_fitting import Question, cross_fit, fit
from retrieval.evaluation.learned_tuning import Learned, ranked
from retrieval.evaluation.settings_grid import Learnable, Settings
from retrieval.evaluation.significance import randomisation_test
from retrieval.fusion import spread
from retrieval.learned_fusion import FEATURES, FusionWeights

PASSAGES = 12


def made_up(seed: int, *, questions: int, signal: float) -> list[Question]:
    """The first feature is what passages are ranked by so far; the second tells the one that answers as far as there is
    a signal; the third is noise, and the last the same for all."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(questions):
        relevant = np.zeros(PASSAGES)
        relevant[random.integers(PASSAGES)] = 1
        features = random.normal(size=(PASSAGES, 3)) + relevant[:, None] * [0.8, signal, 0]
        found.append(Question(np.column_stack([features * [1, 100, 1e-3], np.full(PASSAGES, 7.0)]), relevant))
    return found


def reciprocal_ranks(questions: Sequence[Question], slopes: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    values = []
    for question, by in zip(questions, slopes, strict=True):
        over_others, _ = question.pairs  # of the one answer
        values.append(1 / (1 + float((over_others @ by < 0).sum())))
    return np.array(values)


def gains(questions: list[Question], *, folds: int = 4) -> NDArray[np.float64]:
    """What the fitted weights gain on questions that took no part, over the first feature alone."""
    values = cross_fit(questions, lambda slopes: reciprocal_ranks(questions, slopes), folds=folds).values
    return values - reciprocal_ranks(questions, [np.array([1.0, 0, 0, 0])] * len(questions))


def test_what_tells_answers_from_others_is_found_whatever_its_scale() -> None:
    questions = made_up(1, questions=32, signal=1.5)
    fitted = fit(questions, strength=0.01)
    first, second, noise, same = fitted.weights
    assert second > first > noise >= 0 == same
    assert np.isfinite(fitted.slopes).all()
    gained = gains(questions)
    assert gained.mean() > 0.05 and randomisation_test(gained) < 0.05
    assert fit(questions, strength=10).weights.sum() < fitted.weights.sum()


@pytest.mark.parametrize("seed", range(4))
def test_luck_is_not_taken_for_knowledge(seed: int) -> None:
    """No feature but the present score tells which passage answers."""
    gained = gains(made_up(seed, questions=24, signal=0))
    assert gained.mean() <= 0 or randomisation_test(gained) > 0.05


def test_a_question_has_no_say_in_the_weights_it_is_measured_with() -> None:
    questions = made_up(2, questions=12, signal=1)
    held_out = parts(12, 4)[1]
    seen: list[list[NDArray[np.float64]]] = []

    def measure(slopes: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        seen.append([slopes[number] for number in held_out])
        return np.zeros(12)

    altered = list(questions)
    for number in held_out:
        altered[number] = Question(-questions[number].features, [1, *[0] * (PASSAGES - 1)])
    for each in (questions, altered):
        cross_fit(each, measure, folds=4)
    last, last_altered = seen[len(seen) // 2 - 1], seen[-1]
    assert np.array_equal(last, last_altered)


def test_nothing_to_learn_is_no_weight() -> None:
    alike = [Question(np.ones((3, 2)), [0, 0, 0]), Question(np.eye(3)[:, :2], [1, 1, 1])]
    assert not fit(alike, strength=0.1).weights.any()


@given(arrays(np.float64, st.integers(1, 20), elements=st.floats(-9, 9, width=16)), st.integers(0, 99))
@settings(max_examples=30)
def test_scores_spread_on_another_scale_keep_their_order_and_stay_within_it(
    scores: NDArray[np.float64], seed: int
) -> None:
    reference = np.random.default_rng(seed).normal(size=len(scores))
    found = spread(scores, reference)
    assert reference.min() <= found.min() and found.max() <= reference.max()
    if np.ptp(scores):
        assert (np.diff(found[np.argsort(scores)]) >= 0).all()
    else:
        assert (found == reference).all()


def test_documents_without_such_a_passage_keep_their_places_behind() -> None:
    features = np.zeros((3, len(FEATURES)))
    features[:, FEATURES.index("score")] = [0.9, 0.8, 0.7]
    features[:, FEATURES.index("document")] = [0, 1, 2]
    found = Learnable(["a", "b", "a"], features, ["a", "b", "x", "y"])
    by = np.zeros(len(FEATURES))
    assert ranked(found, by) == ["a", "b", "x", "y"]
    by[FEATURES.index("document")] = -1
    assert ranked(found, by) == ["a", "b", "x", "y"]
    features[:, FEATURES.index("document")] = [0, 2, 1]
    assert ranked(found, -by) == ["b", "a", "x", "y"]


@pytest.mark.parametrize(
    ("over_present", "over_tuned", "is_better"),
    [((0.1, 0.01), (0.1, 0.04), True), ((0.1, 0.01), (0.05, 0.06), False), ((-0.1, 0.01), (0.1, 0.01), False)],
)
def test_only_what_is_significantly_better_than_both_is_better(
    over_present: tuple[float, float], over_tuned: tuple[float, float], is_better: bool
) -> None:
    weights = FusionWeights.of("model", np.ones(len(FEATURES)), np.ones(len(FEATURES)))
    learned = Learned(Settings("learned", 0.6, 1.5, 0.75), weights, 0.5, *over_present, *over_tuned)
    assert learned.is_better is is_better
