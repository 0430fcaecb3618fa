"""An index in Milvus beside a local one of the same documents, and what holds of both."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import ingest
from retrieval import HybridIndex
from retrieval.config import Config
from retrieval.search_hits import SearchHit
from retrieval.shared_store.checks import troubles
from retrieval.shared_store.reader import SharedReader
from retrieval.types import Document

_ENGLISH = (
    "river bridge mill stone water wheel gate lock canal boat harvest field corn bread oven baker street market town "
    "church bell tower clock winter summer rain snow storm cloud wind sun moon star night morning engine steam rail "
    "station track signal driver coal iron copper smith forge hammer anvil horse cart road hill valley forest oak pine"
)
_GERMAN = "der Fluss und die Mühle am alten Kanal mahlen das Korn für den Bäcker in der Stadt bei Regen und Schnee"

_SCORES = {"score", "relevance", "dense_score", "lexical_score"}


def documents(count: int, *, seed: int = 0) -> list[Document]:
    """Texts of a few passages each, in two languages, some of them alike, with metadata of all kinds."""
    draw = random.Random(seed)
    made = []
    for number in range(count):
        vocabulary = (_GERMAN if number % 5 == 4 else _ENGLISH).split()
        text = " ".join(draw.choice(vocabulary) for _ in range(draw.randint(5, 400))) + "."
        if number % 7 == 3:
            text = "The mill by the river is closed in winter and open in summer."
        made.append(
            Document(
                source=f"{'abc'[number % 3]}/part-{number % 4}/{number}.txt",
                text=text,
                title=draw.choice([None, "Mills", "Rivers and bridges", f"Number {number}"]),
                metadata=metadata(draw),
            )
        )
    return made


VALUES: tuple[Any, ...] = (
    0, 1, 5, -3, 2**53 + 1, 5.0, 5.5, -0.5, True, False, "a", "B", "äq", "o'x", "5", 'say "so"', "two\nlines",
    "tab\tbed", "back\\slash", "日本", "2024-03-05", "%_", ["a", "b"], [1, 2], [True],
)  # fmt: skip
KEYS = ("k", "year", "sp ace", "dot.ted", "ü", 'quo"ted', "sl/ash")


def metadata(draw: random.Random) -> dict[str, Any]:
    return {key: draw.choice(VALUES) for key in KEYS if draw.random() < 0.7}


class Pair:
    """The same documents in a local index and in Milvus, with the same vectors."""

    def __init__(self, local: HybridIndex, shared: HybridIndex) -> None:
        self.local = local
        self.shared = shared

    @classmethod
    @contextmanager
    def opened(cls, directory: Path, config: Config) -> Iterator["Pair"]:
        with (
            HybridIndex.open(directory / "local") as local,
            HybridIndex.open(directory / "shared", config=config) as shared,
        ):
            yield cls(local, shared)

    def add(self, made: Sequence[Document]) -> None:
        ingest.add(made, self.local)
        self.shared.borrow_vectors(self.local.searcher().reader)
        ingest.add(made, self.shared)

    def delete(self, sources: Sequence[str]) -> None:
        assert self.local.delete(sources) == self.shared.delete(sources)

    def compare(self, query: str, **options: Any) -> None:
        """Every hit is the local one. Copies of a text may change places: their vectors differ in the last digits where
        they were embedded in other company."""
        expected, found = self.local.search(query, **options), self.shared.search(query, **options)
        assert found.corrections == expected.corrections
        assert len(found) == len(expected)
        if [hit.id for hit in found] == [hit.id for hit in expected]:
            for one, other in zip(found, expected, strict=True):
                same(one, other)
            return
        for one, other in zip(found, expected, strict=True):
            assert (one.text, one.rank) == (other.text, other.rank), (query, options)
            assert abs(one.score - other.score) < 1e-6, (query, options)


def same(one: SearchHit, other: SearchHit) -> None:
    for field in fields(SearchHit):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name in _SCORES and mine is not None:
            assert abs(mine - theirs) < 1e-6, field.name
        else:
            assert mine == theirs, field.name


def check_whole(index: HybridIndex) -> None:
    """The rows are those that the ledger names, and statistics equal a recount."""
    reader = cast(SharedReader, index.searcher().reader)
    assert list(troubles(reader)) == []
    assert dict(reader.shared.documents) == dict(Counter(record.folder for record in reader.records))
