"""Relevance: pure figures over invented passages, and small indexes with encoders that know nothing."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ingest import add
from retrieval import Document, HybridIndex
from retrieval.chroma.store import Store
from retrieval.config import Config
from retrieval.directory.index_directory import IndexDirectory
from retrieval.search.coverage import Word, passage_coverage
from retrieval.segments.manifest import Manifest
from retrieval.types import CosineScale
from tests.letters import Letters

Open = Callable[..., HybridIndex]

WORDS = "abcdef"
_cosine = st.floats(-1, 1)


class Passages:
    """What `passage_coverage` asks of a reader, of passages that are sets of terms."""

    def __init__(self, *passages: set[str]) -> None:
        self.passages = passages
        self.size = len(passages)
        self.lexical = self

    def occurs(self, term: str, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        return np.array([term in self.passages[row] for row in rows])

    def document_frequency(self, term: str) -> int:
        return sum(term in passage for passage in self.passages)

    def shares(self, words: Sequence[str], *, corrected: str = "") -> list[float]:
        """Of each passage."""
        asked = [Word(word, (), (), 2 * at, 2 * at + 1) for at, word in enumerate(words)]
        rows = np.arange(self.size)
        return passage_coverage(self, asked, rows, corrected=frozenset(corrected)).tolist()  # type: ignore[arg-type]


class Blind(Letters):
    """To which all texts are the same."""

    def _vector(self, text: str) -> NDArray[Any]:
        return np.eye(1, self.dimension)[0]


@given(unrelated=_cosine, related=_cosine, cosines=st.lists(_cosine))
def test_a_higher_cosine_is_never_less_near(unrelated: float, related: float, cosines: list[float]) -> None:
    near = CosineScale(unrelated, related).nearness(np.sort(cosines))
    assert ((near >= 0) & (near <= 2)).all()
    assert (np.diff(near) >= 0).all()


def test_nearness_is_0_for_what_is_unrelated_and_1_for_an_answer() -> None:
    assert CosineScale(0.5, 0.7).nearness(np.array([0.4, 0.5, 0.6, 0.7, 0.95])) == pytest.approx([0, 0, 0.5, 1, 2])
    assert CosineScale(0.9, 0.9).nearness(np.array([0.2, 0.9, 1.0])).tolist() == [0, 0, 0]
    assert CosineScale(0.9, 0.2).nearness(np.array([0.2, 0.9, 1.0])).tolist() == [0, 0, 0]


@given(
    passages=st.lists(st.sets(st.sampled_from(WORDS)), min_size=1),
    asked=st.lists(st.sampled_from(WORDS + "xyz"), min_size=1, unique=True),
    corrected=st.sets(st.sampled_from(WORDS)),
)
def test_whoever_has_more_of_the_words_covers_no_less(
    passages: list[set[str]], asked: list[str], corrected: set[str]
) -> None:
    shares = Passages(*passages).shares(asked, corrected="".join(corrected))
    for share, passage in zip(shares, passages, strict=True):
        has = passage & set(asked)
        assert 0 <= share <= 1
        assert (share == 0) == (not has)
        assert (share == 1) == (has == set(asked) and not has & corrected)
        less = [other for other, some in zip(shares, passages, strict=True) if some & set(asked) <= passage]
        assert share >= max(less) - 1e-12


def test_a_rare_word_says_more_than_a_frequent_one_and_one_in_another_spelling_less() -> None:
    passages = Passages({"a", "b"}, {"a"}, {"a"}, {"b"}, {"a"})
    _, frequent, _, rare, _ = passages.shares("ab")
    assert 0 < frequent < 0.5 < rare < 1
    assert passages.shares("a", corrected="a") == pytest.approx([0.6, 0.6, 0.6, 0, 0.6])


def test_a_question_of_function_words_alone_is_answered_by_those_who_have_them_in_a_row(open_index: Open) -> None:
    index = open_index(encoder=Blind())
    texts = {"hamlet": "To be, or not to be.", "rain": "Not all rain is to be feared, or is it?"}
    add([Document(source, text) for source, text in texts.items()], index)
    hits = index.search("to be or not to be")
    assert {hit.source: hit.relevance for hit in hits} == {"hamlet": 0.6, "rain": 0.0}
    assert not index.search("of the and").has_relevant


def test_a_model_that_tells_nothing_apart_leaves_the_words(open_index: Open) -> None:
    index = open_index(encoder=Blind())
    add([Document("rain", "Rain falls from clouds."), Document("bread", "Bread rises.")], index)
    assert index.search("rain from clouds").has_relevant
    assert not index.search("why do whales sing?").has_relevant
    dense = index.search("rain from clouds", mode="dense")
    assert {hit.source: hit.relevance for hit in dense} == {"rain": 0.6, "bread": 0.0}
    encoder = index.embedder.encoder
    encoder.queries.clear()  # type: ignore[attr-defined]
    lexical = index.search("rain from clouds", mode="lexical")
    assert [hit.relevance for hit in lexical] == [1.0]
    assert encoder.queries == []  # type: ignore[attr-defined]


def test_an_index_made_before_scales_were_kept_has_its_models_and_keeps_it_when_written(
    open_index: Open, tmp_path: Path
) -> None:
    def relevances(index: HybridIndex) -> dict[str, float]:
        return {hit.source: hit.relevance for hit in index.search("rain from above")}

    with open_index(encoder=Letters()) as index:
        add([Document("rain", "Rain falls from clouds."), Document("bread", "Bread rises.")], index)
        kept, before = index.searcher().reader.state.cosine_scale, relevances(index)
    assert kept is not None
    directory = IndexDirectory(tmp_path / "index")
    manifest = Manifest.read(directory.generations, index.searcher().generation)
    state = replace(manifest.state, cosine_scale=None)
    replace(manifest, state=state).write(directory.generations)
    store = Store.open(directory.chroma, Config())
    store.set_state(state)
    store.close()
    with open_index(encoder=Letters()) as index:
        assert index.searcher().reader.state.cosine_scale is None
        assert relevances(index) == before
        add([Document("snow", "Snow falls.")], index)
        assert index.searcher().reader.state.cosine_scale == kept
    with open_index(encoder=Letters(), read_only=True) as index:
        assert index.searcher().reader.state.cosine_scale == kept
