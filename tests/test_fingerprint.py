"""Which settings an index can be opened with."""

import json
from dataclasses import replace

import numpy as np
import pytest

from retrieval.config import Config
from retrieval.directory.pointer import Pointer
from retrieval.errors import IndexMismatchError
from retrieval.fingerprint import Fingerprint, remembered_settings
from retrieval.learned_fusion import FEATURES, FusionWeights

BEFORE = {
    "settings": {
        "model": "packaged", "revision": None, "trust_remote_code": False, "pooling": None, "query_prefix": "query: ",
        "passage_prefix": "passage: ", "chunk_size": "auto", "chunk_overlap": 0, "context_header": True,
        "language": "auto",
    },
    "weights": "ab" * 32, "pooling": "mean", "dimension": 384, "max_seq_length": 256, "tokenizer": "cd" * 16,
    "analyzer": {}, "numerics": "fp32",
}  # fmt: skip
"""As it was before there were output_layer and truncate_dim."""


@pytest.fixture
def before() -> Fingerprint:
    return Fingerprint.from_json(json.dumps(BEFORE))


def test_an_index_made_before_there_was_a_setting_has_its_default(before: Fingerprint) -> None:
    before.check_config(Config(), index="index")
    assert json.loads(before.to_json()) == BEFORE
    assert {**Config().index_settings(), **before.settings} == before.settings, "one made now looks the same"
    remembered = Config.load(base=remembered_settings(Pointer(fingerprint=before.to_json())))
    assert (remembered.output_layer, remembered.truncate_dim) == (None, None)
    for other, says in ((Config(output_layer=-2), "output_layer=None, not -2"), (Config(truncate_dim=64), "not 64")):
        with pytest.raises(IndexMismatchError, match=says):
            before.check_config(other, index="index")


def test_what_an_index_was_made_with_takes_nothing_from_the_environment(
    before: Fingerprint, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {"TRUNCATE_DIM": "64", "ENCODER_MAX_TOKENS": "9", "ENCODER_URL": "http://h/v1", "ENCODER_API_KEY": "k"}
    for name, value in variables.items():
        monkeypatch.setenv(f"RETRIEVAL_{name}", value)
    config = Config(**remembered_settings(Pointer(fingerprint=before.to_json())))
    before.check_config(config, index="index")
    assert config.encoder_api_key is None


@pytest.mark.parametrize("settings", [{"output_layer": 3}, {"truncate_dim": 64}])
def test_an_index_remembers_its_layer_and_dimension(settings: dict[str, int], before: Fingerprint) -> None:
    made = replace(before, settings={**before.settings, **Config(**settings).index_settings()})
    remembered = Config.load(base=remembered_settings(Pointer(fingerprint=made.to_json())))
    made.check_config(remembered, index="index")
    for other in (Config(), Config(**{name: value + 1 for name, value in settings.items()})):
        with pytest.raises(IndexMismatchError, match=next(iter(settings))):
            made.check_config(other, index="index")


def test_vectors_of_another_layer_are_not_lent(before: Fingerprint) -> None:
    other = replace(before, settings={**before.settings, "output_layer": 3})
    assert other.embeds_like(other)
    assert not other.embeds_like(before)
    assert not before.embeds_like(other)


def test_weights_that_were_fitted_to_another_model_are_refused(before: Fingerprint) -> None:
    """Whatever fusion is the default: a search may ask for the learned one."""
    weights = np.ones(len(FEATURES))
    before.check_config(Config(fusion_weights=FusionWeights.of(before.weights, weights, weights)), index="index")
    with pytest.raises(IndexMismatchError, match=r"another model \(weights cdcdcdcdcdcd\) than packaged"):
        before.check_config(Config(fusion_weights=FusionWeights.of("cd" * 32, weights, weights)), index="index")
