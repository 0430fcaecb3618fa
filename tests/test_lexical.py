import json
import math
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rank_bm25 import BM25L, BM25Okapi, BM25Plus

from retrieval.analysis import Analyzer
from retrieval.config import Bm25Idf, Bm25Variant
from retrieval.errors import ConfigError, DocumentError, IndexDamagedError, IndexNotFoundError, QueryError
from retrieval.lexical import LexicalIndex
from retrieval.lexical.composite import CompositePostings
from retrieval.lexical.postings import build

Corpus = list[list[str]]

IDFS: list[Bm25Idf] = ["lucene", "okapi"]
VARIANTS: list[Bm25Variant] = ["bm25", "bm25l", "bm25plus"]
RAIN: Corpus = [["rain", "cloud"], ["sun"], ["rain", "rain", "wind"], [], ["cloud", "sun", "wind", "snow"]]

# Few different terms, so that documents share them and some are in more than half of the corpus.
terms = st.sampled_from(["a", "b", "c", "dd", "é", "東", "\ud800", "", "zz\0z"])
documents = st.lists(terms, max_size=8)
corpora = st.lists(documents, max_size=12)


def lucene_by_definition(corpus: Corpus, query: Sequence[str], k1: float = 1.5, b: float = 0.75) -> list[float]:
    average = sum(map(len, corpus)) / max(1, len(corpus))
    scores = []
    for document in corpus:
        score = 0.0
        for term in query:
            n, f = sum(term in other for other in corpus), document.count(term)
            if f:
                idf = math.log(1 + (len(corpus) - n + 0.5) / (n + 0.5))
                score += idf * f * (k1 + 1) / (f + k1 * (1 - b + b * len(document) / average))
        scores.append(score)
    return scores


@given(corpora.filter(any), documents, st.floats(0.1, 3), st.floats(0, 0.99), st.floats(0, 1))
def test_okapi_is_rank_bm25(corpus: Corpus, query: list[str], k1: float, b: float, epsilon: float) -> None:
    theirs = BM25Okapi(corpus, k1=k1, b=b, epsilon=epsilon)
    ours = LexicalIndex(corpus, idf="okapi", k1=k1, b=b, epsilon=epsilon)
    np.testing.assert_allclose(ours.get_scores(query), theirs.get_scores(query), rtol=0, atol=1e-9)
    everything = list(range(len(corpus)))
    assert ours.get_batch_scores(query, everything) == pytest.approx(theirs.get_batch_scores(query, everything))
    assert (ours.corpus_size, ours.doc_len, ours.avgdl) == (theirs.corpus_size, theirs.doc_len, theirs.avgdl)
    assert ours.idf == pytest.approx(theirs.idf, abs=1e-12)
    assert ours.average_idf == pytest.approx(theirs.average_idf, abs=1e-12)


@given(corpora, documents)
def test_lucene_is_its_definition(corpus: Corpus, query: list[str]) -> None:
    np.testing.assert_allclose(LexicalIndex(corpus).get_scores(query), lucene_by_definition(corpus, query), atol=1e-12)


@given(corpora.filter(any), documents, st.floats(0.1, 3), st.floats(0, 0.99))
def test_lucene_is_rank_bm25_with_another_idf(corpus: Corpus, query: list[str], k1: float, b: float) -> None:
    theirs, ours = BM25Okapi(corpus, k1=k1, b=b), LexicalIndex(corpus, k1=k1, b=b)
    theirs.idf = ours.idf
    np.testing.assert_allclose(ours.get_scores(query), theirs.get_scores(query), rtol=0, atol=1e-9)


