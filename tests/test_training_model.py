"""A trained model is a directory as any other model's."""

from pathlib import Path

import numpy as np
import pytest

from retrieval.config import Config
from retrieval.encoders import Embedder
from retrieval.encoders.prompts import Prompts, prompts_of
from retrieval.encoders.torch_model import load_torch_model
from retrieval.errors import ConfigError
from retrieval.training.held_out import embed
from retrieval.training.model_directory import save_model
from tests.tiny_models import tiny_model


@pytest.mark.parametrize("prompts", [Prompts("ask: ", "say: "), Prompts("", "")])
def test_its_settings_embed_as_it_was_trained(prompts: Prompts, tmp_path: Path) -> None:
    base = tiny_model(tmp_path / "base")
    before = Config(model=str(base), device="cpu", chunk_size=99, backend="torch", precision="fp32")
    model = load_torch_model(base, before)
    model[0].model.encoder.layer[0].output.dense.weight.data += 0.1
    output = tmp_path / "output"
    settings = save_model(model, output, config=before, prompts=prompts, card="# A card\n")
    loaded = Config.load(output / "config.yaml")
    assert loaded == settings and (loaded.model, loaded.chunk_size) == (str(output), 99)
    embedder = Embedder.load(loaded)
    assert embedder.prefixes == prompts and prompts_of(output) == (prompts if any(prompts) else None)
    texts = ["Rain falls from clouds.", "Bread rises."]
    np.testing.assert_allclose(embedder.embed_passages(texts), embed(model, prompts.as_passages(texts)), atol=1e-5)
    assert (output / "README.md").read_text() == "# A card\n"
    assert {path.name for path in tmp_path.iterdir()} == {"base", "output"}, "nothing else is left"
    with pytest.raises(ConfigError, match="there already"):
        save_model(model, output, config=before, prompts=prompts, card="")
