"""A trained model is a directory as any other model's."""

import os
from pathlib import Path

import numpy as np
import pytest

from retrieval.config import Config
from retrieval.encoders import Embedder
from retrieval.encoders.prompts import Prompts, prompts_of
from retrieval.encoders.torch_model import load_torch_model
from retrieval.errors import ConfigError
from retrieval.training.held_out import embed
from retrieval.training.model_directory import check_directory, save_model, trained_settings
from tests.tiny_models import tiny_model

FITTED = {"model": "0123456789ab", "features": {"score": {"weight": 1.0, "deviation": 1.0}}}


@pytest.mark.parametrize(
    ("prompts", "settings"),
    [
        (Prompts("ask: ", "say: "), {"truncate_dim": 8, "fusion": "learned", "fusion_weights": FITTED}),
        (Prompts("", ""), {"output_layer": 1}),
        (Prompts("query: ", "passage: "), {"pooling": "cls", "output_layer": -2}),
    ],
)
def test_its_settings_embed_as_it_was_trained_wherever_it_is_moved(
    prompts: Prompts, settings: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tiny_model(tmp_path / "base")
    if "pooling" in settings:
        (base / "modules.json").unlink()
    monkeypatch.setenv("RETRIEVAL_CHROMA_HOST", "localhost")
    before = Config(model=str(base), device="cpu", chunk_size=99, backend="torch", precision="fp32", **settings)
    model = load_torch_model(base, before)
    model[0].model.encoder.layer[0].output.dense.weight.data += 0.1
    output, moved = tmp_path / "output", tmp_path / "elsewhere" / "moved"
    save_model(model, output, config=before, prompts=prompts)
    assert {path.name for path in tmp_path.iterdir()} == {"base", "output"}, "nothing else is left"
    assert "chroma" not in (output / "config.yaml").read_text()
    monkeypatch.delenv("RETRIEVAL_CHROMA_HOST")
    assert Config.load(output / "config.yaml") == trained_settings(before, output, prompts)
    moved.parent.mkdir()
    output.rename(moved)
    monkeypatch.chdir(moved.parent)
    loaded = Config.load("moved/config.yaml")
    assert (loaded.model, loaded.chunk_size, loaded.fusion) == (str(moved), 99, "dbsf")
    embedder = Embedder.load(loaded)
    assert embedder.prefixes == prompts and prompts_of(moved) == (prompts if any(prompts) else None)
    texts = ["Rain falls from clouds.", "Bread rises."]
    np.testing.assert_allclose(embedder.embed_passages(texts), embed(model, prompts.as_passages(texts)), atol=0.01)
    assert embedder.dimension == settings.get("truncate_dim", 32)


def test_what_cannot_become_its_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("text")
    check_directory(tmp_path / "empty")
    check_directory(tmp_path / "neither" / "is there")
    for path, says in (
        (tmp_path, "there already"),
        (tmp_path / "file", "there already"),
        (Path(os.devnull), "there already"),
        (tmp_path / "file" / "below", "is not a directory"),
        (Path("/"), "mounted"),
    ):
        with pytest.raises(ConfigError, match=says):
            check_directory(path)
    if os.geteuid():  # root may write anywhere
        (tmp_path / "empty").chmod(0o500)
        with pytest.raises(ConfigError, match="cannot be written to"):
            check_directory(tmp_path / "empty" / "below")
