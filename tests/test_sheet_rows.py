"""A passage of a spreadsheet is cited by its sheet and the rows that it holds."""

import re
from collections.abc import Callable

import pytest

from ingest import add
from ingest.documents import document_from_json, document_to_json
from ingest.loaders.office.spreadsheet import load_spreadsheet
from retrieval import HybridIndex
from retrieval.config import Config
from retrieval.sheet_rows import SheetRow, cited_rows, joined_places, place_of
from tests.loaders_samples import rows, spreadsheet

LAMPS = rows(["Lamp", "Price"], *([f"lamp{n}", n] for n in range(4, 31)), first=3)
BOOK = spreadsheet({"Lamps": LAMPS + rows(["lamp99", 99], first=99), "Empty": "", "Desks": rows(["desk1"], ["desk2"])})


def test_each_line_is_the_row_that_the_sheet_has_there() -> None:
    document = load_spreadsheet(BOOK, source="a")
    for line, text in enumerate(document.text.split("\n"), 1):
        number = re.search(r"\d+", text)
        place = place_of(document.rows, line, line)
        if number:
            assert place == {
                "sheet": text[:4].capitalize() + "s",
                "row_start": int(number[0]),
                "row_end": int(number[0]),
            }
    assert document_from_json(document_to_json(document)) == document


LINES = (SheetRow(1, "A", 0), SheetRow(3, "A", 5), SheetRow(6, "A", 0), SheetRow(9, "B", 0), SheetRow(11, "B", 1))


@pytest.mark.parametrize(
    ("lines", "cited"),
    [
        ((1, 1), "sheet A"),
        ((1, 4), "sheet A, rows 5–6"),
        ((4, 4), "sheet A, row 6"),
        ((4, 7), "sheet A, rows 6–7"),
        ((7, 8), "sheet A"),
        ((5, 12), "sheets A:7 – B:2"),
        ((7, 12), "sheet B, rows 1–2"),
        ((99, 99), "sheet B, row 89"),
    ],
)
def test_lines_are_cited_by_rows(lines: tuple[int, int], cited: str) -> None:
    assert cited_rows(place_of(LINES, *lines)) == cited


@pytest.mark.parametrize("start", [1, 4, 7, 11])
@pytest.mark.parametrize("middle", [4, 7, 11])
@pytest.mark.parametrize("end", [5, 8, 12])
def test_passages_that_are_joined_are_cited_as_one(start: int, middle: int, end: int) -> None:
    if start <= middle <= end:
        first, last = place_of(LINES, start, middle), place_of(LINES, middle, end)
        assert cited_rows(joined_places(first, last)) == cited_rows(place_of(LINES, start, end))


def test_a_passage_of_several_sheets_names_all_of_them() -> None:
    lines = [SheetRow(number, sheet, 1) for number, sheet in enumerate("ABCD", 1)]
    several = place_of(lines, 1, 3)
    assert (several["sheet"], several["sheet_end"], several["sheets"]) == ("A", "C", ["A", "B", "C"])
    assert joined_places(several, place_of(lines, 4, 4)) == place_of(lines, 1, 4)
    assert joined_places(place_of(lines, 1, 1), place_of(lines, 2, 4)) == place_of(lines, 1, 4)
    assert "sheets" not in joined_places(place_of(lines, 1, 1), place_of(lines, 1, 1))


@pytest.mark.parametrize("metadata", [{}, {"sheet": "A"}, {"sheet": 1, "row_start": 1, "row_end": 1}])
def test_other_metadata_is_no_place(metadata: dict[str, object]) -> None:
    assert cited_rows(metadata) == ""
    assert joined_places(metadata, {"other": 1}) == metadata


def test_a_hit_is_cited_by_its_rows(open_index: Callable[..., HybridIndex]) -> None:
    index = open_index(config=Config(chunk_size=64))
    add([load_spreadsheet(BOOK, source="stock.xlsx")], index)
    (hit,) = index.search("lamp17", 1, mode="lexical", where={"sheet": "Lamps"})
    numbers = [int(number) for number in re.findall(r"lamp(\d+)", hit.text)]
    assert hit.citation() == f"stock.xlsx, sheet Lamps, rows {numbers[0]}–{numbers[-1]}"
    (whole,) = index.search("lamp17", 1, mode="lexical", expand=99)
    assert whole.citation() == "stock.xlsx, sheets Lamps:3 – Desks:2"