@given(corpora.filter(any), documents, st.floats(0.1, 3), st.floats(0, 0.99), st.floats(0, 2))
def test_bm25plus_is_rank_bm25_where_no_term_is_missing(
    corpus: Corpus, query: list[str], k1: float, b: float, delta: float
) -> None:
    theirs = BM25Plus(corpus, k1=k1, b=b, delta=delta)
    ours = LexicalIndex(corpus, variant="bm25plus", k1=k1, b=b, delta=delta)
    assert ours.idf == pytest.approx(theirs.idf, abs=1e-12)
    # Theirs adds delta * idf for a term that is missing.
    unearned = [delta * sum(theirs.idf.get(term, 0) for term in query if term not in document) for document in corpus]
    np.testing.assert_allclose(ours.get_scores(query), theirs.get_scores(query) - unearned, rtol=0, atol=1e-9)
    complete = [position for position, document in enumerate(corpus) if set(query) <= set(document)]
    expected = theirs.get_scores(query)[complete]
    np.testing.assert_allclose(ours.get_scores(query)[complete], expected, rtol=0, atol=1e-9)


@given(corpora.filter(any), documents, st.floats(0.1, 3), st.floats(0, 0.99), st.floats(0, 2))
def test_bm25l_is_rank_bm25_before_it_multiplies_by_the_frequency(
    corpus: Corpus, query: list[str], k1: float, b: float, delta: float
) -> None:
    theirs = BM25L(corpus, k1=k1, b=b, delta=delta)
    ours = LexicalIndex(corpus, variant="bm25l", k1=k1, b=b, delta=delta)
    assert ours.idf == pytest.approx(theirs.idf, abs=1e-12)
    # Theirs takes the saturated weight f times.
    expected = np.zeros(len(corpus))
    for term in query:
        expected += theirs.get_scores([term]) / [max(1, document.count(term)) for document in corpus]
    np.testing.assert_allclose(ours.get_scores(query), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_term_that_is_missing_adds_nothing(variant: Bm25Variant) -> None:
    index = LexicalIndex(RAIN, variant=variant)
    assert index.get_scores(["snow"]).tolist()[:4] == [0, 0, 0, 0]
    assert index.get_scores(["snow"])[4] > 0


@pytest.mark.parametrize("variant", ["bm25l", "bm25plus"])
def test_the_variants_for_long_documents_keep_what_length_takes_away(variant: Bm25Variant) -> None:
    corpus = [["rain", *["word"] * 500], ["rain"], ["snow"]]
    long, short, _ = LexicalIndex(corpus).get_scores(["rain"])
    long_here, short_here, _ = LexicalIndex(corpus, variant=variant).get_scores(["rain"])
    assert long_here / short_here > 1.5 * long / short
    # Without delta nothing is added.
    no_delta = LexicalIndex(corpus, variant=variant, delta=0, idf="lucene")
    np.testing.assert_allclose(no_delta.get_scores(["rain"]), [long, short, 0], atol=1e-12)


@pytest.mark.parametrize("variant", VARIANTS)
@given(corpora, documents, st.lists(st.sampled_from([0.0, 0.25, 1.0, 3.0]), min_size=8, max_size=8))
def test_weights_scale_what_terms_are_worth(
    variant: Bm25Variant, corpus: Corpus, query: list[str], weights: list[float]
) -> None:
    index = LexicalIndex(corpus, variant=variant)
    weighted = dict(zip(query, weights, strict=False))
    expected = sum((weight * index.get_scores([term]) for term, weight in weighted.items()), np.zeros(len(corpus)))
    scores, matching = index.score(weighted)
    np.testing.assert_allclose(scores, expected, atol=1e-12)
    assert matching.tolist() == index.matching([term for term, weight in weighted.items() if weight]).tolist()
    assert (scores[~matching] == 0).all()
    # Repeating a term is the same as counting it.
    assert index.get_scores(query).tolist() == index.get_scores(Counter(query)).tolist()


def test_a_query_looks_each_term_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = []
    occurrences = CompositePostings.occurrences

    def count(postings: CompositePostings, term: str) -> Any:
        looked_up.append(term)
        return occurrences(postings, term)

    monkeypatch.setattr(CompositePostings, "occurrences", count)
    LexicalIndex(RAIN).search(["rain", "sun", "rain"], 3)
    assert looked_up == ["rain", "sun"]


@given(corpora, documents, st.integers(1, 15))
def test_search_ranks_what_shares_a_term(corpus: Corpus, query: list[str], top_k: int) -> None:
    index = LexicalIndex(corpus, idf="okapi")
    matching = [bool(set(document) & set(query)) for document in corpus]
    assert index.matching(query).tolist() == matching
    scores = index.get_scores(query).tolist()
    ranking = sorted((i for i in range(len(corpus)) if matching[i]), key=lambda i: (-scores[i], i))
    assert index.search(query, top_k) == [(i, scores[i]) for i in ranking[:top_k]]
    assert index.get_top_n(query, [f"text {i}" for i in range(len(corpus))], n=top_k) == [
        f"text {i}" for i in ranking[:top_k]
    ]


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """Steps that a list of documents can take, too."""
    steps: list[tuple[str, Any]] = []
    size = 0
    for _ in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(["add", "delete", "delete", "delete", "save and load"]))
        if kind == "add":
            added = draw(st.lists(documents, max_size=12))
            size += len(added)
            steps.append((kind, added))
        elif kind == "delete":
            # Mostly few, as a part that is mostly deleted is rewritten at once.
            at_most = draw(st.sampled_from([1, 2, 20]))
            gone = draw(st.sets(st.integers(0, size - 1), max_size=at_most)) if size else set()
            size -= len(gone)
            steps.append((kind, gone))
        else:
            steps.append((kind, draw(st.booleans())))
    return steps


