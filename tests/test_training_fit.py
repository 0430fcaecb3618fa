"""Training: a planted signal is learned, and what was interrupted ends where it would have ended."""

import os
import random
from copy import deepcopy
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from retrieval.config import Config
from retrieval.encoders.prompts import Prompts
from retrieval.encoders.torch_model import load_torch_model
from retrieval.errors import ConfigError, ModelError
from retrieval.training.blending import Blend, blend
from retrieval.training.examples import Example
from retrieval.training.fit import fit
from retrieval.training.held_out import HeldOut, embed
from retrieval.training.losses import Columns, Loss
from retrieval.training.pairs import Pair
from retrieval.training.recipe import Fitted, Progress, Recipe
from retrieval.training.trainer import replace_rows
from retrieval.training.weights import freeze
from tests.tiny_models import tiny_model

pytestmark = pytest.mark.skipif(
    not all(map(find_spec, ("accelerate", "datasets"))), reason="the extra `train` is not installed"
)

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
RECIPE = Recipe(loss=Loss(temperature=0.2), epochs=36, batch_size=11, learning_rate=0.005, evaluations=8, patience=9)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory):
    import torch

    directory = tiny_model(tmp_path_factory.mktemp("models") / "tiny")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load_torch_model(directory, Config(model=str(directory), device="cpu"))
    torch.set_num_threads(threads)


def ndcg(model) -> np.ndarray:
    return HELD_OUT.ndcg(model, PROMPTS)


def weights_of(model) -> np.ndarray:
    return np.concatenate([parameter.detach().numpy().ravel() for parameter in model.parameters()])


@pytest.mark.slow
def test_a_planted_signal_is_learned_and_an_interruption_changes_nothing(
    loaded, tmp_path: Path, capfd, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    told: list[Progress] = []
    whole = deepcopy(loaded)
    numbers = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    fitted = fit(whole, COLUMNS, RECIPE, figure=ndcg, checkpoints=tmp_path / "whole", on_progress=told.append)
    assert fitted.figures[0] < 0.3 and fitted.figure == ndcg(whole).mean() > 0.8
    assert max(fitted.figures.values()) == fitted.figures[fitted.best_step] > 0.8
    assert whole.forward.__func__ is type(whole).forward, "without the precision of training"
    losses = [progress.loss for progress in told if progress.loss is not None]
    assert losses[-1] < losses[0] / 2 and told[-1].step == fitted.steps == RECIPE.steps(len(SEEN)) == 72
    assert len(list((tmp_path / "whole").glob("checkpoint-*"))) <= 2

    def interrupt(progress: Progress) -> None:
        if progress.step == 30:  # the newest checkpoint, of step 27, lies within an epoch
            raise KeyboardInterrupt

    halves = deepcopy(loaded)
    with pytest.raises(KeyboardInterrupt):
        fit(halves, COLUMNS, RECIPE, figure=ndcg, checkpoints=tmp_path / "halves", on_progress=interrupt)
    resumed = deepcopy(loaded)
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "fp16")
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "3")
    monkeypatch.setenv("LOCAL_RANK", "0")
    environment = dict(os.environ)
    fit(resumed, COLUMNS, RECIPE, figure=ndcg, checkpoints=tmp_path / "halves", resume=True)
    np.testing.assert_allclose(weights_of(resumed), weights_of(whole), atol=1e-6)
    assert capfd.readouterr() == ("", "") and os.environ == environment
    assert numbers == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())


def test_frozen_layers_stay_as_they_are(loaded, tmp_path: Path) -> None:
    import torch

    model = deepcopy(loaded)
    recipe = Recipe(epochs=1, batch_size=11, learning_rate=0.01, frozen_layers=1, evaluations=1, blend=0.7)
    figures = iter(np.array([[0.0], [0.5], [0.5]]))
    fitted = fit(model, COLUMNS, recipe, figure=lambda _: next(figures), checkpoints=tmp_path / "one")
    assert fitted == Fitted(2, {0: 0.0, 2: 0.5}, best_step=2, share=0.7, figure=0.5)
    before, after = dict(loaded.named_parameters()), dict(model.named_parameters())
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved and all(".layer.1." in name or "pooler" in name for name in moved)
    with pytest.raises(ConfigError, match="2 layers"):
        freeze(deepcopy(loaded), 2)


