"""Documents in several languages in one index: each is analysed in its own, and so is every query."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ingest import add
from retrieval import Document, HybridIndex
from retrieval.analysis import Analyzer
from retrieval.config import Config
from retrieval.errors import ConfigError, IndexMismatchError
from tests.equality import assert_same, told_by
from tests.ingesting import sync

TEXTS = {
    "english": "The rivers of the valley were flooding the houses, and the farmers had been running to the mills. "
    "Nobody was hurt, but many of the older bridges have fallen into the water.",
    "german": "Die Flüsse des Tales überschwemmten die Häuser, und die Bauern waren zu den Mühlen gelaufen. "
    "Niemand wurde verletzt, aber viele der älteren Brücken sind ins Wasser gefallen.",
    "russian": "Реки долины затопили дома, и крестьяне побежали к мельницам. Никто не пострадал, но многие старые "
    "мосты упали в воду.",
    "none": "山谷里的河流淹没了房屋，农民们跑向磨坊。没有人受伤，但许多老桥都掉进了水里。",
}
QUESTIONS = {
    "english": "flooded house",
    "german": "Brücke über den Fluss",
    "russian": "старый мост",
    "none": "磨坊和河流",
}


@pytest.fixture
def index(open_index: Callable[..., HybridIndex]) -> HybridIndex:
    opened = open_index()
    add([Document(language, text) for language, text in TEXTS.items()], opened)
    return opened


def test_the_ledger_says_which_language_each_document_is_in(index: HybridIndex) -> None:
    assert {record.source: record.language for record in index.documents()} == {name: name for name in TEXTS}


@pytest.mark.parametrize("language", TEXTS)
def test_a_word_is_found_in_the_forms_of_its_own_language(index: HybridIndex, language: str) -> None:
    hits = index.search(QUESTIONS[language], mode="lexical")
    assert hits[0].source == language
    words = {hits[0].text[start:end] for start, end in hits[0].highlights}
    assert len(words) >= 2 or language == "none"


def test_a_chunk_scores_as_its_language_analyses_the_query(index: HybridIndex) -> None:
    query = "rivers Häuser мосты bridges"
    hits = {hit.source: hit.lexical_score for hit in index.search(query, mode="lexical")}
    reader = index.searcher().reader
    for row in reader.living.tolist():
        chunk = reader.chunk(row)
        expected = reader.lexical.get_scores(Analyzer(chunk.source).terms(query))[row]
        assert hits.get(chunk.source, 0) == expected


def test_one_language_for_all_is_taken_at_its_word(open_index: Callable[..., HybridIndex]) -> None:
    index = open_index(config=Config(language="de"))
    add([Document(language, text) for language, text in TEXTS.items()], index)
    assert {record.language for record in index.documents()} == {"german"}
    assert index.searcher().reader.languages == ("german",)
    with pytest.raises(IndexMismatchError, match="language"):
        open_index(config=Config(language="auto"))
    with pytest.raises(ConfigError, match="klingon"):
        Config(language="klingon")


@pytest.mark.slow
def test_a_file_that_changes_its_language_is_analysed_anew(
    tmp_path: Path, open_index: Callable[..., HybridIndex]
) -> None:
    """Also the paragraph that stays as it is."""
    folder = tmp_path / "docs"
    folder.mkdir()
    file, rest = folder / "notes.txt", "Die Mühlen 1921–1954. " * 3
    config = Config(chunk_size=64)
    file.write_text(f"{TEXTS['english'] * 4}\n\n{rest}")
    changed = open_index("changed", config=config)
    sync(folder, changed)
    assert {record.language for record in changed.documents()} == {"english"}
    file.write_text(f"{TEXTS['german'] * 4}\n\n{rest}")
    report = sync(folder, changed)
    assert report.chunks_reused == 1
    fresh = open_index("fresh", config=config)
    sync(folder, fresh)
    assert {record.language for record in fresh.documents()} == {"german"}
    assert_same(told_by(changed), told_by(fresh))
    terms = Analyzer("german").terms("Mühle")
    assert np.count_nonzero(changed.searcher().reader.lexical.get_scores(terms)) >= 2
