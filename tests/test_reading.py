"""`retrieve show` and `get`: what a citation names is printed, line by line, and a budget is kept and accounted for."""

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval import HybridIndex, console
from retrieval.cited_lines import CitedLines, cited_lines, split_citation
from retrieval.cli import app
from retrieval.encoders import Embedder
from retrieval.text_budget import shown, within_budget
from tests.ingesting import sync
from tests.loaders_samples import pdf

CODE = "\n\n".join(
    f"def rain_{number}():\n    if wet:\n\n        return {number}  # clouds over the hill" for number in range(60)
)
PAGES = [[f"Page{page} has line {line} about water and clouds." for line in range(12)] for page in (1, 2, 3)]
WORKBOOK = Path(__file__).parent.parent / "demo" / "workshop" / "prices" / "stock.xlsx"
Run = Callable[[str], tuple[int, str, str]]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, loaded_embedder: Embedder) -> Iterator[HybridIndex]:
    top = tmp_path_factory.mktemp("reading")
    (top / "docs").mkdir()
    texts = {"rain.py": CODE.encode(), "a: b, page 3.txt": b"One line.\n", "blank.txt": b"\n\n\n  rain\n\n\nsnow\n"}
    others = {"manual.pdf": pdf(PAGES), "note.pdf": pdf(PAGES[:1]), "stock.xlsx": WORKBOOK.read_bytes()}
    for name, content in {**texts, **others}.items():
        (top / "docs" / name).write_bytes(content)
    with HybridIndex.open(top / "index") as index:
        sync(top / "docs", index)
        yield index


@pytest.fixture
def shell(index: HybridIndex, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(line: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as leaving:
            console.run(app, ["retrieve", *shlex.split(line), "--index", str(index.path)])
        assert isinstance(leaving.value.code, int)
        return leaving.value.code, *capsys.readouterr()

    return run


def test_all_lines_of_a_text_file_are_its_own(index: HybridIndex) -> None:
    searcher = index.searcher()
    assert len(searcher.chunks("docs/rain.py")) > 4
    assert list(cited_lines(searcher, "docs/rain.py").lines) == CODE.split("\n")
    lines = CODE.split("\n")
    for first, last in ((1, 1), (2, 3), (7, 40), (60, 200)):
        part = cited_lines(searcher, "docs/rain.py", f"{first}-{last}")
        assert list(part.lines) == lines[first - 1 : last]
        assert (part.line_start, part.line_end, part.last_line) == (first, min(last, len(lines)), len(lines))
    blank = [cited_lines(searcher, "docs/blank.txt", f"{number}").text.strip() for number in (3, 4, 5, 7)]
    assert blank == ["", "rain", "", "snow"]


def test_every_citation_of_a_hit_leads_to_its_text(index: HybridIndex) -> None:
    searcher = index.searcher()
    names = {record.source for record in searcher.documents()}
    kinds = set()
    for expand in (0, 1):
        for hit in searcher.search("rain water clouds chain Friday", top_k=50, expand=expand):
            source, place = split_citation(hit.citation(), names)
            kinds.add(place.split()[0] if " " in place else "lines")
            found = cited_lines(searcher, source, place)
            assert source == hit.source
            # between two passages the index does not keep which white space it was
            assert "".join(hit.text.split()) in "".join(found.text.split())
            if place[0].isdigit():
                assert (found.line_start, found.line_end) == (hit.line_start, hit.line_end)
    assert {"lines", "page", "pages", "sheet", "sheets"} <= kinds


def test_a_source_that_looks_like_a_citation_is_a_source(shell: Run) -> None:
    assert shell("show 'docs/a: b, page 3.txt'")[1] == "1  One line.\n"
    assert shell("show 'docs/a: b, page 3.txt:1'")[1] == "1  One line.\n"


def test_a_wrong_source_or_place_is_named_with_what_there_is(shell: Run) -> None:
    code, _, said = shell("show manual.pdf:3")
    assert (code, "did you mean docs/manual.pdf?" in said) == (2, True)
    assert "there" not in shell("show docs/nothing-like-it")[1]
    for place, says in ((":99999", "and so no line 99,999"), (":9-3", "are no lines"), (", page 44", "no page 44")):
        code, printed, said = shell(f"show 'docs/manual.pdf{place}'")
        assert (code, printed, says in said) == (2, "", True)


def test_get_keeps_its_budget_and_says_what_is_left(shell: Run) -> None:
    asked = "get docs/rain.py docs/manual.pdf docs/nothing --json"
    code, printed, said = shell(f"{asked} --max-tokens 200")
    answer = json.loads(printed)
    assert (code, answer["used"] <= 200, answer["problems"][0]["asked"]) == (1, True, "docs/nothing")
    (part,) = answer["documents"]
    assert part["text"] == "\n".join(CODE.split("\n")[: part["line_end"]])
    assert [(cut["source"], cut["line_start"]) for cut in answer["cut"]] == [
        ("docs/rain.py", part["line_end"] + 1),
        ("docs/manual.pdf", 1),
    ]
    code, printed, said = shell("get docs/rain.py docs/blank.txt --max-chars 500")
    assert (code, len(printed) <= 500) == (0, True)
    assert "go on with docs/rain.py:" in said and "cut: docs/blank.txt:4-7" in said
    code, printed, said = shell("get docs/rain.py:1-3 docs/blank.txt")
    assert (code, said) == (0, "")
    assert shell("get docs/rain.py --max-chars 9 --max-tokens 9")[0] == 2


@given(st.lists(st.lists(st.text("ab \n", max_size=12), min_size=1), min_size=1, max_size=4), st.integers(1, 200))
def test_within_a_budget_nothing_is_lost_or_given_twice(texts: list[list[str]], budget: int) -> None:
    documents = [
        CitedLines(f"d{n}", None, 3, tuple(line.replace("\n", "") for line in lines), 2 + len(lines), None, None)
        for n, lines in enumerate(texts)
    ]
    found = within_budget(documents, budget, len)
    assert found.used == sum(len(shown(part)) for part in found.given) <= budget
    for document in documents:
        given = [part for part in found.given if part.source == document.source]
        cut = [part for part in found.cut if part.source == document.source]
        whole = [line for part in given for line in part.lines]
        if cut and cut[0].characters_given:
            assert whole == [document.lines[0][: cut[0].characters_given]]
            whole = []
        rest = list(document.lines[cut[0].line_start - 3 : cut[0].line_end - 2]) if cut else []
        assert whole + rest == list(document.lines)


def test_a_line_longer_than_the_budget_is_begun() -> None:
    document = CitedLines("d", None, 1, ("x" * 5000, "y"), 2, None, None)
    found = within_budget([document], 100, len)
    assert 50 < len(found.given[0].text) < 100
    assert found.cut[0].characters_given == len(found.given[0].text)