@pytest.mark.parametrize(
    ("of_half", "of_whole", "share"),
    [([0.5, 0.2, 0.4], [0.5, 0.5, 0.3], 0.5), ([0.5, 0.2, 0.4], [0.6, 0.4, 0.5], 1.0), ([0.5], [0.5], 0.5)],
)
def test_no_more_is_changed_than_held_out_questions_ask_for(of_half, of_whole, share: float) -> None:
    import torch

    model = torch.nn.Linear(1, 1, bias=False)
    first, last = {"weight": torch.tensor([[2.0]])}, {"weight": torch.tensor([[4.0]])}
    figures = {3.0: np.array(of_half), 4.0: np.array(of_whole)}
    found = blend(model, first, last, shares=(0.5, 1.0), figure=lambda model: figures[model.weight.item()])
    assert found == Blend(share, figures[2 + 2 * share].mean()) and model.weight.item() == 2 + 2 * share
    assert blend(model, first, last, shares=(0.75,), figure=None) == Blend(0.75, None) and model.weight.item() == 3.5


@pytest.mark.slow
def test_adapters_are_merged_and_an_interruption_changes_nothing(loaded, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    import torch

    recipe = Recipe(epochs=3, batch_size=11, learning_rate=0.05, lora_rank=2, frozen_layers=1, evaluations=2)
    before = embed(loaded, ["dog"])[0]

    def moved(model) -> np.ndarray:
        return np.array([1 - float(embed(model, ["dog"])[0] @ before)])

    def interrupt(progress: Progress) -> None:
        if progress.step == 5:
            raise KeyboardInterrupt

    whole, resumed = deepcopy(loaded), deepcopy(loaded)
    fitted = fit(whole, COLUMNS, recipe, figure=moved, checkpoints=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(deepcopy(loaded), COLUMNS, recipe, figure=moved, checkpoints=tmp_path / "halves", on_progress=interrupt)
    fit(resumed, COLUMNS, recipe, figure=moved, checkpoints=tmp_path / "halves", resume=True)
    np.testing.assert_allclose(weights_of(resumed), weights_of(whole), atol=1e-6)
    assert fitted.best_step == 6 and moved(whole)[0] == pytest.approx(fitted.figures[6], rel=0.02), "merged, in float32"
    old, new = dict(loaded.named_parameters()), dict(whole.named_parameters())
    assert list(new) == list(old) and all(weight.requires_grad for weight in new.values())
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert changed and all(".layer.1." in name and name.endswith("weight") and "Norm" not in name for name in changed)


@pytest.mark.slow
def test_later_epochs_have_other_columns(loaded, tmp_path: Path) -> None:
    from datasets import Dataset

    recipe = Recipe(epochs=2, batch_size=6, learning_rate=0.01, evaluations=4)  # 4 steps an epoch, and 2 a checkpoint
    hard = COLUMNS | {"negative_1": COLUMNS["positive"][1:] + COLUMNS["positive"][:1]}
    harder = COLUMNS | {"negative_1": COLUMNS["positive"][2:] + COLUMNS["positive"][:2]}
    before, told = weights_of(loaded), []

    def renew(model, epoch: int, tell) -> Columns:
        tell(0.5)
        return harder

    def trained(name: str, **options) -> np.ndarray:
        model = deepcopy(loaded)
        moved = lambda model: np.array([np.linalg.norm(weights_of(model) - before)])  # noqa: E731
        fit(model, hard, recipe, figure=moved, checkpoints=tmp_path / name, **options)
        return weights_of(model)

    def interrupt(progress: Progress) -> None:
        if progress.step == 7:  # the newest checkpoint, of step 6, lies within the second epoch
            raise KeyboardInterrupt

    whole = trained("whole", renew=renew, on_progress=told.append)
    assert [progress.step for progress in told if progress.renewed] == [4], "before the second epoch"
    assert np.abs(whole - trained("never")).max() > 1e-4
    with pytest.raises(KeyboardInterrupt):
        trained("halves", renew=renew, on_progress=interrupt)
    np.testing.assert_allclose(trained("halves", renew=renew, resume=True), whole, atol=1e-6)
    with pytest.raises(ValueError, match="more or fewer"):
        replace_rows(Dataset.from_dict(hard), {name: values[1:] for name, values in hard.items()})


def test_the_model_stays_as_it_is_where_training_makes_it_no_better(loaded, tmp_path: Path) -> None:
    model = deepcopy(loaded)
    figures = iter(np.array([[0.5], [0.4], [0.5], [0.3], [0.2]]))
    recipe = Recipe(epochs=9, batch_size=11, learning_rate=0.01, evaluations=9, patience=2)
    fitted = fit(model, COLUMNS, recipe, figure=lambda _: next(figures), checkpoints=tmp_path)
    assert fitted.best_step == 0 and fitted.steps == 8, "it stopped at the second time without a new best"
    np.testing.assert_array_equal(weights_of(model), weights_of(loaded))
    again = fit(model, COLUMNS, recipe, figure=lambda _: np.array([0.5]), checkpoints=tmp_path, resume=True)
    assert again == fitted, "what has stopped is not trained further"


@pytest.mark.slow
def test_figures_of_few_questions_choose_nothing(loaded, tmp_path: Path) -> None:
    recipe, told = Recipe(batch_size=6, learning_rate=0.01, patience=1, blend=0.75), []
    figures = {"columns": COLUMNS, "recipe": recipe, "chooses": False}
    shown, unseen = deepcopy(loaded), deepcopy(loaded)
    worse = (np.array([1.0 / number]) for number in range(1, 9))
    fitted = fit(shown, **figures, figure=lambda _: next(worse), checkpoints=tmp_path / "a", on_progress=told.append)
    assert (fitted.steps, fitted.best_step, fitted.share) == (4, 4, 0.75), "all steps, though none was better"
    assert [progress.figure for progress in told if progress.figure] == [1 / 2, 1 / 3, 1 / 4, 1 / 5]
    assert fit(unseen, **figures, figure=None, checkpoints=tmp_path / "b") == Fitted(4, {}, 4, 0.75, None)
    assert np.abs(weights_of(unseen) - weights_of(loaded)).max() > 1e-3


def test_what_cannot_be_trained_is_refused(loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    class Lost(torch.nn.Module):
        def __init__(self, model) -> None:
            super().__init__()
            self.model = model

        def forward(self, features, labels):
            return self.model(features[0])["sentence_embedding"].sum() * float("nan")

    def trained(columns: Columns = COLUMNS) -> None:
        fit(deepcopy(loaded), columns, Recipe(), figure=lambda _: np.array([0.5]), checkpoints=tmp_path)

    with pytest.raises(ConfigError, match="batches of two pairs"):
        trained({"anchor": ["canine"], "positive": ["dog"]})
    with monkeypatch.context() as torn, pytest.raises(ModelError, match="loss is not a number after step 1"):
        torn.setattr(Loss, "module", lambda self, model: Lost(model))
        trained()
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="WORLD_SIZE is 2"):
        trained()


@pytest.mark.parametrize(
    "wrong",
    [{"epochs": 0}, {"learning_rate": 0}, {"warmup": 1}, {"frozen_layers": -1}, {"blend": 0}, {"lora_rank": -1}],
)
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        Recipe(**wrong)
