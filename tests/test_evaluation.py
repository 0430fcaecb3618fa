"""Figures are those of the ranking a user sees; a collection that cannot be read is refused by file and line."""

import json
import logging
import math
import re
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.config import Mode
from retrieval.errors import ConfigError
from retrieval.evaluation import (
    Collection,
    evaluate,
    judge,
    judge_run,
    read_collection,
    read_judgements,
    read_run,
    resolve,
    write_qrels,
    write_run,
)
from retrieval.evaluation.measures import judge_beside
from retrieval.evaluation.runs import escaped, strictly_falling
from retrieval.search_hits import SearchHit
from retrieval.types import Document

CORPUS = [
    {"_id": "d1", "title": "Rain", "text": "Rain Water falls."},
    {"_id": "d2", "title": "", "text": "Clouds hold water."},
    {"_id": "d3", "text": "Cats sleep.\u2028All day.", "metadata": {}},
]
QUERIES = [
    {"_id": "q1", "text": "what causes rain?"},
    {"_id": "q2", "text": "who sleeps?"},
    {"_id": "q3", "text": "never judged"},
]
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t1\nq2\td3\t1\nq2\td1\t0\n"


def write(directory: Path, *, corpus: str | None = None, queries: str | None = None, qrels: str = QRELS) -> Path:
    def lines(entries: Sequence[object]) -> str:
        return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)

    (directory / "qrels").mkdir()
    (directory / "corpus.jsonl").write_text(lines(CORPUS) if corpus is None else corpus, encoding="utf-8")
    (directory / "queries.jsonl").write_text(lines(QUERIES) if queries is None else queries, encoding="utf-8")
    (directory / "qrels" / "test.tsv").write_text(qrels, encoding="utf-8")
    return directory


def hit(source: str, *, rank: int, score: float) -> SearchHit:
    return SearchHit(
        id=f"{source}#{rank}", document_id=source, text="", score=score, rank=rank, relevance=0.0, source=source,
        title=None, headings=(), page=None, page_end=None, line_start=1, line_end=1, char_start=0, char_end=0,
        metadata={}, dense_score=None, dense_rank=None, lexical_score=score, lexical_rank=rank, rerank_score=None,
        highlights=(),
    )  # fmt: skip


class FakeIndex:
    """Answers from a table of rankings; all hits score alike, as they may."""

    def __init__(self, rankings: dict[str, dict[str, list[str]]]) -> None:
        self.rankings = rankings
        self.batches: list[int] = []

    def search_batch(
        self,
        queries: Sequence[str],
        top_k: int,
        *,
        mode: Mode,
        group_by_document: bool,
        operators: bool,
        collapse: bool,
        highlight: bool,
    ) -> list[list[SearchHit]]:
        assert group_by_document
        assert not operators and not collapse and not highlight
        self.batches.append(len(queries))
        rankings = self.rankings[mode]
        return [
            [hit(source, rank=rank, score=1.0) for rank, source in enumerate(rankings.get(query, [])[:top_k], start=1)]
            for query in queries
        ]


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return read_collection(write(tmp_path))


def test_a_collection_is_read_as_it_is(collection: Collection) -> None:
    assert collection.documents == (
        Document(source="d1", title="Rain", text="Rain Water falls."),
        Document(source="d2", title=None, text="Clouds hold water."),
        Document(source="d3", title=None, text="Cats sleep.\u2028All day."),
    )
    assert collection.queries == {"q1": "what causes rain?", "q2": "who sleeps?"}
    assert collection.qrels == {"q1": {"d1": 2, "d2": 1}, "q2": {"d3": 1, "d1": 0}}


def test_the_header_of_the_judgements_the_byte_order_mark_and_windows_newlines_are_optional(tmp_path: Path) -> None:
    write(tmp_path, qrels="\ufeffq1\td1\t1\r\n\r\nq2\td3\t1\r\n")
    assert read_collection(tmp_path).qrels == {"q1": {"d1": 1}, "q2": {"d3": 1}}


def test_another_split_has_its_own_judgements(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\nq3\td1\t1\n")
    assert set(read_collection(tmp_path, split="dev").queries) == {"q3"}


@pytest.mark.parametrize("splits", [["dev"], ["dev", "train"]])
def test_a_split_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path, splits: list[str]) -> None:
    write(tmp_path)
    (tmp_path / "qrels" / "test.tsv").unlink()
    for split in splits:
        (tmp_path / "qrels" / f"{split}.tsv").write_text(QRELS)
    with pytest.raises(ConfigError, match=rf"test\.tsv: no such file; .* split {' and '.join(splits)}"):
        read_collection(tmp_path)


