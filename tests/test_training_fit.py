"""Training: a planted signal is learned, and what was interrupted ends where it would have ended."""

from copy import deepcopy
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from retrieval.config import Config
from retrieval.encoders.prompts import Prompts
from retrieval.encoders.torch_model import load_torch_model
from retrieval.errors import ConfigError
from retrieval.training.examples import Example
from retrieval.training.fit import Progress, Recipe, fit, freeze
from retrieval.training.held_out import HeldOut
from retrieval.training.losses import Columns, Loss
from retrieval.training.pairs import Pair
from tests.tiny_models import tiny_model

pytest.importorskip("accelerate")
pytest.importorskip("datasets")
torch = pytest.importorskip("torch")

# Questions of words that none of the passages has. Those that are held out put words together that were never together
# in training.
MEANINGS = {
    "canine": "dog", "feline": "cat", "automobile": "car", "vessel": "ship", "physician": "doctor", "beverage": "tea",
    "rainfall": "storm", "bakery": "bread",
}  # fmt: skip
PAIRS = [
    Pair("file", f"{one} {other}", f"{MEANINGS[one]} {MEANINGS[other]}") for one, other in combinations(MEANINGS, 2)
]
PROMPTS = Prompts("ask: ", "say: ")
HELD_OUT = HeldOut.of(PAIRS[::4], others=[pair.passage for pair in PAIRS])
SEEN = [pair for place, pair in enumerate(PAIRS) if place % 4]
COLUMNS: Columns = Loss().columns([Example(pair) for pair in SEEN], PROMPTS)
RECIPE = Recipe(loss=Loss(temperature=0.2), epochs=60, batch_size=11, learning_rate=0.004, evaluations=4, patience=9)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory):
    directory = tiny_model(tmp_path_factory.mktemp("models") / "tiny")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load_torch_model(directory, Config(model=str(directory), device="cpu"))
    torch.set_num_threads(threads)


def ndcg(model) -> float:
    return HELD_OUT.ndcg(model, PROMPTS)


def weights_of(model) -> np.ndarray:
    return np.concatenate([parameter.detach().numpy().ravel() for parameter in model.parameters()])


def test_a_planted_signal_is_learned_and_an_interruption_changes_nothing(loaded, tmp_path: Path, capfd) -> None:
    told: list[Progress] = []
    whole = deepcopy(loaded)
    fitted = fit(whole, COLUMNS, RECIPE, figure=ndcg, checkpoints=tmp_path / "whole", on_progress=told.append)
    assert fitted.figures[0] < 0.3 and ndcg(whole) > 0.8
    assert ndcg(whole) == max(fitted.figures.values()) == fitted.figures[fitted.best_step]
    losses = [progress.loss for progress in told if progress.loss is not None]
    assert losses[-1] < losses[0] / 2 and told[-1].step == fitted.steps == RECIPE.steps(len(SEEN)) == 120
    assert len(list((tmp_path / "whole").glob("checkpoint-*"))) <= 2

    def interrupt(progress: Progress) -> None:
        if progress.step == 75:
            raise KeyboardInterrupt

    halves = deepcopy(loaded)
    with pytest.raises(KeyboardInterrupt):
        fit(halves, COLUMNS, RECIPE, figure=ndcg, checkpoints=tmp_path / "halves", on_progress=interrupt)
    resumed = deepcopy(loaded)
    fit(resumed, COLUMNS, RECIPE, figure=ndcg, checkpoints=tmp_path / "halves", resume=True)
    np.testing.assert_allclose(weights_of(resumed), weights_of(whole), atol=1e-6)
    assert capfd.readouterr().out == ""


def test_frozen_layers_stay_as_they_are(loaded, tmp_path: Path) -> None:
    model = deepcopy(loaded)
    recipe = Recipe(epochs=1, batch_size=11, learning_rate=0.01, frozen_layers=1, evaluations=1)
    figures = iter((0.0, 0.5))
    fitted = fit(model, COLUMNS, recipe, figure=lambda _: next(figures), checkpoints=tmp_path / "one")
    assert (fitted.figures, fitted.best_step) == ({0: 0.0, 2: 0.5}, 2)
    before, after = dict(loaded.named_parameters()), dict(model.named_parameters())
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved and all(".layer.1." in name or "pooler" in name for name in moved)
    with pytest.raises(ConfigError, match="2 layers"):
        freeze(deepcopy(loaded), 2)


def test_the_model_stays_as_it_is_where_training_makes_it_no_better(loaded, tmp_path: Path) -> None:
    model = deepcopy(loaded)
    figures = iter((0.5, 0.4, 0.5, 0.3, 0.2))
    recipe = Recipe(epochs=9, batch_size=11, learning_rate=0.01, evaluations=9, patience=2)
    fitted = fit(model, COLUMNS, recipe, figure=lambda _: next(figures), checkpoints=tmp_path)
    assert fitted.best_step == 0 and fitted.steps == 8, "it stopped at the second time without a new best"
    np.testing.assert_array_equal(weights_of(model), weights_of(loaded))


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"learning_rate": 0}, {"warmup": 1}, {"frozen_layers": -1}])
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        Recipe(**wrong)
