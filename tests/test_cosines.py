"""The quick scan and what it stands for: the exact cosines with all vectors. And what a search does not do again."""

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ingest import add
from retrieval import Document, HybridIndex
from retrieval.analysis import Analyzer
from retrieval.lexical import LexicalIndex
from retrieval.lexical.composite import CompositePostings
from retrieval.search import Query, batch, highlights
from retrieval.search.candidates import QueryScores
from retrieval.search.cosines import Cosines, float32_products, float32_scan
from retrieval.search.highlights import Highlighter
from retrieval.segments.pack import Pack
from retrieval.segments.quantization import QuantizedVectors
from retrieval.segments.reader import IndexReader
from retrieval.segments.stacked import StackedArray

DIMENSION = 8


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1; those of length 0 stay."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return (vectors / np.where(lengths < 1e-12, 1, lengths)).astype(np.float32)


class Rows:
    """What `QueryScores` reads of an IndexReader: two segments, and rows that were deleted. Ids are in no order, and
    rows are alike in great numbers."""

    products = IndexReader.products
    require = IndexReader.require

    def __init__(self, vectors: np.ndarray, cut: int, alive: np.ndarray | None) -> None:
        parts = [vectors[:cut], vectors[cut:]]
        self.slots = self.size = len(vectors)
        self.vectors = StackedArray(parts)
        blocks = [SimpleNamespace(size=len(part), quantized=QuantizedVectors.of(part)) for part in parts]
        self.blocks = list(zip(blocks, (0, len(parts[0])), strict=True))
        self.alive = None if alive is None or alive.all() else alive
        self.awaits, self.embedded = None, self.alive
        self.dead = self.without_cosine = np.flatnonzero(~alive) if alive is not None else np.empty(0, np.intp)
        self.ids = np.array([f"{(7 * row) % 1009:032x}" for row in range(self.slots)], dtype="S32")
        self.passages = self.documents = np.arange(self.slots)
        self.ordinals = lambda rows: np.zeros(len(rows))
        self.fusion_weights = None
        self.lexical = LexicalIndex([[] for _ in range(self.slots)])
        self.languages = ("none",)


# Few different components, so that rows repeat, tie and vanish; or any, so that they nearly do.
components = st.one_of(st.sampled_from([0.0, 0.5, -1.0]), st.floats(-1, 1, width=32))
rows = arrays(np.float32, st.tuples(st.integers(0, 300), st.just(DIMENSION)), elements=components, fill=st.just(0.25))


@given(rows, arrays(np.float32, DIMENSION, elements=components), st.integers(1, 400), st.randoms())
@example(np.zeros((0, DIMENSION), np.float32), np.ones(DIMENSION, np.float32), 1, None)
@example(np.ones((1, DIMENSION), np.float32), np.zeros(DIMENSION, np.float32), 1, None)
def test_dense_candidates_are_those_of_an_exhaustive_exact_scan(
    vectors: np.ndarray, query: np.ndarray, depth: int, random: Any
) -> None:
    vectors, query = unit(vectors), unit(query[None])[0]
    allowed = alive = None
    cut = 0
    if random is not None:
        allowed, alive = (np.array([random.random() < 0.5 for _ in vectors], dtype=bool) for _ in range(2))
        cut = random.randint(0, len(vectors))
    exact = np.vecdot(vectors.astype(np.float64), query.astype(np.float64))
    for living in (None, alive):
        reader: Any = Rows(vectors, cut, living)
        for mask in (None, allowed):
            # A reader's filter lets no deleted row through.
            passing = mask if mask is None or living is None else mask & living
            eligible = np.logical_and.reduce([m for m in (passing, living) if m is not None] or [np.ones(len(exact))])
            expected = np.lexsort((reader.ids, -exact))
            expected = expected[eligible[expected].astype(bool)]
            scores = QueryScores(reader, Query("", {"none": {}}, query), "dense")
            found, _ = scores.candidates(depth, passing)
            assert found.tolist() == expected[:depth].tolist()
            assert scores.cosines(found).tolist() == exact[found].tolist()


@given(rows, arrays(np.float32, DIMENSION, elements=components), st.integers(0, 300))
def test_a_scan_knows_how_far_off_it_is(vectors: np.ndarray, query: np.ndarray, cut: int) -> None:
    vectors, query = unit(vectors), unit(query[None])[0]
    exact = vectors.astype(np.float64) @ query.astype(np.float64)
    for scan in (Rows(vectors, cut, None).products, float32_scan(vectors)):
        products, error = scan(query)
        assert np.abs(products - exact).max(initial=0) <= error
    products, error = float32_products([vectors[:cut], vectors[cut:]], query[None])
    assert np.abs(products[0] - exact).max(initial=0) <= error


@given(rows, st.integers(0, 300))
def test_a_row_is_rounded_alike_wherever_it_stands(vectors: np.ndarray, cut: int) -> None:
    whole = QuantizedVectors.of(vectors)
    for here in (slice(cut), slice(cut, None)):
        alone = QuantizedVectors.of(vectors[here])
        assert (alone.codes == whole.codes[here]).all()
        assert (alone.scales == whole.scales[here]).all()


