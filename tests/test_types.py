"""Documents are made sound when they are made, or refused by name."""

from dataclasses import replace
from http import HTTPStatus

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval import Document, Heading, SearchHit
from retrieval.errors import DocumentError
from retrieval.types import MAX_MEMBERS, MAX_METADATA, chunk_ids


def test_what_cannot_be_stored_is_taken_out_of_the_text() -> None:
    document = Document("a", "one\0two\ud800three", title="  A\n title\0 ", metadata={"k": "x\0y"})
    assert (document.text, document.title, document.metadata) == ("onetwo\ufffdthree", "A title", {"k": "xy"})


def test_headings_are_in_order_on_one_line_and_of_bearable_length() -> None:
    document = Document(
        "a", "x" * 99, headings=((50, 1, "second"), Heading(3, 2, "fi\nrst"), Heading(9, 1, "w " * 9999))
    )
    assert [heading.char_start for heading in document.headings] == [3, 9, 50]
    assert document.headings[0].text == "fi rst"
    assert len(document.headings[1].text) <= 500


@pytest.mark.parametrize(
    "value", [True, 0, -(2**63), 2**63 - 1, 1.5, 1e300, "x", "", [1], ["a", "a", ""], [0.5], [True]]
)
def test_metadata_that_chroma_can_filter(value: object) -> None:
    assert Document("a", "", metadata={"k": value}).metadata == {"k": value}


@pytest.mark.parametrize(
    "value",
    [
        None, 2**63, 2**1100, float("nan"), float("inf"), object(), [], (), [None], [[1]], [1, "1"], [True, 1], {"a"},
        [2**63], [1.5, float("nan")],
    ],
)  # fmt: skip
def test_metadata_that_it_cannot(value: object) -> None:
    with pytest.raises(DocumentError, match="'k'"):
        Document("a", "", metadata={"k": value})


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (("a", "b"), ["a", "b"]),
        (["x\0y"], ["xy"]),
        ([1, 2.5], [1.0, 2.5]),
        (HTTPStatus.OK, 200),
        ([HTTPStatus.OK, 404], [200, 404]),
        (np.float64(0.5), 0.5),
        (np.str_("a"), "a"),
    ],
)
def test_metadata_is_stored_as_plain_values(value: object, stored: object) -> None:
    found = Document("a", "", metadata={"k": value}).metadata["k"]
    assert found == stored
    assert (type(found), *map(type, listed(found))) == (type(stored), *map(type, listed(stored)))


def listed(value: object) -> list:
    return value if isinstance(value, list) else []


def test_the_lists_of_a_document_have_no_more_members_than_chroma_takes() -> None:
    halves = {"a": [1] * (MAX_MEMBERS // 2), "b": ["x"] * (MAX_MEMBERS // 2)}
    assert Document("a", "", metadata=halves).metadata == halves
    with pytest.raises(DocumentError, match="1,001 members"):
        Document("a", "", metadata={**halves, "c": [True]})


@pytest.mark.parametrize("key", ["source", "ordinal", "", "$and", "#x", "chroma:document", "a\0b", 3])
def test_metadata_keys_that_are_taken(key: object) -> None:
    with pytest.raises(DocumentError, match="rename"):
        Document("a", "", metadata={key: 1})


def test_no_document_has_more_metadata_than_chroma_takes() -> None:
    fields = {f"k{number}": number for number in range(MAX_METADATA)}
    assert len(Document("a", "", metadata=fields).metadata) == MAX_METADATA
    with pytest.raises(DocumentError, match="1,001 keys"):
        Document("a", "", metadata={**fields, "more": 1})


@pytest.mark.parametrize(
    "arguments", [("", "x"), ("a\0", "x"), ("\ud800", "x"), (1, "x"), ("a", None), ("a", "x", None, None)]
)
def test_what_is_no_document_is_refused(arguments: tuple) -> None:
    with pytest.raises(DocumentError):
        Document(*arguments)


@given(st.lists(st.sampled_from(["a", "b", "ab", ""])))
def test_chunk_ids_are_unique_and_do_not_depend_on_position(texts: list[str]) -> None:
    ids = chunk_ids("s", texts)
    assert len(set(ids)) == len(ids)
    assert sorted(chunk_ids("s", texts[::-1])) == sorted(ids)
    assert not set(ids) & set(chunk_ids("other", texts))


@pytest.mark.parametrize(
    ("pages", "lines", "citation"),
    [
        ((None, None), (5, 9), "docs/a b.md:5-9"),
        ((None, None), (5, 5), "docs/a b.md:5"),
        ((3, 3), (5, 9), "docs/a b.md, page 3"),
        ((3, 4), (5, 9), "docs/a b.md, pages 3–4"),
    ],
)
def test_a_citation_says_where_to_look_on_one_line(
    pages: tuple[int | None, int | None], lines: tuple[int, int], citation: str
) -> None:
    (page, page_end), (start, end) = pages, lines
    hit = SearchHit(
        id="1", document_id="2", text="x", score=1.0, rank=1, relevance=1.0, source="docs/a\nb.md", title=None,
        headings=(), page=page, page_end=page_end, line_start=start, line_end=end, char_start=0, char_end=1,
        metadata={}, dense_score=None, dense_rank=None, lexical_score=1.0, lexical_rank=1, rerank_score=None,
        highlights=(),
    )  # fmt: skip
    assert hit.citation() == citation
    if page is not None:
        assert replace(hit, metadata={"page_label": "iv"}).citation() == f"{citation} (printed iv)"
