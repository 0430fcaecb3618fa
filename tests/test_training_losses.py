"""Losses: each falls where it is followed, and every string that it reads has its prefix."""

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest

from retrieval.config import Config
from retrieval.encoders.local_encoder import LocalEncoder
from retrieval.encoders.prompts import Prompts
from retrieval.encoders.torch_model import load_torch_model
from retrieval.errors import ConfigError
from retrieval.training.examples import Example, Negative
from retrieval.training.losses import Loss, LossName
from retrieval.training.pairs import Pair
from retrieval.training.recipe import Recipe
from tests.tiny_models import tiny_model

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PROMPTS = Prompts("ask: ", "say: ")
WORDS = {"rain": "cloud", "bread": "yeast", "ship": "harbour", "chess": "queen"}


def example(question: str, *, negatives: int = 2, score: float | None = 0.9) -> Example:
    others = [answer for asked, answer in WORDS.items() if asked != question][:negatives]
    found = tuple(
        Negative("bm25", f"what a {other} is", other, 0.1 * place) for place, other in enumerate(others, start=1)
    )
    return Example(Pair("file", f"a question on {question}", f"what a {WORDS[question]} is"), found, score)


EXAMPLES = [example(question) for question in WORDS]


CONFIG = {"device": "cpu", "query_prefix": PROMPTS.query, "passage_prefix": PROMPTS.passage}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return Config(model=str(tiny_model(tmp_path_factory.mktemp("models") / "tiny")), **CONFIG)


@pytest.fixture(scope="module")
def loaded(tiny: Config) -> Iterator["SentenceTransformer"]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more would wait for each other longer than they work
    yield load_torch_model(Path(tiny.model), tiny).eval()  # no dropout, so that losses fall from step to step
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("loss", "kept"),
    [
        *((loss, None) for loss in [*map(Loss, get_args(LossName)), Loss("triplet", margin=1.5)]),
        *((loss, kept) for loss in [Loss(at_once=2)] for kept in (None, 8)),
        (Loss(), 8),
        (Loss("kl"), 3),  # as many as scores of a row
    ],
    ids=str,
)
def test_a_loss_falls_where_it_is_followed(loss: Loss, kept: int | None, loaded: "SentenceTransformer") -> None:
    """kept   components of a vector, from the first; the loss sees no others."""
    import torch

    model = deepcopy(loaded)
    model.truncate_dim = kept
    columns = loss.columns(EXAMPLES, PROMPTS)
    features = [model.preprocess(texts) for name, texts in columns.items() if name != "label"]
    labels = torch.tensor(columns["label"]) if "label" in columns else None
    module = loss.module(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.004)
    values = []
    for _ in range(8):
        optimizer.zero_grad()
        value = module([dict(each) for each in features], labels)
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.9 * values[0]
    if kept is not None:
        whole = deepcopy(loaded)
        last = whole[0].model.encoder.layer[-1].output
        last.LayerNorm.weight.data[kept:], last.LayerNorm.bias.data[kept:] = 0, 0
        whole.truncate_dim = kept
        assert loss.module(whole)([dict(each) for each in features], labels).item() == pytest.approx(values[0])


def test_the_prefix_reaches_the_tokens_as_where_texts_are_embedded(tiny: Config, loaded: "SentenceTransformer") -> None:
    encoder = LocalEncoder.load(tiny)
    limit = encoder.max_seq_length
    long = Example(Pair("file", "why " * 400, "so " * 400))
    for name, texts in Loss().columns([*EXAMPLES, long], PROMPTS).items():
        ids, mask = (loaded.preprocess(texts)[key] for key in ("input_ids", "attention_mask"))
        read = [row[kept.bool()].tolist() for row, kept in zip(ids, mask, strict=True)]
        prefix = PROMPTS.query if name == "anchor" else PROMPTS.passage
        assert all(text.startswith(prefix) for text in texts)
        first = encoder.tokenizer.encode(prefix).ids[:-1]  # without the token that ends a text
        assert all(row[: len(first)] == first for row in read)
        whole = [ids if len(ids := encoder.tokenizer.encode(text).ids) < limit else None for text in texts]
        assert [row if len(row) < limit else None for row in read] == whole
        assert max(map(len, read)) <= limit


def test_rows_of_one_width() -> None:
    few, none = example("rain", negatives=1), example("bread", negatives=0)
    columns = Loss().columns([EXAMPLES[2], few, none], PROMPTS)
    assert list(columns) == ["anchor", "positive", "negative_1", "negative_2"]
    assert columns["negative_2"][1:] == ["say: what a yeast is", "say: what a cloud is"], "answers to other questions"
    assert columns["negative_1"][2] == "say: what a harbour is"
    assert list(Loss().columns([none], PROMPTS)) == ["anchor", "positive"]
    of_same = [Example(Pair("file", "same", answer), few.negatives * number) for number, answer in enumerate("ab")]
    assert list(Loss().columns(of_same, PROMPTS)) == ["anchor", "positive"], "its own answers are no negatives"
    other = Pair("file", "other", "c", "d.md", "c2")
    of_chunk = [
        Example(Pair(kind, kind, kind, "d.md", "c1"), few.negatives * number)
        for number, kind in enumerate(("crop", "sentence"))
    ]
    assert Loss().columns([*of_chunk, Example(other)], PROMPTS)["negative_1"][0] == "say: c", "not of the same chunk"
    title = replace(of_chunk[0], pair=replace(of_chunk[0].pair, kind="title"))
    assert "negative_1" not in Loss().columns([title, of_chunk[1], Example(other)], PROMPTS), "nor of the document"


def test_distillation_takes_the_hybrid_s_scores() -> None:
    unscored = example("ship", score=None)
    assert Loss("margin-mse").columns([EXAMPLES[0], unscored], PROMPTS)["label"] == pytest.approx([0.8, 0.7])
    columns = Loss("kl").columns([*EXAMPLES[:2], example("ship", negatives=1), unscored], PROMPTS)
    assert columns["label"] == [[0.9, 0.1, 0.2], [0.9, 0.1, 0.2]]
    assert list(columns) == ["anchor", "positive", "negative_1", "negative_2", "label"]
    labelled = Loss("cosine").columns([EXAMPLES[0]], PROMPTS)
    assert labelled["label"] == [1.0, 0.0, 1.0, 0.0] and labelled["passage"][0] == "say: what a cloud is"


def test_what_a_loss_lacks_is_told() -> None:
    for loss in (Loss("triplet"), Loss("kl"), Loss("cosine")):
        with pytest.raises(ConfigError, match="needs pairs with negatives"):
            loss.columns([example("rain", negatives=0)], PROMPTS)
    with pytest.raises(ConfigError, match="infonce needs pairs"):
        Loss().columns([], PROMPTS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 0},
        {"margin": 0.1},
        {"name": "triplet", "margin": 3},
        {"name": "kl", "at_once": 4},
        {"at_once": 0},
    ],
)
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Loss(**wrong)


def test_written_questions_are_read_more_often_than_made_ones() -> None:
    made = Example(Pair("title", "snow", "It snows."))
    columns = Recipe(repeats=3).columns([Example(Pair("judged", "rain", "It rains.")), made], PROMPTS)
    assert Counter(columns["anchor"]) == {f"{PROMPTS.query}rain": 3, f"{PROMPTS.query}snow": 1}
    assert len(columns["positive"]) == 4
