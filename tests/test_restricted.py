"""A restricted searcher answers as that of an index which never held what the filter hides: the same hits, hints,
corrections, counts and errors, and the same scores but for what another order of adding changes in the last digits."""

import random
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ingest import add
from retrieval import Document, HybridIndex
from retrieval.errors import QueryError, RetrievalError
from retrieval.inspection.facets import facets
from retrieval.searcher import Searcher
from tests.letters import Letters

COMMON = ["rain", "cloud", "commit", "policy", "river", "Yeast", "parseHttp", "flow", "chart", "flowchart", "summer"]
RARE = ["commiting", "policies", "rivers", "umbrella", "zeppelin", "quartz", "gherkin", "clouds", "Regen", "Wolken"]
ASKED = [
    *COMMON,
    *RARE,
    "comit",
    "polici",
    "rivver",
    "zepelin",
    "quarz",
    "flowchrt",
    "the",
    "nodejs",
    "-rain",
    "+cloud",
]
GERMAN = "Das ist der Text ueber den Regen und die Wolken, die sich nicht von der Stelle bewegen."
FOLDERS = ["docs/guide/", "docs/secret/", "team/", "archive/old/"]
READERS = ["alice", "bob", "everyone"]
WHERES: list[dict[str, Any]] = [
    {"readers": {"$contains": "alice"}},
    {"$or": [{"readers": {"$contains": "alice"}}, {"readers": {"$contains": "everyone"}}]},
    {"team": "blue"},
    {"$and": [{"year": {"$gte": 2022}}, {"team": {"$ne": "red"}}]},
    {"team": "none"},
    {"ordinal": 0},
]
ASKED_WHERES: list[dict[str, Any] | None] = [
    None, {"team": "red"}, {"team": "bleu"}, {"taem": "red"}, {"year": 2021}, {"year": "2021"}, {"codename": "x"},
    {"readers": "bob"}, {"readers": {"$contains": "bbo"}}, {"source": "secret"}, {"level": {"$gt": 5}},
    {"$or": [{"team": "red"}, {"readers": {"$contains": "bob"}}]},
]  # fmt: skip


def documents(rng: random.Random) -> list[Document]:
    found = []
    for number in range(rng.randint(4, 14)):
        words = rng.choices(COMMON, k=rng.randint(3, 30)) + rng.choices(RARE, k=rng.randint(0, 3))
        rng.shuffle(words)
        text = GERMAN if rng.random() < 0.15 else ". ".join(" ".join(words[at : at + 6]) for at in range(0, 33, 6))
        if found and rng.random() < 0.25:
            text = rng.choice(found).text
        metadata: dict[str, Any] = {"readers": rng.sample(READERS, rng.randint(1, 2)), "year": rng.randint(2020, 2024)}
        if rng.random() < 0.8:
            metadata["team"] = rng.choice(["red", "blue"])
        if rng.random() < 0.2:
            metadata["codename"] = rng.choice(RARE)
        if rng.random() < 0.2:
            metadata["level"] = rng.choice([1, 2.5, "high"])
        title = rng.choice([None, rng.choice(RARE)])
        found.append(Document(f"{rng.choice(FOLDERS)}{number}.txt", text, title=title, metadata=metadata))
    return found


def options(rng: random.Random) -> dict[str, Any]:
    return {
        "mode": rng.choice(["hybrid", "dense", "lexical"]),
        "where": rng.choice(ASKED_WHERES),
        "within": rng.choice([None, None, "docs/", "secret/", "docs/secrt/", ["team/", "archive/"]]),
        "where_document": rng.choice([None, None, {"$contains": "cloud"}]),
        "operators": rng.choice([None, True, False, "required"]),
        "feedback": rng.choice([None, None, "rm3"]),
        "expand": rng.choice([0, 1, "section"]),
        "collapse": rng.random() < 0.5,
        "group_by_document": rng.random() < 0.3,
        "mmr_lambda": rng.choice([None, None, 0.5]),
        "min_relevance": rng.choice([None, 0, 0.5]),
        "highlight": True,
    }