def test_queries_between_tabs_and_judgements_in_trecs_columns_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "queries.tsv").write_text("q1\twhat causes rain?\nq2\twho\tsleeps?\nq3\tnever judged\n")
    (tmp_path / "qrels.txt").write_text("q1 0 guide/the%20rain.md 2\nq2 Q0 cats.txt 0\n")
    (tmp_path / "tabs.txt").write_text("q1\t0\ta name.md\t2\n")
    queries, qrels = read_judgements(tmp_path / "queries.tsv", tmp_path / "qrels.txt")
    assert queries == {"q1": "what causes rain?", "q2": "who\tsleeps?"}
    assert qrels == {"q1": {"guide/the rain.md": 2}, "q2": {"cats.txt": 0}}
    assert read_judgements(tmp_path / "queries.tsv", tmp_path / "tabs.txt").qrels == {"q1": {"a name.md": 2}}


def test_queries_without_judgements_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "queries").write_text("".join(f"q{number}\ttext\n" for number in range(12)))
    (tmp_path / "all").write_text("".join(f"q{number} 0 d 1\n" for number in range(12)))
    (tmp_path / "one").write_text("q3 0 d 1\n")
    with caplog.at_level(logging.WARNING):
        read_judgements(tmp_path / "queries", tmp_path / "all")
        assert not caplog.messages
        read_judgements(tmp_path / "queries", tmp_path / "one")
    (said,) = caplog.messages
    assert said.endswith("queries: 11 of 12 queries have no judgements and are left out.")


@pytest.mark.parametrize(
    ("queries", "cause"),
    [
        ("q1 no tab\n", "queries:1: .*tab"),
        ("q1\ta\nq1\tb\n", "queries:2: .*before"),
        ("q1\t \n", "queries:1: .*no text"),
    ],
)
def test_bad_queries_are_refused_by_line(tmp_path: Path, queries: str, cause: str) -> None:
    (tmp_path / "queries").write_text(queries)
    (tmp_path / "qrels").write_text("q1 0 d 1\n")
    with pytest.raises(ConfigError, match=cause):
        read_judgements(tmp_path / "queries", tmp_path / "qrels")


def judged(**qrels: dict[str, int]) -> Collection:
    return Collection(documents=(), queries={query: query for query in qrels}, qrels=qrels)


def test_judged_documents_are_sources_or_paths_in_the_folder() -> None:
    collection = judged(q1={"rain.md": 1, "docs/snow.md": 2, "./sun.md": 1}, q2={"gone.md": 1})
    resolved = resolve(collection, ["docs/rain.md", "docs/snow.md", "docs/sun.md"], folder="docs")
    assert resolved.collection.qrels == {
        "q1": {"docs/rain.md": 1, "docs/snow.md": 2, "docs/sun.md": 1},
        "q2": {"gone.md": 1},
    }
    assert resolved.missing == ("gone.md",)
    assert resolved.sources["rain.md"] == "docs/rain.md"


def test_a_source_comes_before_a_path_in_the_folder() -> None:
    resolved = resolve(judged(q={"docs/a.md": 1}), ["docs/a.md", "docs/docs/a.md"], folder="docs")
    assert resolved.collection.qrels == {"q": {"docs/a.md": 1}}


def test_judgements_that_name_nothing_in_the_index_or_one_thing_twice_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"None of the 2 judged documents, such as 'a', .* like 'docs/rain\.md'"):
        resolve(judged(q={"b": 1, "a": 1}), ["docs/rain.md"], folder="docs")
    with pytest.raises(ConfigError, match="empty"):
        resolve(judged(q={"a": 1}), [])
    with pytest.raises(ConfigError, match="two of its names"):
        resolve(judged(q={"a.md": 1, "docs/a.md": 0}), ["docs/a.md"], folder="docs")


def test_figures_are_those_computed_by_hand(collection: Collection) -> None:
    index = FakeIndex(
        {
            "lexical": {"what causes rain?": ["d1", "d2", "d3"], "who sleeps?": ["d3"]},
            "dense": {"what causes rain?": ["d3", "d2", "d1"], "who sleeps?": ["d1", "d2", "d3"]},
            "hybrid": {"what causes rain?": ["d2", "d1"]},
        }
    )
    figures = evaluate(index, collection)
    assert list(figures) == ["lexical", "dense", "hybrid"]
    assert figures["lexical"] == pytest.approx({"nDCG@10": 1.0, "RR@10": 1.0, "R@100": 1.0, "AP": 1.0})

    def gain(relevance: int, rank: int) -> float:
        return relevance / math.log2(rank + 1)

    ideal = gain(2, 1) + gain(1, 2)
    dense_q1, dense_q2 = (gain(1, 2) + gain(2, 3)) / ideal, gain(1, 3)
    assert figures["dense"] == pytest.approx(
        {
            "nDCG@10": (dense_q1 + dense_q2) / 2,
            "RR@10": (1 / 2 + 1 / 3) / 2,
            "R@100": 1.0,
            "AP": ((1 / 2 + 2 / 3) / 2 + 1 / 3) / 2,
        }
    )
    hybrid_q1 = (gain(1, 1) + gain(2, 2)) / ideal
    assert figures["hybrid"] == pytest.approx(
        {"nDCG@10": hybrid_q1 / 2, "RR@10": 1 / 2, "R@100": 1 / 2, "AP": 1 / 2}  # q2 has no answer: zero
    )


