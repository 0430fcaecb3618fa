"""A training killed with SIGKILL, wherever it was: nothing half made is taken for a model, and it can be resumed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ingest import add
from retrieval.config import Config
from retrieval.errors import ConfigError
from retrieval.index import HybridIndex
from retrieval.training import run
from tests.test_training_run import SUBJECTS, document
from tests.tiny_models import tiny_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TESTS = Path(__file__).parent
BEFORE_A_PLAN = {"the plan is half written"}


def weights(output: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(output / "model.safetensors")


def test_a_training_killed_anywhere_comes_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("accelerate")
    pytest.importorskip("datasets")
    from tests.killed_training import MOMENTS, better, train

    config = Config(model=str(tiny_model(tmp_path / "tiny")), backend="torch", device="cpu", precision="fp32")
    with HybridIndex.open(tmp_path / "index", config=config) as opened:
        add([document(number, subject) for number, subject in enumerate(SUBJECTS, start=1)], opened)
    places = {name: str(tmp_path / name) for name in ("index", "output")}
    output, work = tmp_path / "output", tmp_path / "output.training"
    monkeypatch.setattr(run, "fit", better)
    advice = train(**places, resume=False)
    undisturbed = weights(output)
    assert "keep the base model" in advice
    with subprocess.Popen(
        [sys.executable, str(TESTS / "killed_training.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"},
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        for moment in MOMENTS:
            shutil.rmtree(output)
            process.stdin.write(json.dumps({**places, "moment": moment, "resume": False}) + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline()), f"it died where {moment}"
            if moment in BEFORE_A_PLAN:
                assert not output.exists()
                with pytest.raises(ConfigError, match="holds no training"):
                    train(**places, resume=True)
                assert train(**places, resume=False) == advice
            elif not output.exists():
                with pytest.raises(ConfigError, match="interrupted"):
                    train(**places, resume=False)
                assert train(**places, resume=True) == advice, moment
            else:
                assert moment == "the model is moved"
                with pytest.raises(ConfigError, match="there already"):
                    train(**places, resume=True)
            assert not work.exists() and advice in (output / "README.md").read_text("utf-8")
            for name, values in weights(output).items():
                np.testing.assert_allclose(values, undisturbed[name], atol=1e-6, err_msg=moment)
        process.stdin.close()