def outcome(ask: Callable[[], Any]) -> Any:
    """What it answers, warnings and corrections included, or the error that it raises."""
    try:
        found = ask()
    except RetrievalError as error:
        return type(error), str(error)
    return (list(found), vars(found)) if hasattr(found, "__dict__") else found


def plain(value: Any, number: Callable[[float], Any] = float) -> Any:
    """Mappings and lists of the values that it holds, each float as `number` makes it."""
    if isinstance(value, float):
        return number(value)
    if is_dataclass(value) and not isinstance(value, type):
        return type(value).__name__, {field.name: plain(getattr(value, field.name), number) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(each, number) for key, each in value.items()}
    return [plain(each, number) for each in value] if isinstance(value, list | tuple) else value


def told_by(searcher: Searcher, rng: random.Random, sources: list[str]) -> list[Any]:
    """What it answers to everything that can be asked; sources are asked for that may be hidden."""
    told: list[Any] = [replace(record, indexed_ns=0) for record in searcher.documents()]
    told += [facets(searcher.reader), searcher.stats(), searcher.folders(), sorted(searcher.reader.metadata_kinds)]
    told += [outcome(lambda source=source: searcher.chunks(source)) for source in sources]
    told += [outcome(lambda source=source: searcher.similar(source, 9, min_score=-1)) for source in sources[:4]]
    told += [outcome(lambda: searcher.similar_pairs(min_score=0.5))]
    for _ in range(12):
        query, chosen = " ".join(rng.choices(ASKED, k=rng.randint(1, 4))), options(rng)
        told.append((query, chosen, outcome(lambda query=query, chosen=chosen: searcher.search(query, 9, **chosen))))
    return told


def check(seed: int, directory: Path, where: dict[str, Any]) -> None:
    rng = random.Random(seed)
    given = documents(rng)
    with (
        HybridIndex.open(directory / "all", encoder=Letters()) as index,
        HybridIndex.open(directory / "visible", encoder=Letters()) as other,
    ):
        half = len(given) // 2
        add(given[:half], index)
        add(given[half:], index)
        searcher = index.searcher().restricted(where)
        visible = {record.source for record in searcher.documents()}
        whole = index.searcher()
        rows = {source: whole.reader.rows_of_document(whole.document(source).id) for source in whole_sources(whole)}
        passing = whole.reader.select(where, None)
        assert visible == {source for source, own in rows.items() if own and passing[own].all()}
        if not visible:
            assert (searcher.search("rain cloud"), searcher.similar_pairs(), searcher.stats().chunks) == ([], [], 0)
            return
        add([document for document in given if document.source in visible], other)
        sources = [document.source for document in given]
        told = told_by(searcher, random.Random(seed), sources)
        expected = told_by(other.searcher(), random.Random(seed), sources)
        for one, wanted in zip(told, expected, strict=True):
            assert plain(one) == plain(wanted, lambda number: pytest.approx(number, abs=1e-6)), seed


def whole_sources(searcher: Searcher) -> list[str]:
    return [record.source for record in searcher.documents()]


@pytest.mark.parametrize(
    "number", [0, *(pytest.param(number, marks=pytest.mark.slow) for number in range(1, len(WHERES)))]
)
def test_a_restricted_searcher_tells_nothing_of_what_is_hidden(tmp_path: Path, number: int) -> None:
    check(number, tmp_path, WHERES[number])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 400))
def test_at_length(tmp_path: Path, seed: int) -> None:
    check(seed, tmp_path, WHERES[seed % len(WHERES)])


def test_a_filter_that_restricts_nothing_is_refused(tmp_path: Path) -> None:
    with HybridIndex.open(tmp_path / "index", encoder=Letters()) as index:
        for where in ({}, {"$and": []}, {"team": {"$near": 1}}):
            with pytest.raises(QueryError):
                index.searcher().restricted(where)
        assert index.searcher().restricted({"team": "red"}).documents() == ()
