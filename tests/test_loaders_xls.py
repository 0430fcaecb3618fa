"""Numbers in an XLS are shown in their formats, and its comments and text boxes are read."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from ingest.loaders.office.compound_file import read_stream
from ingest.loaders.office.spreadsheet import load_spreadsheet
from ingest.loaders.office.xls_records import extras_of
from tests.xls_samples import END, begin, compound_file, record, text, workbook

CODES = ("00000", "0%", "[h]:mm")


def number(row: int, column: int, value: float, style: int) -> bytes:
    return record(0x203, struct.pack("<HHHd", row, column, style, value))


def box(identifier: int, *texts: str) -> bytes:
    """A text box, or the text of a comment, in so many records."""
    count = sum(map(len, texts))
    about = record(0x5D, struct.pack("<HHHH14x", 0x15, 0x12, 6, identifier))
    return about + record(0x1B6, struct.pack("<HH6xHH4x", 0, 0, count, 16)) + b"".join(
        record(0x3C, text(piece)) for piece in texts
    )  # fmt: skip


def note(row: int, column: int, identifier: int, author: str) -> bytes:
    return record(0x1C, struct.pack("<HHHHH", row, column, 0, identifier, len(author)) + text(author))


SHEET = (
    number(2, 1, 42, 1)
    + record(0x27E, struct.pack("<HHHI", 2, 2, 2, 25 << 2 | 3))  # 25 hundredths
    + record(0xBD, struct.pack("<HHHIHIH", 3, 1, 1, 7 << 2 | 2, 2, 0x3FE00000, 2))  # 7 and .5, the upper half of it
    + record(0x06, struct.pack("<HHHdHIH", 4, 1, 3, 26 / 24 + 5 / 1440, 0, 0, 0))
    + begin(32) + record(0x100D, b"\0\0\x06" + text("Demand")) + number(2, 1, 9, 0) + END
    + box(1, "Ann: too ", "dear") + box(2, "in a box") + note(2, 1, 1, "Ann") + note(9, 1, 3, "Ben")
)  # fmt: skip


def test_numbers_comments_and_boxes() -> None:
    document = load_spreadsheet(workbook(SHEET, codes=CODES), source="a.xls")
    assert document.text == "S\n\n00042 [Ann: too dear] | 25%\n00007 | 50%\n26:05\n\nDemand\n\nin a box"
    assert [(row.line, row.row) for row in document.rows] == [(1, 0), (3, 3), (6, 0)]


def test_what_is_no_such_file_has_no_extras() -> None:
    assert extras_of(b"text") == extras_of(compound_file("Book", begin(5))) == {}
    assert read_stream(compound_file("A", b"words"), "B", "A").rstrip(b"\0") == b"words"


def test_a_file_that_was_cut_has_less() -> None:
    for size in range(0, 6000, 97):
        extras_of(workbook(SHEET, codes=CODES)[:size])


@given(data=st.data())
def test_a_damaged_file_has_less(data: st.DataObject) -> None:
    content = bytearray(workbook(SHEET, codes=CODES))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    extras_of(bytes(content))