@pytest.mark.parametrize("idf", IDFS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories(), documents)
def test_no_history_leaves_a_trace(
    tmp_path_factory: pytest.TempPathFactory, idf: Bm25Idf, history: list[tuple[str, Any]], query: list[str]
) -> None:
    corpus: Corpus = []
    index = LexicalIndex(idf=idf)
    for kind, argument in history:
        if kind == "add":
            corpus += argument
            index.add(iter(argument))
        elif kind == "delete":
            corpus = [document for position, document in enumerate(corpus) if position not in argument]
            index.delete(argument)
        elif kind == "save and load":
            directory = tmp_path_factory.mktemp("index")
            index.save(directory)
            index = LexicalIndex.load(directory, mmap=argument, idf=idf)
        fresh = LexicalIndex(corpus, idf=idf)
        assert len(index) == len(corpus)
        np.testing.assert_allclose(index.get_scores(query), fresh.get_scores(query), rtol=0, atol=1e-12)
        np.testing.assert_array_equal(index.matching(query), fresh.matching(query))
    assert index.doc_len == fresh.doc_len
    assert index.avgdl == fresh.avgdl
    assert index.idf == pytest.approx(fresh.idf, abs=1e-12)
    assert index.average_idf == pytest.approx(fresh.average_idf, abs=1e-12)


@pytest.mark.parametrize("idf", IDFS)
@pytest.mark.parametrize("corpus", [[], [[]], [[], []]])
def test_nothing_to_score_is_no_error(corpus: Corpus, idf: Bm25Idf, tmp_path: Path) -> None:
    index = LexicalIndex(corpus, idf=idf)
    index.save(tmp_path)
    for opened in (index, LexicalIndex.load(tmp_path, idf=idf), LexicalIndex.load(tmp_path, idf=idf, mmap=False)):
        assert opened.get_scores(["rain"]).tolist() == [0.0] * len(corpus)
        assert opened.get_scores([]).dtype == np.float64
        assert opened.matching(["rain"]).tolist() == [False] * len(corpus)
        assert opened.search(["rain"], 3) == []
        assert (len(opened), opened.avgdl, opened.average_idf, opened.idf) == (len(corpus), 0.0, 0.0, {})
        opened.delete([])
        opened.add([["rain"]])
        assert opened.matching(["rain"]).tolist() == [False] * len(corpus) + [True]