def test_a_search_reads_few_of_the_vectors_in_full() -> None:
    vectors = unit(np.random.default_rng(0).standard_normal((20_000, 384)).astype(np.float32))
    read = []

    class Counted(np.ndarray):
        def __getitem__(self, key: Any) -> Any:
            read.append(len(key))
            return np.asarray(self)[key]

    quantized = QuantizedVectors.of(vectors)

    def scan(vector: np.ndarray) -> tuple[np.ndarray, float]:
        products = np.empty(len(vectors))
        return products, quantized.products(QuantizedVectors.of(vector[None]), products)

    cosines = Cosines(vectors[7], StackedArray([vectors.view(Counted)]), scan)
    found, _ = cosines.best(100, None)
    assert 7 in found
    assert 100 <= sum(read) < len(vectors) / 50
    seen = sum(read)
    cosines.of(found)
    assert sum(read) == seen, "read twice"


def test_a_scan_leaves_no_reference_short() -> None:
    """A process that has searched a hundred thousand times still has None."""
    quantized = QuantizedVectors.of(unit(np.ones((3, 8), np.float32)))
    query = QuantizedVectors.of(unit(np.ones((1, 8), np.float32)))
    products, before = np.empty(3), sys.getrefcount(None)
    for _ in range(1000):
        quantized.products(query, products)
    assert sys.getrefcount(None) > before - 500


@pytest.fixture
def index(open_index: Callable[..., HybridIndex]) -> HybridIndex:
    opened = open_index()
    add([Document(f"memo {n}", f"Rain number {n} fell on the river mill.") for n in range(30)], opened)
    return opened


def test_a_search_parses_what_it_shows_and_reads_nothing_again(
    index: HybridIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.search("rain on the mill", 3)
    parsed, loaded, looked_up, analysed = [], [], [], []
    loads, occurrences = orjson.loads, CompositePostings.occurrences
    terms = Analyzer.terms
    monkeypatch.setattr(Analyzer, "terms", lambda own, text: (analysed.append(text), terms(own, text))[1])
    monkeypatch.setattr(orjson, "loads", lambda data: (parsed.append(data), loads(data))[1])
    monkeypatch.setattr(Pack, "__init__", lambda own, path: loaded.append(path))
    monkeypatch.setattr(
        CompositePostings, "occurrences", lambda parts, term: (looked_up.append(term), occurrences(parts, term))[1]
    )
    index.search("fell on the mill", 3)
    assert len(parsed) == 3
    assert loaded == []
    assert "fell" in looked_up
    assert "mill" not in looked_up, "it was looked up before"
    read = {text for text in analysed if not text.isdigit()}  # but for numbers, the words of the texts are known
    assert read == {"fell on the mill", "fell", "on", "the", "fellon"}


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_a_large_batch_is_its_queries_one_by_one(
    index: HybridIndex, mode: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = [f"rain number {n} on the river" for n in range(40)]
    alone = [index.search(query, 3, mode=mode) for query in queries]
    told = [[(hit.id, hit.rank, hit.dense_rank, hit.lexical_score) for hit in hits] for hits in alone]
    for together in (batch._SCORES, 20 * 30, 30):
        monkeypatch.setattr(batch, "_SCORES", together)
        found = index.search_batch(queries, 3, mode=mode)
        assert [[(hit.id, hit.rank, hit.dense_rank, hit.lexical_score) for hit in hits] for hits in found] == told


def test_languages_that_make_the_same_of_a_query_are_scored_together(
    open_index: Callable[..., HybridIndex], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_index()
    texts = {
        "english": "The river carries the water of the mountains down to the sea, and the mill stands still.",
        "german": "Der Fluss trägt das Wasser der Berge hinab zum Meer, und die Mühle steht nun wieder still.",
        "french": "La rivière porte l'eau des montagnes jusqu'à la mer, et le moulin ne tourne plus depuis hier.",
    }
    add([Document(language, text) for language, text in texts.items()], opened)
    assert len(opened.searcher().reader.languages) == 3
    asked = []
    score = LexicalIndex.score_slots
    monkeypatch.setattr(LexicalIndex, "score_slots", lambda own, terms: (asked.append(terms), score(own, terms))[1])
    opened.search("GPT-4", mode="lexical")
    assert len(asked) == 1


def test_words_met_are_known_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(highlights, "_KNOWN_PIECES", 10)
    pieces = highlights._Pieces("english")
    long = f"rain-{'x' * 50}"
    for n in range(30):
        assert pieces.having(["rain"], {f"word{n}", "rains,", long}) == {"rains,", long}
        known, by_term = pieces._met
        assert len(known) < 12
        assert long not in known
        assert len(by_term) < 24


words = st.sampled_from(["rain", "rains,", "C++", "GPT-4", "1,000", "l'eau", "東京都", "\n", "a" * 60])
texts = st.text() | st.lists(words, max_size=9).map(" ".join)


@given(texts, st.sampled_from(["english", "french", "none"]))
def test_highlights_are_found_word_by_word_as_in_the_whole_text(text: str, language: str) -> None:
    spans = Analyzer(language).spans(text)
    for term in {term for term, _, _ in spans}:
        covered = {at for found, start, end in spans if found == term for at in range(start, end)}
        marked = Highlighter({term}, language).spans(text)
        assert {at for start, end in marked for at in range(start, end)} == covered
