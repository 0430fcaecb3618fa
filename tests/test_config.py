"""Settings: precedence, refusals that name the setting, and presets that are what they say."""

from pathlib import Path

import pytest
import yaml

from retrieval.config import Config
from retrieval.errors import ConfigError

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


@pytest.mark.parametrize("preset", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_every_preset_loads(preset: Path) -> None:
    Config.load(preset)


def test_the_e5_preset_pins_a_revision() -> None:
    config = Config.load(CONFIGS / "e5-small.yaml")
    assert (config.model, len(config.revision or "")) == ("intfloat/e5-small-v2", 40)
    assert not config.trust_remote_code


@pytest.mark.parametrize("model", ["intfloat/e5-small-v2", "intfloat/multilingual-e5-base", "/models/E5-mine"])
@pytest.mark.parametrize("prefix", ["query_prefix", "passage_prefix"])
def test_an_e5_model_without_its_prefixes_is_refused_with_the_reason(model: str, prefix: str) -> None:
    with pytest.raises(ConfigError, match="E5 model, trained with"):
        Config(model=model, **{prefix: ""})
    Config(model="sentence-transformers/all-MiniLM-L6-v2", **{prefix: ""})


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
