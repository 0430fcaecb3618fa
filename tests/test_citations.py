"""A passage is cited by the pages that it stands on, from the first to the last."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.loaders import load
from retrieval import Document, HybridIndex, SearchHit, as_context
from retrieval.chroma.rows import chunk_from, chunk_metadata
from retrieval.config import Config
from tests.ingesting import sync
from tests.loaders_samples import pdf

PAGES = [[f"Page{page} has line {line} about water and clouds." for line in range(12)] for page in (1, 2, 3)]


@pytest.fixture
def manual() -> Document:
    return load(pdf(PAGES), source="docs/manual.pdf")


@pytest.fixture
def index(open_index: Callable[..., HybridIndex], tmp_path: Path) -> HybridIndex:
    """A manual of three pages, whose chunks begin and end where they like."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "manual.pdf").write_bytes(pdf(PAGES))
    index = open_index(config=Config(chunk_size=90))
    sync(tmp_path / "docs", index)
    return index


def cited(hit: SearchHit) -> list[int]:
    found = re.fullmatch(r"docs/manual\.pdf, pages? (\d)(?:–(\d))?", hit.citation())
    assert found is not None
    return list(range(int(found[1]), int(found[2] or found[1]) + 1))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.sampled_from(["water", "clouds", "Page2", "line 7 about clouds"]),
    top_k=st.integers(1, 20),
    expand=st.integers(0, 9) | st.just("section"),
)
def test_every_page_that_a_passage_stands_on_is_cited(
    index: HybridIndex, manual: Document, query: str, top_k: int, expand: int
) -> None:
    for hit in index.search(query, top_k, mode="lexical", expand=expand):
        assert (hit.page, hit.page_end) == (manual.page_at(hit.char_start), manual.page_at(hit.char_end - 1))
        shown = {int(page) for page in re.findall(r"Page(\d)", hit.text)}
        assert shown <= set(cited(hit)) <= {1, 2, 3}


def test_passages_of_one_page_and_of_several_are_cited_so(index: HybridIndex) -> None:
    (whole,) = index.search("water", 1, expand=99)
    assert whole.citation() == "docs/manual.pdf, pages 1–3"
    alone = {hit.citation() for hit in index.search("water", 99)}
    assert {"docs/manual.pdf, page 1", "docs/manual.pdf, pages 1–2", "docs/manual.pdf, page 3"} <= alone


def test_a_passage_that_is_cut_is_cited_by_all_pages_that_it_may_stand_on(index: HybridIndex) -> None:
    (whole,) = index.search("water", 1, expand=99)
    (passage,) = as_context([whole], max_tokens=60, tokenizer=lambda text: len(text.split())).passages
    assert passage.is_cut
    assert passage.citation == whole.citation()


def test_a_chunk_that_was_stored_without_its_last_page_ends_on_its_first(index: HybridIndex) -> None:
    assert index.searcher().reader is not None
    chunk = index.searcher().reader.chunk(0)
    assert chunk_from(chunk.id, chunk.text, chunk_metadata(chunk)) == chunk
    old = {key: value for key, value in chunk_metadata(chunk).items() if key != "page_end"}
    assert chunk_from(chunk.id, chunk.text, old).page_end == chunk.page
