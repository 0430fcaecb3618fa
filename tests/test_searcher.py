"""A Searcher is one generation: it answers as before whatever is written, and all its answers belong together."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest import add
from retrieval import Document, HybridIndex
from retrieval.searcher import Searcher
from retrieval.segments import merge_policy

Open = Callable[..., HybridIndex]

DOCUMENTS = [
    Document("rain", "Rain falls when vapour condenses.\n\n" * 3, metadata={"team": "weather"}),
    Document("bread", "Bread rises because yeast eats sugar.", metadata={"team": "kitchen", "tags": ["warm"]}),
    Document("snow", "Snow forms when vapour freezes.", metadata={"team": "weather"}),
]


def told_by(searcher: Searcher) -> dict[str, Any]:
    """What it answers to everything that can be asked."""
    queries = ["vapour condenses", "yeast +sugar", "rain -bread"]
    return {
        "generation": searcher.generation,
        "batch": searcher.search_batch(queries, 50),
        "one by one": [searcher.search(query, 50, mode="lexical") for query in queries],
        "filtered": searcher.search("vapour", 50, where={"team": "weather"}, group_by_document=True),
        "documents": searcher.documents(),
        "searchable": searcher.searchable(),
        "chunks": [searcher.chunks(record.source) for record in searcher.documents()],
        "stats": searcher.stats(),
        "similar": searcher.similar("rain"),
        "folders": searcher.folders(),
    }


def test_a_searcher_answers_after_a_commit_as_before_it(open_index: Open) -> None:
    with open_index() as index, open_index() as reader:
        empty = reader.searcher()
        add(DOCUMENTS, index)
        held = [index.searcher(), reader.searcher()]
        before = [told_by(searcher) for searcher in held]
        assert before[0] == before[1]
        changes: list[Callable[[], object]] = [
            lambda: add([Document("late", "Vapour that came late condenses.")], index),
            lambda: add([Document("rain", "Rain is another now.", metadata={"team": "kitchen"})], index),
            lambda: add([Document("snow", DOCUMENTS[2].text, metadata={"team": "none"})], index),
            lambda: index.delete(["bread"]),
            lambda: index.delete(["rain", "snow", "late"]),
        ]
        seen = {held[0].generation}
        for change in changes:
            change()
            assert [told_by(searcher) for searcher in held] == before
            newest = reader.searcher()
            assert newest.generation == index.searcher().generation
            assert newest.generation not in seen
            seen.add(newest.generation)
        assert reader.searcher().documents() == ()
        assert (empty.generation, empty.documents(), empty.search("rain")) == ("", (), [])
        assert empty.reader.size == empty.reader.slots == 0


def test_an_answer_is_of_one_generation(open_index: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each generation has another number in all its texts; no searcher ever tells two of them."""
    monkeypatch.setattr(merge_policy, "TIER", 2)

    def numbered(number: int) -> list[Document]:
        return [Document(f"{n}", f"Paragraph {n} of generation {number}.") for n in range(4)]

    with open_index() as index, open_index() as reader:
        add(numbered(0), index)
        stop, trouble = threading.Event(), []

        def ask() -> None:
            last = -1
            try:
                while not stop.is_set():
                    searcher = reader.searcher()
                    found = [searcher.search("paragraph generation", 9), *searcher.search_batch(["generation"] * 20)]
                    texts = [hit.text for hits in found for hit in hits]
                    texts += [chunk.text for n in range(4) for chunk in searcher.chunks(f"{n}")]
                    numbers = {text.rsplit(" ", 1)[1] for text in texts}
                    assert (len(texts), len(numbers)) == (4 + 20 * 4 + 4, 1)
                    number = int(numbers.pop().rstrip("."))
                    assert number >= last
                    last = number
            except BaseException as error:  # whatever it is, the test is to tell of it
                trouble.append(error)

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for number in range(1, 7):
                add(numbered(number), index)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert trouble == []
        assert reader.search("generation", 1)[0].text.endswith("generation 6.")


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def mapped(path: Path) -> int:
    """How many of the index's files are mapped into this process, removed ones included."""
    with Path("/proc/self/maps").open() as maps:
        return len({line.split(maxsplit=5)[5] for line in maps if f"{path}/segments/" in line})


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="files that are mapped are told by Linux alone")
def test_hundreds_of_commits_beside_an_open_reader_leave_nothing_behind(open_index: Open, tmp_path: Path) -> None:
    path = tmp_path / "index"
    with open_index() as index, open_index() as reader:
        add(DOCUMENTS, index)
        early = reader.searcher()
        before = told_by(early)
        counts = []
        for number in range(300):
            add([Document(f"changing {number % 5}", f"Vapour that changes, number {number}.")], index)
            searcher = reader.searcher()
            (hit,) = searcher.search(f"number {number}", 1, mode="lexical", where={"source": f"changing {number % 5}"})
            assert hit.text == f"Vapour that changes, number {number}."
            assert searcher.generation == index.searcher().generation
            files = [file for name in ("segments", "generations") for file in (path / name).iterdir()]
            counts.append((len(files), open_files(), mapped(path)))
        assert told_by(early) == before
        settled = counts[20:]
        for most, first in zip(map(max, zip(*settled, strict=True)), counts[0], strict=True):
            assert most <= first + 4 * merge_policy.TIER
        later = [sum(each) for each in zip(*counts[-100:], strict=True)]
        earlier = [sum(each) for each in zip(*counts[100:200], strict=True)]
        assert all(now <= 1.25 * then for now, then in zip(later, earlier, strict=True)), "something grows"
        assert len(list((path / "generations").iterdir())) == 1
        assert {file.name for file in (path / "segments").iterdir()} == index.searcher().reader.files
