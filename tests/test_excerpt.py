"""What a terminal shows of a passage."""

import io

import pytest
from rich.console import Console

from retrieval import SearchHit, console
from retrieval.excerpt import CHARACTERS, LINES, excerpt

FILLER = "Some other words stand here, and they are many. "


def marked(text: str, *words: str) -> list[tuple[int, int]]:
    return sorted((at, at + len(word)) for word in words for at in range(len(text)) if text.startswith(word, at))


@pytest.mark.parametrize(
    ("text", "words", "shown"),
    [
        ("One short line.", ("short",), "One short line."),
        (FILLER * 30, (), FILLER),
        (FILLER * 30 + "The heron fishes at dawn.", ("heron", "dawn"), "The heron fishes at dawn."),
        (f"{FILLER * 20}heron {FILLER * 20}herons at dawn {FILLER * 20}", ("heron", "dawn"), "herons at dawn"),
        ("\n\n".join([FILLER] * 12 + ["A heron."] + [FILLER] * 12), ("heron",), "A heron."),
        ("\n".join(f"line {n}" for n in range(90)), ("line 70",), "line 70\nline 71"),
        ("雨" * 900 + "鷺" + "雨" * 900, ("鷺",), "鷺"),
        ("x" * 5000, (), "x" * CHARACTERS),
        ("\n" * 900 + "heron", ("heron",), "heron"),
    ],
)
def test_the_part_with_most_of_the_words_is_shown(text: str, words: tuple[str, ...], shown: str) -> None:
    start, end = excerpt(text, marked(text, *words))
    part = text[start:end]
    assert shown.strip() in part
    assert len(part) <= CHARACTERS
    assert len([line for line in part.split("\n") if line.strip()]) <= LINES
    if " " in text:
        assert set(part.split()) <= set(text.split()), "it begins and ends at words"


def test_a_part_at_the_end_is_as_long_as_one_at_the_beginning() -> None:
    text = FILLER * 30 + "A heron."
    start, end = excerpt(text, marked(text, "heron"))
    assert end == len(text)
    assert end - start > CHARACTERS // 2


@pytest.mark.parametrize(
    ("terminal", "full", "is_cut"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_a_terminal_shows_a_part_and_a_pipe_gets_all(
    terminal: bool, full: bool, is_cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{FILLER * 30}\n\nHerons\x1b fish at dawn.\n\n{FILLER * 30}"
    at = text.index("Herons")
    hit = SearchHit(
        id="1", document_id="2", text=text, score=1.0, rank=1, relevance=1.0, source="docs/birds.md", title=None,
        headings=(), page=None, page_end=None, line_start=1, line_end=5, char_start=0, char_end=len(text), metadata={},
        dense_score=None, dense_rank=None, lexical_score=1.0, lexical_rank=1, rerank_score=None,
        highlights=((at, at + 6),),
    )  # fmt: skip
    printed = Console(file=io.StringIO(), force_terminal=terminal, color_system=None, soft_wrap=True, width=80)
    monkeypatch.setattr(console, "out", printed)
    console.print_hits([hit], explain=False, full=full)
    assert isinstance(printed.file, io.StringIO)
    citation, *lines = printed.file.getvalue().rstrip().split("\n")
    assert "docs/birds.md:1-5" in citation
    assert ("    … Herons␛ fish at dawn." if is_cut else "    Herons␛ fish at dawn.") in lines
    assert ("\n".join(lines).count(FILLER) < 10) is is_cut
    assert lines[-1].endswith(" …") is is_cut
