"""Settings: precedence, refusals that name the setting, and presets that are what they say."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from retrieval.config import Config
from retrieval.errors import ConfigError
from retrieval.presets import presets

CONFIGS = Path(__file__).parent.parent / "configs"


def test_file_below_environment_below_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("chunk_size: 100\nalpha: 0.1\nlanguage: german\n")
    monkeypatch.setenv("RETRIEVAL_CHUNK_SIZE", "120")
    monkeypatch.setenv("RETRIEVAL_ALPHA", "0.2")
    monkeypatch.setenv("RETRIEVAL_INDEX", "elsewhere")
    config = Config.load(file, alpha=0.3)
    assert (config.chunk_size, config.alpha, config.language) == (120, 0.3, "german")
    assert Config.load(None, base={"chunk_size": 64}).chunk_size == 120
    assert Config.load(None, base={"language": "french"}).language == "french"


def test_the_default_preset_is_the_code_s_defaults() -> None:
    values = yaml.safe_load((CONFIGS / "default.yaml").read_text("utf-8"))
    assert set(values) == set(Config.model_fields)
    assert Config.load(CONFIGS / "default.yaml") == Config()


@pytest.mark.parametrize("preset", presets())
def test_every_preset_loads_by_its_name(preset: str) -> None:
    assert Config.load(preset) == Config.load(CONFIGS / f"{preset}.yaml")


def test_a_wheel_brings_all_presets() -> None:
    wheel = tomllib.loads((CONFIGS.parent / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]
    assert wheel["wheel"]["force-include"] == {"configs": "retrieval/configs"}
    assert {path.name for path in CONFIGS.iterdir()} == {path.name for path in presets().values()}


def test_a_file_goes_before_a_preset_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("symmetric").write_text("chunk_size: 77\n")
    assert Config.load("symmetric").chunk_size == 77
    with pytest.raises(ConfigError, match=r"configuration symetric: .*; the presets are .*symmetric"):
        Config.load("symetric")
    with pytest.raises(ConfigError, match=r"configs/nomic\.yaml: .*; the preset .* is nomic, without a path"):
        Config.load("configs/nomic.yaml")
    with pytest.raises(ConfigError, match="File name too long"):
        Config.load("symmetric" * 1000)


HUB = [name for name in presets() if "/" in str(yaml.safe_load(presets()[name].read_text("utf-8")).get("model"))]
FACTS = re.compile(r"# (\S+): (\d+) dimensions, (\d+) tokens, (mean|cls|last-token) pooling, .+; (.+)\.\n# Take it ")


@pytest.mark.parametrize("preset", HUB)
def test_a_preset_of_a_model_on_the_hub_pins_it_and_says_when_to_take_it(preset: str) -> None:
    config = Config.load(preset)
    facts = FACTS.match(presets()[preset].read_text("utf-8"))
    assert facts is not None and facts[1] == config.model
    dimension, tokens = int(facts[2]), int(facts[3])
    assert re.fullmatch("[0-9a-f]{40}", config.revision or "")
    assert not config.trust_remote_code
    assert (config.query_prefix == "auto") == (config.passage_prefix == "auto")
    assert (config.truncate_dim or dimension) <= dimension
    if tokens > 512:  # which auto would make of every chunk
        assert config.chunk_size == 512
    assert config.chunk_size == "auto" or config.chunk_size <= tokens


def test_presets_of_models_do_not_repeat_one_another() -> None:
    assert {"e5-small", "bge-small", "gte-modernbert", "nomic", "arctic", "embeddinggemma", "qwen3-embedding"} <= {*HUB}
    chosen = [Config.load(preset) for preset in HUB]
    assert len({config.model for config in chosen}) == len({config.revision for config in chosen}) == len(HUB)


SOME = {"weight": 0.5, "deviation": 0.1}


def fusion(**features: object) -> dict[str, object]:
    return {"fusion_weights": {"model": "0123456789ab", "features": features}}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("modle", "x"),
        ("alpha", 2),
        ("chunk_size", "big"),
        ("pooling", "median"),
        ("fusion", "borda"),
        ("chunk_overlap", -1),
    ],
)
def test_what_is_wrong_is_named(setting: str, value: object) -> None:
    with pytest.raises(ConfigError, match=setting):
        Config(**{setting: value})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"chunksize": 3}, "there is no setting chunksize, did you mean chunk_size?"),
        ({"k1": 3}, "there is no setting k1, did you mean bm25_k1?"),
        ({"colour": "red"}, "there is no setting colour."),
        ({"chunk_size": -5}, "chunk_size is -5; it must be at least 1 or 'auto'."),
        ({"chunk_size": "big"}, "chunk_size is 'big'; it must be a whole number or 'auto'."),
        ({"chunk_size": 9, "chunk_overlap": 6}, "chunk_overlap 6 is more than half of chunk_size 9."),
        ({"alpha": 2, "batch_tokens": "x"}, "alpha is 2; it must be at most 1; batch_tokens is 'x'; it must be a"),
        ({"exclude": 3}, "exclude is 3; it must be a list."),
        ({"fusion": "learned"}, "fusion learned needs fusion_weights"),
        ({"fusion_weights": 3}, "fusion_weights: Input should be a valid dictionary"),
        ({"fusion_weights": "{"}, "fusion_weights: Invalid JSON"),
        ({"fusion_weights": {"model": "m"}}, "fusion_weights: features: Field required"),
        (fusion(pagerank=SOME), "fusion_weights: features: there is no feature pagerank; there are score, dense,"),
        (fusion(dense={**SOME, "weight": -1}), "fusion_weights: features.dense.weight: "),
        (fusion(dense={**SOME, "weight": 0}), "fusion_weights: no feature has a weight above 0."),
        (fusion(dense={**SOME, "deviation": 0}), "fusion_weights: features.dense.deviation: "),
        ({"exclude": ["*.md", 3]}, "what exclude holds is 3; it must be text."),
        ({"model": ""}, "model is ''; it must be text that is not empty."),
    ],
    ids=repr,
)
def test_an_error_says_what_a_setting_must_be(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config(**values)
    assert str(caught.value).startswith(f"Bad configuration: {message}")


def test_weights_of_a_fusion_are_read_as_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    written = fusion(dense=SOME, neighbours=SOME)
    config = Config(fusion="learned", **written)
    assert config.model_dump(mode="json")["fusion_weights"] == written["fusion_weights"]
    monkeypatch.setenv("RETRIEVAL_FUSION_WEIGHTS", json.dumps(written["fusion_weights"]))
    assert Config(fusion="learned") == config


def test_another_model_begins_without_the_weights_that_were_fitted_to_one() -> None:
    base = {"model": "packaged", "fusion": "learned", **fusion(dense=SOME), "alpha": 0.3}
    for model, fused in (("packaged", "learned"), ("elsewhere/model", "dbsf")):
        config = Config.load(base=base, model=model)
        assert (config.fusion, config.fusion_weights is not None, config.alpha) == (fused, fused == "learned", 0.3)
    assert Config.load(base={**base, "fusion": "rrf"}, model="elsewhere/model").fusion == "rrf"


def test_an_error_says_where_the_value_was_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("alpha: 2\nchunk_size: 100\n")
    with pytest.raises(ConfigError, match=r"alpha \(in .*c\.yaml\) is 2"):
        Config.load(file)
    with pytest.raises(ConfigError, match=r"alpha is 3; it must"):
        Config.load(file, alpha=3)
    monkeypatch.setenv("RETRIEVAL_ALPHA", "x")
    with pytest.raises(ConfigError, match=r"alpha \(RETRIEVAL_ALPHA\) is 'x'; it must be a number"):
        Config.load(file)
    monkeypatch.setenv("RETRIEVAL_ALPHA", "1")
    monkeypatch.setenv("RETRIEVAL_CHUNK_OVERLAP", "60")
    with pytest.raises(ConfigError, match=r"\(chunk_overlap: RETRIEVAL_CHUNK_OVERLAP, chunk_size: in .*c\.yaml\)"):
        Config.load(file)


def test_a_misspelt_variable_is_refused_and_a_stranger_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETRIEVAL_INDEX", "elsewhere")
    monkeypatch.setenv("RETRIEVAL_OF_SPACECRAFT", "yes")
    Config()
    monkeypatch.setenv("RETRIEVAL_CHUNKSIZE", "128")
    with pytest.raises(ConfigError, match=r"RETRIEVAL_CHUNKSIZE sets nothing; did you mean RETRIEVAL_CHUNK_SIZE\?"):
        Config()


@pytest.mark.parametrize("written", ["'*.md'", "['*.md']"])
def test_one_pattern_needs_no_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    (tmp_path / "c.yaml").write_text(f"exclude: {written}\n")
    assert Config.load(tmp_path / "c.yaml").exclude == ("*.md",)
    monkeypatch.setenv("RETRIEVAL_EXCLUDE", written.strip("'").replace("'", '"'))
    assert Config().exclude == ("*.md",)
    monkeypatch.setenv("RETRIEVAL_EXCLUDE", "[ab].md")
    assert Config().exclude == ("[ab].md",)


def test_headers_come_from_json_in_the_environment_and_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETRIEVAL_CHROMA_HEADERS", '{"Authorization": "secret"}')
    assert Config().chroma_headers["Authorization"].get_secret_value() == "secret"
    for wrong in ("secret", '["secret"]', '{"Authorization": ["secret"]}'):
        monkeypatch.setenv("RETRIEVAL_CHROMA_HEADERS", wrong)
        with pytest.raises(ConfigError, match=r"chroma_headers \(RETRIEVAL_CHROMA_HEADERS\)") as caught:
            Config()
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("content", ["- a\n- b\n", "a: [", "just words", b"\xff\xfe\x00"])
def test_a_file_that_is_not_settings_is_named(tmp_path: Path, content: str | bytes) -> None:
    file = tmp_path / "bad.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=r"bad\.yaml"):
        Config.load(file)
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        Config.load(tmp_path / "none.yaml")


def test_a_config_does_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().alpha = 0.5
