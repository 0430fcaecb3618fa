"""Searching: modes, filters, options and ties, over one small index of real embeddings."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import add
from retrieval import Document, Heading, HybridIndex, SearchHit
from retrieval.config import Config, Feedback
from retrieval.encoders import Embedder
from retrieval.errors import QueryError
from retrieval.filters import compile_where
from retrieval.learned_fusion import FEATURES, FusionWeights
from retrieval.search import scoring
from retrieval.search.candidates import QueryScores, Rows
from retrieval.search.query import Query
from retrieval.search.reformulation import reformulated
from retrieval.segments.columns import Columns
from retrieval.segments.reader import IndexReader

TOPICS = {
    "rain": "Rain falls when water vapour in a cloud condenses into drops that grow too heavy to float.",
    "snow": "Snow forms when water vapour freezes into crystals high up in a cold cloud.",
    "bread": "Bread rises because yeast eats sugar and breathes out gas that stretches the dough.",
    "beer": "Beer is brewed from barley malt, hops, yeast and water, and fermented for weeks.",
    "chess": "In chess the queen moves any number of squares in a straight line or diagonally.",
    "tides": "Tides rise and fall because the moon pulls on the water of the oceans.",
}
QUESTIONS = ("what causes rain?", "yeast", "how does the moon move water", "queen", "the of and", "zzz unknownword")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, loaded_embedder: Embedder) -> Iterator[HybridIndex]:
    """With weights of a learned fusion, in which all features take part; searches have to ask for it."""
    weights = FusionWeights.of(loaded_embedder.version, np.linspace(1, 0.1, len(FEATURES)), np.ones(len(FEATURES)))
    path, config = tmp_path_factory.mktemp("search") / "index", Config(fusion_weights=weights)
    with HybridIndex.open(path, config=config, encoder=loaded_embedder.encoder) as opened:
        documents = [
            Document(
                f"{topic}/{n}", f"{text} {'Once more. ' * n}", metadata={"topic": topic, "n": n, "odd": bool(n % 2)}
            )
            for topic, text in TOPICS.items()
            for n in range(3)
        ]
        long_text = "\n\n".join(f"Paragraph {n}. " + " ".join(TOPICS.values()) for n in range(6))
        add([*documents, Document("long", long_text, metadata={"topic": "all", "n": 9, "odd": True})], opened)
        yield opened


def everything(index: HybridIndex, query: str, **options: object) -> list[SearchHit]:
    return index.search(query, 1000, **options)


def test_the_obvious_answer_comes_first(index: HybridIndex) -> None:
    for mode in ("hybrid", "dense", "lexical"):
        hits = index.search("what causes rain?", 3, mode=mode)
        assert hits[0].source.startswith("rain/"), mode
        assert [hit.rank for hit in hits] == [1, 2, 3]
        assert hits == sorted(hits, key=lambda hit: (-hit.score, hit.id))


@pytest.mark.parametrize("query", QUESTIONS)
@pytest.mark.parametrize(("alpha", "mode"), [(1.0, "dense"), (0.0, "lexical")])
def test_all_the_weight_on_one_side_is_that_side_alone(index: HybridIndex, query: str, alpha: float, mode: str) -> None:
    for top_k in (1, 5, 1000):
        assert index.search(query, top_k, alpha=alpha) == index.search(query, top_k, mode=mode)


@pytest.mark.parametrize("query", QUESTIONS)
def test_every_hit_has_the_true_score_of_both_sides(index: HybridIndex, query: str) -> None:
    dense = {hit.id: hit.dense_score for hit in everything(index, query, mode="dense")}
    lexical = {hit.id: hit.lexical_score for hit in everything(index, query, mode="lexical")}
    for hit in index.search(query, 5, candidates=2):
        assert hit.dense_score == dense[hit.id]
        assert hit.lexical_score == lexical.get(hit.id, 0.0)
        assert hit.dense_rank is not None or hit.lexical_rank is not None


def test_candidates_share_a_term_rather_than_score_above_zero(index: HybridIndex) -> None:
    assert {hit.source.split("/")[0] for hit in everything(index, "yeast", mode="lexical")} == {"bread", "beer", "long"}
    assert everything(index, "zzz unknownword", mode="lexical") == []


_conditions = st.one_of(
    st.builds(
        lambda op, v: {"n": {op: v}}, st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]), st.integers(0, 9)
    ),
    st.builds(lambda v: {"topic": v}, st.sampled_from([*TOPICS, "all"])),
    st.builds(
        lambda op, v: {"topic": {op: v}},
        st.sampled_from(["$in", "$nin"]),
        st.lists(st.sampled_from([*TOPICS]), min_size=1),
    ),
    st.builds(lambda v: {"odd": v}, st.booleans()),
    st.builds(
        lambda v: {"source": {"$in": v}},
        st.lists(st.sampled_from([f"{t}/{n}" for t in TOPICS for n in range(3)]), min_size=1),
    ),
)
_filters = st.recursive(
    _conditions,
    lambda inner: st.builds(
        lambda op, parts: {op: parts}, st.sampled_from(["$and", "$or"]), st.lists(inner, min_size=2, max_size=3)
    ),
    max_leaves=4,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    where=_filters,
    query=st.sampled_from(QUESTIONS),
    mode=st.sampled_from(["hybrid", "dense", "lexical"]),
    fusion=st.sampled_from(["dbsf", "rrf", "convex", "learned"]),
    candidates=st.sampled_from([3, 100]),
)
def test_a_filtered_search_is_the_unfiltered_one_with_the_misses_removed(
    index: HybridIndex, where: dict, query: str, mode: str, fusion: str, candidates: int
) -> None:
    passes = compile_where(where)
    options = {"mode": mode, "fusion": fusion, "candidates": candidates}
    unfiltered = everything(index, query, **options)
    kept = [hit for hit in unfiltered if passes(Columns.of([{**hit.metadata, "source": hit.source}]))[0]]
    filtered = everything(index, query, where=where, **options)
    assert [(hit.id, hit.score) for hit in filtered] == [(hit.id, hit.score) for hit in kept]


@pytest.mark.parametrize("query", QUESTIONS)
@pytest.mark.parametrize("options", [{}, {"group_by_document": True, "document_score": "mean"}, {"smoothing": 0}])
def test_a_learned_fusion_orders_the_best_and_leaves_the_others(
    index: HybridIndex, query: str, options: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "POOL", 8)
    before = everything(index, query, collapse=False, **options)
    learned = everything(index, query, collapse=False, fusion="learned", **options)
    assert {hit.id for hit in learned[:8]} == {hit.id for hit in before[:8]}
    assert learned == sorted(learned, key=lambda hit: (-hit.score, hit.id))
    lowest, highest = before[7].score, before[0].score
    assert [hit.score for hit in learned[:8]] != [hit.score for hit in before[:8]]
    assert all(lowest - 1e-9 <= hit.score <= highest + 1e-9 for hit in learned[:8])
    assert [(hit.id, hit.score) for hit in learned[8:]] == [(hit.id, hit.score) for hit in before[8:]]
    completed = {hit.id: (hit.dense_score, hit.lexical_score, hit.relevance) for hit in before}
    assert {hit.id: (hit.dense_score, hit.lexical_score, hit.relevance) for hit in learned} == completed


def test_a_learned_fusion_does_not_depend_on_how_many_hits_are_asked_for(index: HybridIndex) -> None:
    hits = everything(index, "rain from a cold cloud", fusion="learned")
    for top_k in (1, 5):
        assert index.search("rain from a cold cloud", top_k, fusion="learned") == hits[:top_k]
    bound = hits[4].score
    kept = [hit for hit in hits if hit.score >= bound]
    assert everything(index, "rain from a cold cloud", fusion="learned", min_score=bound) == kept


@pytest.mark.parametrize("fusion", ["dbsf", "rrf", "convex", "learned"])
def test_hits_beyond_the_candidates_are_still_told_apart(index: HybridIndex, fusion: str) -> None:
    hits = everything(index, "rain from clouds", fusion=fusion, candidates=1, where={"n": {"$lt": 9}})
    assert len({hit.score for hit in hits}) > len(hits) // 2


def test_a_reranker_reads_no_more_than_the_candidates(index: HybridIndex) -> None:
    read: list[int] = []

    class Counting:
        def score(self, query: str, passages: list[str]) -> np.ndarray:
            read.append(len(passages))
            return np.arange(len(passages), dtype=float)

    index.search("Paragraph", 5, rerank=Counting(), group_by_document=True, candidates=7)
    assert sum(read) <= 7


def test_a_text_filter_holds_for_both_sides(index: HybridIndex) -> None:
    hits = everything(index, "yeast and rain", where_document={"$contains": "yeast"})
    assert hits
    assert all("yeast" in hit.text for hit in hits)


def test_ties_break_by_id(index: HybridIndex) -> None:
    tied = [hit for hit in everything(index, "chess", mode="lexical") if hit.source.startswith("chess/")]
    assert len(tied) == 3
    both = everything(index, "the of and")
    assert both == sorted(both, key=lambda hit: (-hit.score, hit.id))


def test_more_hits_than_chunks_and_a_query_of_stop_words(index: HybridIndex) -> None:
    chunks = index.stats().chunks
    assert len(everything(index, "rain")) == chunks
    assert len(everything(index, "the of and")) == chunks
    assert everything(index, "the of and", mode="lexical") == []


@pytest.mark.parametrize("query", ["", " \n\t", "??", "+", '"..."', "\ud800"])
@pytest.mark.parametrize("operators", [True, False, None])
def test_a_query_without_a_word_is_refused(index: HybridIndex, query: str, operators: bool | None) -> None:
    with pytest.raises(QueryError, match="word"):
        index.search(query, operators=operators)


@pytest.mark.parametrize("query", ["5", "雪", "🙂", "C++"])
def test_a_word_may_be_short(index: HybridIndex, query: str) -> None:
    assert index.search(query, 1)


@pytest.mark.parametrize("prefixes", ["rain/", "r", ["rain/", "be"], ("rain/1",), ["nowhere/"], ["long", "lon"]])
@pytest.mark.parametrize("options", [{}, {"mode": "dense"}, {"mode": "lexical"}, {"fusion": "learned"}], ids=str)
def test_within_lets_through_the_sources_that_begin_so_and_changes_no_score(
    index: HybridIndex, prefixes: str | Sequence[str], options: dict
) -> None:
    begins = prefixes if isinstance(prefixes, str) else tuple(prefixes)
    within = everything(index, "water vapour", within=prefixes, **options)
    wanted = [hit for hit in everything(index, "water vapour", **options) if hit.source.startswith(begins)]
    assert [(hit.id, hit.score) for hit in within] == [(hit.id, hit.score) for hit in wanted]
    odd = everything(index, "water vapour", within=prefixes, where={"odd": True}, **options)
    assert [hit.id for hit in odd] == [hit.id for hit in wanted if hit.metadata["odd"]]


@pytest.mark.parametrize(
    "options",
    [
        {"top_k": 0}, {"mode": "sparse"}, {"fusion": "borda"}, {"alpha": 1.5}, {"candidates": 0}, {"rrf_k": 0},
        {"mmr_lambda": -1}, {"expand": -1}, {"expand": "chapter"}, {"feedback": "yes"}, {"document_score": "mean"},
        {"min_score": "x"}, {"min_score": float("nan")}, {"where": {"a": {"$like": "x"}}}, {"top_k": 2.5},
        {"operators": "auto"}, {"operators": "no"}, {"operators": 0},
        {"within": []}, {"within": ""}, {"within": ["a", ""]}, {"within": 5}, {"within": [5]}, {"alpha": True},
        {"group_by_document": "yes"}, {"highlight": 1},
    ],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused_by_name(index: HybridIndex, options: dict) -> None:
    (name,) = options
    with pytest.raises(QueryError, match=name if name != "where" else r"\$like"):
        index.search("rain", **options)


def test_a_batch_is_its_queries_one_by_one(index: HybridIndex) -> None:
    batch = index.search_batch(QUESTIONS, 4)
    for query, hits in zip(QUESTIONS, batch, strict=True):
        alone = index.search(query, 4)
        assert [hit.id for hit in hits] == [hit.id for hit in alone]
        np.testing.assert_allclose([hit.score for hit in hits], [hit.score for hit in alone], atol=1e-4)
    assert asyncio.run(index.asearch(QUESTIONS[0], 4)) == index.search(QUESTIONS[0], 4)


def test_one_hit_per_document(index: HybridIndex) -> None:
    hits = index.search("Paragraph water cloud", 1000, group_by_document=True)
    assert len({hit.document_id for hit in hits}) == len(hits) == index.stats().documents
    few = index.search("Paragraph", 10, group_by_document=True, candidates=1)
    assert len(few) == 10


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_documents_by_the_whole_of_them(index: HybridIndex, mode: str) -> None:
    options = {"mode": mode, "group_by_document": True, "document_score": "mean"}
    hits = everything(index, "rain from clouds", **options)
    assert hits == sorted(hits, key=lambda hit: -hit.score)
    assert len({hit.document_id for hit in hits}) == len(hits)
    if mode == "lexical":
        best = everything(index, "rain from clouds", mode=mode, group_by_document=True)
        assert {hit.source: hit.score for hit in hits} == {hit.source: hit.score for hit in best}
        return
    assert len(hits) == index.stats().documents
    if mode == "dense":
        (vector,) = index.embedder.embed_queries(["rain from clouds"])
        for hit in hits:
            reader = index.searcher().reader
            vectors = reader.vectors[reader.rows_of_document(hit.document_id)].astype(np.float64)
            mean = vectors.mean(axis=0)
            assert hit.score == pytest.approx(mean @ vector / np.linalg.norm(mean), abs=1e-6)
            assert hit.dense_score == pytest.approx((vectors @ vector).max(), abs=1e-6)


def test_a_document_shows_a_chunk_that_passes_the_filter(index: HybridIndex) -> None:
    options = {"group_by_document": True, "document_score": "mean"}
    unfiltered = {hit.source: hit.score for hit in everything(index, "Paragraph 3 rain", **options)}
    hits = everything(index, "Paragraph 3 rain", where_document={"$contains": "Paragraph 5"}, **options)
    assert [(hit.source, "Paragraph 5" in hit.text) for hit in hits] == [("long", True)]
    assert hits[0].score == unfiltered["long"]


def test_a_section_is_put_around_a_hit(index: HybridIndex, open_index: Callable[..., HybridIndex]) -> None:
    for query in ("Paragraph 3", "what causes rain?"):  # documents without headings have no sections
        assert index.search(query, 3, expand="section") == index.search(query, 3)
    lines = ["# Water", *TOPICS.values(), "# Flour", *reversed(TOPICS.values())]
    text = "\n\n".join(f"{line} " * 4 if line[0] != "#" else line for line in lines)
    headings = tuple(Heading(text.index(line), 1, line[2:]) for line in lines if line[0] == "#")
    parted = open_index("parted")
    add([Document("parted", text, headings=headings)], parted)
    (alone,) = parted.search("chess queen", 1, mode="lexical")
    (whole,) = parted.search("chess queen", 1, mode="lexical", expand="section")
    assert alone.text in whole.text
    assert len(whole.text) > len(alone.text)
    reader = parted.searcher().reader
    of_section = [c for c in map(reader.chunk, reader.living.tolist()) if c.headings == alone.headings]
    assert whole.char_start == min(c.char_start for c in of_section)
    assert whole.char_end == max(c.char_end for c in of_section)


@pytest.mark.parametrize("feedback", ["dense", "lexical", "both"])
def test_feedback_finds_what_the_first_answers_have_in_common(index: HybridIndex, feedback: str) -> None:
    plain = everything(index, "what causes rain?")
    fed = everything(index, "what causes rain?", feedback=feedback)
    assert fed[0].metadata["topic"] == "rain"
    assert {hit.id: hit.score for hit in fed} != {hit.id: hit.score for hit in plain}
    relevances = {hit.id: hit.relevance for hit in plain}
    assert {hit.id: hit.relevance for hit in fed if hit.id in relevances} == relevances, "it is that to the question"
    if feedback != "dense":
        lexical = everything(index, "raining", mode="lexical", feedback="lexical")
        assert len(lexical) > len(everything(index, "raining", mode="lexical"))


@pytest.mark.parametrize("feedback", ["dense", "lexical", "both"])
@pytest.mark.parametrize(
    ("query", "where"), [("yeast", {"topic": "bread"}), ('+yeast -"hops"', None), ('+yeast -"barley malt"', None)]
)
def test_feedback_learns_only_from_what_may_be_found(
    index: HybridIndex, monkeypatch: pytest.MonkeyPatch, feedback: str, query: str, where: dict | None
) -> None:
    learnt_from: set[str] = set()

    def learning(reader: IndexReader, query: Query, scores: QueryScores, best: Rows, *, feedback: Feedback) -> Query:
        learnt_from.update(reader.chunk(row).source for row in best.tolist())
        return reformulated(reader, query, scores, best, feedback=feedback)

    monkeypatch.setattr("retrieval.search.pipeline.reformulated", learning)
    hits = everything(index, query, feedback=feedback, where=where)
    assert {hit.source for hit in hits} == learnt_from == {"bread/0", "bread/1", "bread/2"}


def test_a_minimal_score(index: HybridIndex) -> None:
    hits = everything(index, "rain")
    bound = hits[4].score
    assert everything(index, "rain", min_score=bound) == [hit for hit in hits if hit.score >= bound]


@pytest.mark.parametrize("query", QUESTIONS)
def test_relevance_rises_with_the_cosine_and_with_the_words_in_common(index: HybridIndex, query: str) -> None:
    coverage = {hit.id: hit.relevance for hit in everything(index, query, mode="lexical")}
    hits = everything(index, query)
    assert all(0 <= hit.relevance <= 1 for hit in hits)
    for one, other in product(hits, hits):
        assert one.dense_score is not None and other.dense_score is not None
        if one.dense_score >= other.dense_score and coverage.get(one.id, 0) >= coverage.get(other.id, 0):
            assert one.relevance >= other.relevance


@pytest.mark.parametrize("query", QUESTIONS)
def test_a_passage_is_as_relevant_however_it_is_found(index: HybridIndex, query: str) -> None:
    relevance = {hit.id: hit.relevance for hit in everything(index, query)}
    found = [
        *everything(index, query, mode="dense"),
        *index.search(query, 2, fusion="rrf", smoothing=0, alpha=0.9),
        *everything(index, query, where={"n": {"$gte": 1}}, within=["rain", "bread"], candidates=1),
        *everything(index, query, group_by_document=True, mmr_lambda=0.2, expand=1),
        *index.search_batch(["something else", query], 4)[1],
    ]
    for hit in found:
        assert hit.relevance == pytest.approx(relevance[hit.id], abs=1e-6)  # one batch is not rounded as another


@pytest.mark.parametrize("options", [{}, {"mode": "dense"}, {"mode": "lexical"}, {"fusion": "rrf"}])
def test_a_minimal_relevance_leaves_out_those_below_before_others_are_chosen(
    index: HybridIndex, options: dict[str, str]
) -> None:
    hits = everything(index, "rain from a cold cloud", **options)
    least = sorted({hit.relevance for hit in hits})[1]
    kept = [(hit.id, hit.score) for hit in hits if hit.relevance >= least]
    assert 2 < len(kept) < len(hits)
    for top_k in (2, 1000):
        found = index.search("rain from a cold cloud", top_k, min_relevance=least, **options)
        assert [(hit.id, hit.score) for hit in found] == kept[:top_k]
    diverse = index.search("rain from a cold cloud", len(kept), min_relevance=least, mmr_lambda=0.1, **options)
    assert {hit.id for hit in diverse} == {id_ for id_, _ in kept}
    assert everything(index, "rain from a cold cloud", min_relevance=0, **options) == hits


@pytest.mark.parametrize(
    ("query", "is_answered"),
    [
        ("why does bread rise?", True), ("how may the queen move in chess?", True), ("cold clouds", True),
        ("what pulls on the oceans?", True), ("yeest", True), ("xqzt flumph grobnik", False),
        ("who won the world cup in 1998?", False), ("how do I renew my passport?", False), ("the of and", False),
    ],
)  # fmt: skip
def test_hits_say_whether_any_is_relevant(index: HybridIndex, query: str, is_answered: bool) -> None:
    hits = index.search(query)
    assert hits
    assert hits.has_relevant == is_answered


def test_diversity_pushes_near_duplicates_down(index: HybridIndex) -> None:
    plain = index.search("what causes rain?", 4, mode="dense")
    diverse = index.search("what causes rain?", 4, mode="dense", mmr_lambda=0.3)
    assert diverse[0].id == plain[0].id
    topics = [{hit.metadata["topic"] for hit in hits} for hits in (plain, diverse)]
    assert len(topics[1]) > len(topics[0])
    assert [h.id for h in index.search("rain", 4, mmr_lambda=1.0)] == [h.id for h in index.search("rain", 4)]


def test_neighbours_are_put_around_a_hit_and_touching_hits_merge(index: HybridIndex) -> None:
    (alone,) = index.search("Paragraph 3", 1, where={"source": "long"})
    (wide,) = index.search("Paragraph 3", 1, where={"source": "long"}, expand=1)
    assert wide.char_start < alone.char_start
    assert wide.char_end > alone.char_end
    assert alone.text in wide.text
    assert len(wide.text) == wide.char_end - wide.char_start
    (all_of_it,) = index.search("Paragraph", 1000, where={"source": "long"}, expand=1)
    assert all(f"Paragraph {n}." in all_of_it.text for n in range(6))


def test_a_reranker_has_the_last_word(index: HybridIndex) -> None:
    class ShortestFirst:
        def score(self, query: str, passages: list[str]) -> np.ndarray:
            return np.array([-float(len(passage)) for passage in passages])

    hits = index.search("rain", 5, rerank=ShortestFirst())
    assert [len(hit.text) for hit in hits] == sorted(len(hit.text) for hit in hits)
    assert all(hit.score == hit.rerank_score == -len(hit.text) for hit in hits)


def test_highlights_are_the_words_that_match(index: HybridIndex) -> None:
    hit = index.search("raining clouds", 1, mode="lexical")[0]
    assert {hit.text[start:end].casefold() for start, end in hit.highlights} == {"rain", "cloud"}
    (plain,) = index.search("raining clouds", 1, mode="lexical", highlight=False)
    assert plain == replace(hit, highlights=())


def test_an_empty_index_answers_with_nothing(tmp_path: Path) -> None:
    with HybridIndex.open(tmp_path / "new", config=Config()) as empty:
        assert empty.search("anything") == []
        assert empty.search_batch(["a", "b"]) == [[], []]
        assert empty.documents() == ()
        assert empty.stats().chunks == 0
    assert not (tmp_path / "new").exists()


def test_a_learned_fusion_knows_the_language_of_the_question(tmp_path: Path, loaded_embedder: Embedder) -> None:
    """Here nothing else counts, so that a passage about something else comes first."""
    alone = np.array([float(name == "language") for name in FEATURES])
    weights = FusionWeights.of(loaded_embedder.version, alone, np.ones(len(FEATURES)))
    german = "Der Zug nach Bremen fährt um neun und der Zug nach Hamburg fährt um zehn am Abend."
    english = "The dough of the bread rises because of the yeast, and then it is put into the oven."
    with HybridIndex.open(tmp_path, config=Config(fusion_weights=weights), encoder=loaded_embedder.encoder) as opened:
        add([Document("german", german), Document("english", english)], opened)
        question = "when does the train to Bremen and to Hamburg leave"
        assert [hit.source for hit in opened.search(question)] == ["german", "english"]
        assert [hit.source for hit in opened.search(question, fusion="learned")] == ["english", "german"]
