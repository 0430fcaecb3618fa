"""An index asks of an encoder what the protocol says, and no more."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import add
from retrieval import Config, Document, HybridIndex
from retrieval.encoders import Embedder
from retrieval.encoders.character_tokenizer import character_tokenizer
from retrieval.errors import ConfigError, IndexMismatchError, ModelError
from retrieval.fingerprint import Fingerprint
from retrieval.types import Encoder
from tests.ingesting import rebuild
from tests.letters import LIMIT, Letters

TEXT = "Warm air rises, cools and can hold less water. What it cannot hold condenses on grains of dust. " * 3


@pytest.fixture
def encoder() -> Letters:
    return Letters()


@pytest.fixture
def path(tmp_path: Path, encoder: Letters) -> Path:
    """An index made with it."""
    with HybridIndex.open(tmp_path / "index", encoder=encoder) as index:
        report = add([Document("rain", TEXT), Document("mill", "The mill grinds flour.")], index)
        assert report.added == 2 and not report.failed
    return tmp_path / "index"


def test_the_protocol_is_what_a_class_has_that_knows_nothing_of_us(encoder: Letters) -> None:
    assert isinstance(encoder, Encoder)


def test_an_encoder_gets_strings_with_their_prefixes_within_its_limit(path: Path, encoder: Letters) -> None:
    own = [text for text in encoder.passages if text.removeprefix("passage: ") in f"{TEXT} The mill grinds flour."]
    assert len(own) == 3, "the same text is embedded once"
    assert all(text.startswith("passage: ") and len(text) <= LIMIT for text in encoder.passages)
    with HybridIndex.open(path, encoder=encoder, read_only=True) as index:
        (hit, *_) = index.search("flour of the mill", mode="dense")
    assert encoder.queries[-1] == "query: flour of the mill"
    assert hit.source == "mill"
    assert 0 < hit.score <= 1 + 1e-6


def test_what_an_encoder_made_is_embedded_once_and_searched_without_it_by_words(path: Path, encoder: Letters) -> None:
    embedded = len(encoder.passages)
    with HybridIndex.open(path, encoder=encoder) as index:
        assert add([Document("rain", TEXT)], index).unchanged == 1
    assert len(encoder.passages) == embedded
    with HybridIndex.open(path, read_only=True) as index:
        assert index.stats().model == "encoder:letters"
        assert index.search("mill", mode="lexical")[0].source == "mill"
        with pytest.raises(ModelError, match=r"encoder of a program, letters; .*encoder="):
            index.search("mill")


def test_vectors_of_another_encoder_or_version_are_never_mixed_in(path: Path) -> None:
    with (
        HybridIndex.open(path, encoder=Letters("2")) as index,
        pytest.raises(IndexMismatchError, match=r"encoder:letters .*rebuild"),
    ):
        index.search("mill")
    with pytest.raises(IndexMismatchError, match=r"encoder:letters, not packaged"):
        HybridIndex.open(path, config=Config(model="packaged"))
    other = Letters()
    other.name = "others"
    with pytest.raises(IndexMismatchError, match=r"encoder:letters, not encoder:others"):
        HybridIndex.open(path, encoder=other)


def test_an_index_is_rebuilt_with_another_version(path: Path) -> None:
    newer = Letters("2")
    assert not rebuild(path, encoder=newer).failed
    with HybridIndex.open(path, encoder=newer) as index:
        assert index.search("mill")[0].source == "mill"


def test_a_model_and_an_encoder_are_not_both_taken(tmp_path: Path, encoder: Letters) -> None:
    with pytest.raises(ConfigError, match="give one"):
        HybridIndex.open(tmp_path, config=Config(model="some/model"), encoder=encoder)
    for setting in ({"truncate_dim": 8}, {"pooling": "mean"}, {"revision": "v1"}):
        with pytest.raises(ConfigError, match=rf"{next(iter(setting))}.*\(letters\)"):
            HybridIndex.open(tmp_path, config=Config(**setting), encoder=encoder)
    (tmp_path / "settings.yaml").write_text("model: some/model\n", "utf-8")
    with pytest.raises(ConfigError, match="give one"):
        HybridIndex.open(tmp_path / "index", config=tmp_path / "settings.yaml", encoder=encoder)


@pytest.mark.parametrize(
    ("vectors", "complaint"),
    [
        (np.ones((1, 26)), r"shape \(1, 26\) for 1 texts"),
        (np.ones((2, 27)), r"shape \(2, 27\) for 1 texts"),
        (np.zeros((1, 27)), "without a direction"),
        (np.full((1, 27), np.nan), "without a direction"),
        ([["a"] * 27], "no array of numbers"),
        ([[1.0], [1.0, 2.0]], "no array of numbers"),
    ],
)
def test_vectors_of_no_use_are_refused(path: Path, encoder: Letters, vectors: Any, complaint: str) -> None:
    encoder.answer = vectors
    with HybridIndex.open(path, encoder=encoder) as index, pytest.raises(ModelError, match=complaint):
        index.search("mill")


def test_what_lacks_a_part_of_an_encoder_is_refused_and_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"A str is no encoder: it has no name, version, .*embed_passages"):
        HybridIndex.open(tmp_path / "index", encoder="packaged")  # type: ignore[arg-type]


def test_numbers_of_numpy_and_a_version_that_is_one_are_taken(path: Path, encoder: Letters) -> None:
    encoder.dimension, encoder.max_seq_length = np.int64(27), np.int64(LIMIT)  # type: ignore[assignment]
    made_with = Fingerprint.of(Config(), Embedder(encoder, Config()))
    assert Fingerprint.from_json(made_with.to_json()) == made_with
    encoder.version = 2  # type: ignore[assignment]
    with HybridIndex.open(path, encoder=encoder) as index, pytest.raises(IndexMismatchError, match="weights 2"):
        index.search("mill")


@given(st.text())
def test_a_limit_in_characters_counts_every_character(text: str) -> None:
    encoding = character_tokenizer().encode(text)
    assert len(encoding.ids) == len(text)
    assert encoding.offsets == [(at, at + 1) for at in range(len(text))]