def test_runs_are_compared_as_deep_as_the_shallower_one_reaches() -> None:
    qrels = {"q": {"a": 1, "b": 1, "c": 1}}
    names = ["a", "b", *(f"other {number}" for number in range(98)), "c"]
    long = {"q": dict(zip(names, strictly_falling([0.25] * 101), strict=True))}
    short = {"q": {"a": 2.0, "b": 1.0}}
    assert judge_run(long, qrels, measures=["R@100", "AP"]).figures.means == {"R@100": 2 / 3, "AP": 2 / 3}
    assert judge_run(long, qrels, measures=["R@101"], depth=101).figures.means == {"R@101": 1}
    ours = {"hybrid": judge_run(long, qrels, depth=101)}
    judged = judge_beside(short, ours, qrels, measures=["R@100", "AP"], depth=101)
    assert list(judged) == ["hybrid", "baseline"]
    assert judged["hybrid"].figures == judged["baseline"].figures
    assert judged["hybrid"].run == long


def test_a_document_counts_once_at_its_best_chunk(collection: Collection) -> None:
    index = FakeIndex({"lexical": {"what causes rain?": ["d3", "d3", "d3", "d1"], "who sleeps?": []}})
    figures = evaluate(index, collection, modes=["lexical"], measures=["RR@10"])
    assert figures == {"lexical": {"RR@10": pytest.approx((1 / 2 + 0) / 2)}}


def test_many_queries_are_asked_in_batches_and_all_count() -> None:
    queries = {f"q{number}": f"question {number}" for number in range(1000)}
    collection = Collection(documents=(), queries=queries, qrels={query: {"d": 1} for query in queries})
    index = FakeIndex({"dense": {text: ["d"] for text in list(queries.values())[:250]}})
    figures = evaluate(index, collection, modes=["dense"], measures=["P@1"], depth=1)
    assert figures["dense"]["P@1"] == pytest.approx(0.25)
    assert sum(index.batches) == 1000
    assert max(index.batches) < 1000


def test_the_measures_keep_the_names_they_were_asked_by(collection: Collection) -> None:
    index = FakeIndex({"dense": {"who sleeps?": ["d1", "d3"]}})
    figures = evaluate(index, collection, modes=["dense"], measures=["MAP", "AP", "P@2"])
    assert figures == {"dense": {"MAP": 0.25, "AP": 0.25, "P@2": 0.25}}


@pytest.mark.parametrize(
    "measure",
    [
        "nDGC@10",
        "nDCG@ten",
        "nDCG@",
        "",
        "recall of everything",
        "R@1000",
        "alpha_nDCG@10",
        "BPM",
        "ERR@5",
        "Accuracy@5",
    ],
)
def test_a_measure_that_cannot_be_computed_is_refused_before_searching(collection: Collection, measure: str) -> None:
    index = FakeIndex({})
    with pytest.raises(ConfigError, match=re.escape(measure) or "'' is no measure"):
        evaluate(index, collection, measures=["AP", measure])
    assert not index.batches


