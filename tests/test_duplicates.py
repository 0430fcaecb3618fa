"""The same text many times is one hit, which names the other passages."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from ingest import add
from retrieval import Config, Document, HybridIndex
from retrieval.encoders import Embedder
from retrieval.search_hits import MAX_DUPLICATES
from retrieval.segments.passage_keys import PassageKeys, passage_numbers

LATIN = "The Latin character set has 191 letters and signs."
COPIES = 6


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, loaded_embedder: Embedder) -> Iterator[HybridIndex]:
    path = tmp_path_factory.mktemp("duplicates") / "index"
    with HybridIndex.open(path, config=Config(chunk_size=64), encoder=loaded_embedder.encoder) as opened:
        for number in range(COPIES):  # one commit each: copies lie in several segments
            add([Document(f"copy{number}", LATIN, metadata={"n": number})], opened)
        twice = f"# One\n\n{LATIN}\n\n# Two\n\n{LATIN}"
        add(
            [
                Document("iso", "ISO 8859-1 is the Latin character set of western Europe."),
                Document("wrapped", LATIN.replace(" ", "\n"), title="Alphabets"),
                Document("twice.md", twice, syntax="markdown"),
                Document("bread", "Bread rises from yeast."),
            ],
            opened,
        )
        yield opened


MODES = [
    {"mode": "lexical"},
    {"mode": "dense"},
    {"fusion": "rrf"},
    {"fusion": "convex", "feedback": "both"},
    {"candidates": 1},
    {"group_by_document": True},
    {"group_by_document": True, "document_score": "mean"},
    {"mmr_lambda": 0.7},
]


@pytest.mark.parametrize("options", MODES, ids=str)
def test_each_text_is_one_hit_and_the_next_texts_follow(index: HybridIndex, options: dict[str, Any]) -> None:
    hits = index.search("latin character set", 3, **options)
    assert len({" ".join(hit.text.split()) for hit in hits}) == len(hits)
    assert "iso" in {hit.source for hit in hits}
    best = next(hit for hit in hits if "191" in hit.text and "#" not in hit.text)
    named = {best.source, *(duplicate.source for duplicate in best.duplicates)}
    assert {f"copy{number}" for number in range(COPIES)} | {"wrapped"} <= named
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))


def test_without_collapse_each_passage_is_a_hit(index: HybridIndex) -> None:
    hits = index.search("latin character set", 100, collapse=False)
    assert sum(hit.text == LATIN for hit in hits) >= COPIES
    assert all(hit.duplicates == () and hit.duplicates_total == 0 for hit in hits)


def test_the_scores_are_those_of_all_passages(index: HybridIndex) -> None:
    each = {hit.id: hit.score for hit in index.search("latin character set", 100, collapse=False)}
    for hit in index.search("latin character set", 100):
        assert hit.score == each[hit.id] == max(each[other.id] for other in (hit, *hit.duplicates))


def test_a_duplicate_can_be_cited(index: HybridIndex) -> None:
    [hit] = index.search("latin character set", 1, where={"n": {"$lt": 2}})
    [other] = hit.duplicates
    assert {hit.citation(), other.citation()} == {"copy0:1", "copy1:1"}
    assert other.document_id != hit.document_id


def test_filters_come_first(index: HybridIndex) -> None:
    [hit, *_] = index.search("latin character set", 5, where={"n": {"$in": [3, 4]}})
    assert {hit.source, *(other.source for other in hit.duplicates)} == {"copy3", "copy4"}
    assert hit.duplicates_total == 1
    assert index.search("latin character set", 5, within="copy5")[0].duplicates == ()


def test_a_deleted_copy_is_named_no_more(index: HybridIndex) -> None:
    add([Document(f"yeast{number}", "Yeast is a fungus.") for number in range(3)], index)
    index.delete(["yeast1"])
    [hit] = index.search("fungus", mode="lexical")
    assert {hit.source, *(other.source for other in hit.duplicates)} == {"yeast0", "yeast2"}
    index.delete(["yeast0", "yeast2"])


def test_of_very_many_some_are_named_and_all_counted(index: HybridIndex) -> None:
    sources = [f"page{number:03}" for number in range(MAX_DUPLICATES + 20)]
    add([Document(source, "Seite absichtlich leer.") for source in sources], index)
    [hit] = index.search("absichtlich", mode="lexical")
    assert (len(hit.duplicates), hit.duplicates_total) == (MAX_DUPLICATES, MAX_DUPLICATES + 19)
    assert [other.source for other in hit.duplicates] == sorted(other.source for other in hit.duplicates)
    index.delete(sources)


def test_a_batch_collapses_as_its_queries_do(index: HybridIndex) -> None:
    queries = ["latin character set", "yeast"] * 10
    for query, hits in zip(queries, index.search_batch(queries, 4), strict=True):
        assert [(hit.id, hit.duplicates) for hit in hits] == [
            (hit.id, hit.duplicates) for hit in index.search(query, 4)
        ]


def test_texts_are_alike_but_for_white_space() -> None:
    numbers = passage_numbers(["a b", " a\n\nb ", "ab", "A b", "a b"])
    assert numbers.tolist().count(numbers[0]) == 3
    keys = PassageKeys(numbers, np.argsort(numbers, kind="stable"))
    wanted = np.array([numbers[0], numbers[3], 12345], np.uint64)
    assert [(at, sorted(rows.tolist())) for at, rows in keys.rows_of(wanted)] == [(0, [0, 1, 4]), (1, [3])]