def test_unseen_terms_and_empty_queries_find_nothing() -> None:
    index = LexicalIndex(RAIN)
    texts = [" ".join(document) for document in RAIN]
    for query in ([], ["hail"]):
        assert index.get_scores(query).tolist() == [0.0] * len(RAIN)
        assert index.search(query, 10) == []
        assert index.get_top_n(query, texts) == []
    assert index.get_top_n(["rain", "hail"], texts, n=4) == ["rain rain wind", "rain cloud"]


def test_a_term_in_every_document_still_counts_for_lucene() -> None:
    index = LexicalIndex([["rain"], ["rain", "rain"]], b=0)
    low, high = index.get_scores(["rain"])
    assert 0 < low < high


def test_equal_scores_rank_by_position() -> None:
    index = LexicalIndex([["sun"], *([["rain"]] * 50)])
    assert [position for position, _ in index.search(["rain"], 5)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("positions", [[5], [-1], [0, 5], [0, -1], [1.5], [True, False, True, False, False]])
def test_delete_refuses_what_is_no_position(positions: list[int]) -> None:
    index = LexicalIndex(RAIN)
    with pytest.raises(IndexError, match=r"[Pp]ositions"):
        index.delete(positions)
    assert len(index) == len(RAIN)


def test_delete_takes_positions_in_any_order_and_once() -> None:
    index = LexicalIndex(RAIN)
    index.delete([3, 0, 3])
    assert index.doc_len == [1, 3, 4]
    assert index.matching(["rain"]).tolist() == [False, True, False]
    index.delete([2])
    assert index.doc_len == [1, 3]
    assert index.idf.keys() == {"sun", "rain", "wind"}


def test_document_frequencies_follow_the_documents() -> None:
    index = LexicalIndex(RAIN)
    assert [index.document_frequency(term) for term in ("rain", "snow", "hail")] == [2, 1, 0]
    index.delete([0])
    index.add([["snow", "snow"], ["hail"]])
    assert [index.document_frequency(term) for term in ("rain", "snow", "hail")] == [1, 2, 1]


def test_strings_are_not_lists_of_terms() -> None:
    with pytest.raises(DocumentError, match="list of terms"):
        LexicalIndex(["rain and wind"])
    with pytest.raises(QueryError, match="list of terms"):
        LexicalIndex(RAIN).get_scores("rain")


@pytest.mark.parametrize("weight", [-1, math.nan, math.inf])
def test_weights_out_of_range_are_refused(weight: float) -> None:
    with pytest.raises(QueryError, match="'sun'"):
        LexicalIndex(RAIN).score({"rain": 1, "sun": weight})


PARAMETERS_OUT_OF_RANGE: list[dict[str, Any]] = [
    {"idf": "plus"},
    {"variant": "bm25f"},
    {"k1": -1},
    {"k1": math.nan},
    {"k1": math.inf},
    {"b": 1.1},
    {"delta": 0.5},
    {"variant": "bm25l", "delta": -1},
    {"variant": "bm25plus", "delta": math.nan},
]


@pytest.mark.parametrize("parameters", PARAMETERS_OUT_OF_RANGE)
def test_parameters_out_of_range_are_refused(parameters: dict[str, Any], tmp_path: Path) -> None:
    index = LexicalIndex(RAIN)
    index.save(tmp_path)
    with pytest.raises(ConfigError):
        LexicalIndex(RAIN, **parameters)
    with pytest.raises(ConfigError):
        index.with_parameters(**parameters)
    with pytest.raises(ConfigError):
        LexicalIndex.load(tmp_path, **parameters)


PARAMETERS: list[dict[str, Any]] = [
    {"variant": "bm25", "idf": "okapi", "k1": 0.9, "b": 0.4},
    {"variant": "bm25l", "delta": 0.1},
    {"variant": "bm25plus", "idf": "lucene", "b": 0.0},
]


@pytest.mark.parametrize("before", PARAMETERS)
@pytest.mark.parametrize("after", PARAMETERS)
def test_other_parameters_score_as_if_made_with_them(before: dict[str, Any], after: dict[str, Any]) -> None:
    index = LexicalIndex(RAIN, **before)
    query = ["rain", "snow", "wind"]
    untouched = index.get_scores(query).tolist()
    inherited = {name: before[name] for name in ("k1", "b") if name in before}
    expected = LexicalIndex(RAIN, **{**inherited, **after}).get_scores(query)
    assert index.with_parameters(**after).get_scores(query).tolist() == expected.tolist()
    expected = LexicalIndex(RAIN, **{**before, "k1": 2.0}).get_scores(query)
    assert index.with_parameters(k1=2.0).get_scores(query).tolist() == expected.tolist()
    assert index.get_scores(query).tolist() == untouched


def test_other_parameters_share_the_postings_and_not_the_future(tmp_path: Path) -> None:
    LexicalIndex(RAIN).save(tmp_path)
    index = LexicalIndex.load(tmp_path)
    other = index.with_parameters(variant="bm25plus")
    assert other._postings is index._postings
    index.add([["rain"]])
    other.delete([0])
    assert (len(index), len(other)) == (len(RAIN) + 1, len(RAIN) - 1)


def test_arguments_that_do_not_fit_are_refused() -> None:
    index = LexicalIndex(RAIN)
    with pytest.raises(QueryError, match="top_k"):
        index.search(["rain"], 0)
    with pytest.raises(QueryError, match="2 documents given"):
        index.get_top_n(["rain"], ["one", "two"])
    with pytest.raises(IndexError):
        index.get_batch_scores(["rain"], [5])


def test_what_is_saved_holds_for_all_parameters(tmp_path: Path) -> None:
    LexicalIndex(RAIN, idf="okapi", k1=0.5).save(tmp_path / "new" / "index")
    for parameters in ({"k1": 0.9, "b": 0.4}, *PARAMETERS):
        loaded = LexicalIndex.load(tmp_path / "new" / "index", **parameters)
        expected = LexicalIndex(RAIN, **parameters).get_scores(["rain", "snow"])
        assert loaded.get_scores(["rain", "snow"]).tolist() == expected.tolist()


def test_a_loaded_index_changes_without_touching_its_files(tmp_path: Path) -> None:
    LexicalIndex(RAIN).save(tmp_path / "old")
    before = {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()}
    index = LexicalIndex.load(tmp_path / "old")
    index.delete([1, 2])
    index.add([["rain", "hail"]])
    index.save(tmp_path / "new")
    assert {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()} == before
    assert LexicalIndex.load(tmp_path / "new").doc_len == index.doc_len == [2, 0, 4, 2]
    # Even over the files that are mapped: they are replaced, and the mapping keeps the old ones.
    reader = LexicalIndex.load(tmp_path / "old")
    index.save(tmp_path / "old")
    assert reader.doc_len == [len(document) for document in RAIN]
    assert LexicalIndex.load(tmp_path / "old").doc_len == [2, 0, 4, 2]


def test_files_hold_no_pickles(tmp_path: Path) -> None:
    LexicalIndex(RAIN).save(tmp_path)
    for path in tmp_path.iterdir():
        if path.suffix == ".npy":
            assert np.load(path, allow_pickle=False).dtype.kind in "iu"
        else:
            json.loads(path.read_bytes())


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


@pytest.mark.parametrize(
    ("file", "damage", "error"),
    [
        ("postings.json", Path.unlink, IndexNotFoundError),
        ("postings.json", cut, IndexDamagedError),
        ("terms.npy", cut, IndexDamagedError),
        ("documents.npy", Path.unlink, IndexDamagedError),
        ("lengths.npy", lambda path: np.save(path, np.arange(3)), IndexDamagedError),
        ("lengths.npy", lambda path: path.write_bytes(b""), IndexDamagedError),
    ],
)
@pytest.mark.parametrize("mmap", [True, False])
def test_damage_is_named(
    tmp_path: Path, file: str, damage: Callable[[Path], object], error: type[Exception], mmap: bool
) -> None:
    LexicalIndex(RAIN).save(tmp_path)
    damage(tmp_path / file)
    with pytest.raises(error, match="again"):
        LexicalIndex.load(tmp_path, mmap=mmap)


def test_growing_one_by_one_rewrites_little() -> None:
    postings = CompositePostings().with_added([["base", str(i)] for i in range(1000)])
    base = postings.parts[0]
    for i in range(300):
        postings = postings.with_added([["more", str(i)]])
        assert postings.parts[0] is base
        assert len(postings.parts) <= 1 + math.log2(i + 1) + 1


def test_what_is_mostly_deleted_is_rewritten() -> None:
    postings = CompositePostings((build([["rain"]] * 100), build([["sun"]] * 10)))
    assert sum(map(len, postings.without(range(40)).parts)) == 110
    assert sum(map(len, postings.without(range(60)).parts)) == 50
    assert len(postings.without(range(100, 110)).parts) == 1


@pytest.mark.slow
def test_long_corpora_are_built_in_blocks() -> None:
    corpus = [[f"{i % 97}", "common", f"{i}"] * 100 for i in range(15_000)]
    index = LexicalIndex(iter(corpus))
    assert len(index) == len(corpus)
    assert index.search(["14999"], 2)[0][0] == 14_999
    assert index.search(["96"], 1000) == LexicalIndex(corpus).search(["96"], 1000)
    assert len(index.search(["96"], 1000)) == sum(i % 97 == 96 or i == 96 for i in range(15_000))
    assert index.matching(["common"]).all()


@pytest.fixture(scope="module")
def cranfield() -> tuple[dict[str, str], dict[str, str], dict[str, set[str]]]:
    """Texts, queries, and the ids of the relevant documents, all by id."""
    collections = os.environ.get("RETRIEVAL_TEST_COLLECTIONS", Path(__file__).parents[2] / "shared" / "collections")
    directory = Path(collections) / "cranfield"
    if not directory.is_dir():
        pytest.skip(f"no Cranfield collection at {directory}; set RETRIEVAL_TEST_COLLECTIONS")
    corpus = [json.loads(line) for line in (directory / "corpus.jsonl").read_text("utf-8").splitlines()]
    queries = [json.loads(line) for line in (directory / "queries.jsonl").read_text("utf-8").splitlines()]
    relevant: dict[str, set[str]] = {}
    for line in (directory / "qrels" / "test.tsv").read_text("utf-8").splitlines()[1:]:
        query, document, grade = line.split("\t")
        if int(grade) > 0:
            relevant.setdefault(query, set()).add(document)
    texts = {row["_id"]: f"{row['title']}\n{row['text']}" for row in corpus}
    return texts, {row["_id"]: row["text"] for row in queries}, relevant


def test_cranfield_is_ranked_well(cranfield: tuple[dict[str, str], dict[str, str], dict[str, set[str]]]) -> None:
    texts, queries, relevant = cranfield
    analyzer, ids = Analyzer(), list(texts)
    index = LexicalIndex(map(analyzer.terms, texts.values()))
    ndcg = []
    for query, wanted in relevant.items():
        found = [ids[position] for position, _ in index.search(analyzer.terms(queries[query]), 10)]
        gain = sum(1 / math.log2(rank + 2) for rank, document in enumerate(found) if document in wanted)
        ndcg.append(gain / sum(1 / math.log2(rank + 2) for rank in range(min(10, len(wanted)))))
    assert len(ndcg) == 225
    assert np.mean(ndcg) >= 0.385


def test_cranfield_scores_are_those_of_rank_bm25(
    cranfield: tuple[dict[str, str], dict[str, str], dict[str, set[str]]],
) -> None:
    texts, queries, _ = cranfield
    corpus = [text.split() for text in texts.values()]
    theirs, ours = BM25Okapi(corpus), LexicalIndex(corpus, idf="okapi")
    for query in list(queries.values())[::15]:
        np.testing.assert_allclose(ours.get_scores(query.split()), theirs.get_scores(query.split()), rtol=0, atol=1e-9)