def test_without_ir_measures_the_extra_is_named(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ir_measures", None)
    with pytest.raises(ConfigError, match=r'pip install "hybrid-retrieval\[evaluate\]"'):
        evaluate(FakeIndex({}), collection)


GOOD = '{"_id": "d1", "text": "a"}\n'


@pytest.mark.parametrize(
    ("corpus", "line", "cause"),
    [
        (GOOD + '{"_id": "d2", "text"\n', 2, "JSON"),
        (GOOD + "\n[1]\n", 3, "object"),
        (GOOD + '{"text": "a"}\n', 2, "_id"),
        (GOOD + '{"_id": 2, "text": "a"}\n', 2, "_id"),
        (GOOD + '{"_id": "", "text": "a"}\n', 2, "source"),
        (GOOD + '{"_id": "d2"}\n', 2, "text"),
        (GOOD + '{"_id": "d2", "text": "a", "title": 5}\n', 2, "title"),
        (GOOD + GOOD, 2, "'d1'"),
    ],
)
def test_a_bad_corpus_is_refused_by_line(tmp_path: Path, corpus: str, line: int, cause: str) -> None:
    write(tmp_path, corpus=corpus)
    with pytest.raises(ConfigError, match=rf"corpus\.jsonl:{line}: .*{cause}"):
        read_collection(tmp_path)


@pytest.mark.parametrize(
    ("qrels", "where"),
    [
        ("q1\td1\n", "test.tsv:1"),
        ("q1\td1\t1\nq1 d2 1\n", "test.tsv:2"),
        ("q1\td1\t1\nq1\td2\thigh\n", "test.tsv:2"),
        ("q1\td1\t1\nq1\td1\t0\n", "test.tsv:2"),
        ("query-id\tcorpus-id\tscore\n", "test.tsv"),
        ("", "test.tsv"),
        ("q9\td1\t1\n", "q9"),
    ],
)
def test_bad_judgements_are_refused_by_line(tmp_path: Path, qrels: str, where: str) -> None:
    write(tmp_path, qrels=qrels)
    with pytest.raises(ConfigError, match=where):
        read_collection(tmp_path)


def test_bytes_that_are_not_utf_8_are_refused_by_line(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "corpus.jsonl").write_bytes(GOOD.encode() + b'{"_id": "d2", "text": "caf\xe9"}\n')
    with pytest.raises(ConfigError, match=r"corpus\.jsonl:2: not UTF-8"):
        read_collection(tmp_path)


@pytest.mark.parametrize("missing", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_a_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    write(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(ConfigError, match=missing):
        read_collection(tmp_path)


def test_every_judged_query_has_its_figure_and_their_mean_is_the_mean(collection: Collection) -> None:
    index = FakeIndex({"dense": {"what causes rain?": ["d3", "d2", "d1"]}})
    figures = judge(index, collection, modes=["dense"])["dense"].figures
    for measure, values in figures.values.items():
        assert list(values) == ["q1", "q2"]
        assert values["q2"] == 0  # it has no answer
        assert figures.means[measure] == pytest.approx(sum(values.values()) / 2)


SCORES = st.floats(-(2.0**100), 2.0**100, width=32)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.lists(SCORES))
def test_scores_fall_strictly_and_stay_what_they_are_where_they_do(scores: list[float]) -> None:
    falling = strictly_falling(scores)
    assert all(above > below for above, below in pairwise(falling))
    ordered = sorted(set(scores), reverse=True)
    assert strictly_falling(ordered) == ordered


@given(st.lists(NAMES, min_size=1, max_size=30, unique=True), st.data())
def test_equal_scores_keep_the_order_in_which_they_came(names: list[str], data: st.DataObject) -> None:
    relevant = data.draw(st.sampled_from(names))
    run = {"q": dict(zip(names, strictly_falling([0.25] * len(names)), strict=True))}
    figures = judge_run(run, {"q": {relevant: 1}}, measures=["RR"]).figures
    assert figures.means["RR"] == pytest.approx(1 / (names.index(relevant) + 1))


@given(st.dictionaries(NAMES, st.lists(NAMES, min_size=1, max_size=5, unique=True), min_size=1, max_size=5))
def test_a_run_that_was_written_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, found: dict[str, list[str]]
) -> None:
    directory = tmp_path_factory.mktemp("run")
    run = {
        query: dict(zip(documents, strictly_falling(range(len(documents), 0, -1)), strict=True))
        for query, documents in found.items()
    }
    qrels = {query: {documents[0]: 1} for query, documents in found.items()}
    write_run(directory / "run", run, tag="test")
    read = read_run(directory / "run", qrels)
    assert {query: list(documents.items()) for query, documents in read.items()} == {
        query: list(documents.items()) for query, documents in run.items()
    }
    write_qrels(directory / "qrels", qrels)
    lines = (directory / "qrels").read_text("utf-8").splitlines()
    assert [line.split() for line in lines] == [
        [escaped(query), "0", escaped(document), "1"] for query in qrels for document in qrels[query]
    ]


def test_another_systems_run_is_ordered_by_its_scores_and_read_by_the_judgements_names(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("q Q0 b%20c 1 0.5 x\nq Q0 rain.md 2 0.7 x\nq Q0 a%20b 3 0.5 x\nother Q0 a 1 1 x\n")
    qrels = {"q": {"a%20b": 1, "docs/rain.md": 1}}
    run = read_run(tmp_path / "run", qrels, sources={"rain.md": "docs/rain.md"})
    assert [*run] == ["q"]
    assert [*run["q"]] == ["docs/rain.md", "b c", "a%20b"]


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("q Q0 d 1 0.5", "run:1: .*six columns"),
        ("q Q0 d 1 high x", "run:1: .*six columns"),
        ("q Q0 d 1 2 x\nq Q0 d 2 1 x", "run:2: .*before"),
        ("other Q0 d 1 2 x", "no judged query"),
    ],
)
def test_a_bad_run_is_refused(tmp_path: Path, line: str, cause: str) -> None:
    (tmp_path / "run").write_text(line + "\n")
    with pytest.raises(ConfigError, match=cause):
        read_run(tmp_path / "run", {"q": {"d": 1}})
