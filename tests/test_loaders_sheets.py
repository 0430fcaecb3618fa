"""Spreadsheets show what a reader sees: formatted numbers, formulas, comments and charts."""

from collections.abc import Mapping

import pytest

from ingest.loaders.office.formulas import moved, of_open_document
from ingest.loaders.office.spreadsheet import load_spreadsheet
from retrieval.errors import LoadError
from tests.loaders_samples import cell, open_document, related, rows, spreadsheet, with_part
from tests.office_samples import chart, part, shown_chart

CODES = ("00000", "0.0%", "[h]:mm", '#,##0.00 "€"', "dd.mm.yyyy")


def sheet(content: str, parts: Mapping[str, tuple[str, str]] | None = None) -> str:
    """The text of a workbook of one sheet, "S", without the sheet's name; styles 1 to 5 are those of CODES.

    parts  other parts, by name, with the type of the relation by which the sheet refers to them.
    """
    codes = enumerate(code.replace('"', "&quot;") for code in CODES)
    formats = "".join(f'<numFmt numFmtId="{200 + i}" formatCode="{code}"/>' for i, code in codes)
    styles = "".join(f'<xf numFmtId="{200 + i}"/>' for i in range(len(CODES)))
    data = with_part(
        spreadsheet({"S": content}),
        name="xl/styles.xml",
        content=f'<s><numFmts>{formats}</numFmts><cellXfs><xf numFmtId="0"/>{styles}</cellXfs></s>'.encode(),
    )
    relations = {f"r{i}": f"{kind} ../{name}" for i, (name, (kind, _)) in enumerate((parts or {}).items())}
    data = with_part(data, name="xl/worksheets/_rels/sheet1.xml.rels", content=related(**relations).encode())
    for name, (_, xml) in (parts or {}).items():
        data = with_part(data, name=f"xl/{name}", content=xml.encode())
    return load_spreadsheet(data, source="a.xlsx").text.removeprefix("S\n\n")


def row(*cells: str, number: int = 1) -> str:
    return f'<row r="{number}">{"".join(cells)}</row>'


def test_numbers_are_shown_in_their_formats() -> None:
    values = (42, 0.251, 26 / 24 + 5 / 1440, -1234.5, 45356)
    cells = (cell(f"{'ABCDE'[i]}1", value, style=i + 1) for i, value in enumerate(values))
    assert sheet(row(*cells)) == "00042 | 25.1% | 26:05 | -1,234.50 € | 05.03.2024"


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("<f>SUM(A2:A9)</f>", "=SUM(A2:A9)"),
        ("<f>SUM(A2:A9)</f><v/>", "=SUM(A2:A9)"),
        ("<f>SUM(A2:A9)</f><v>7</v>", "7"),
        ('"str"><f>A2&amp;"x"</f><v></v>', ""),
        ('"str"><f>A2&amp;"x"</f>', '=A2&"x"'),
        ('"e"><f>1/0</f><v>#DIV/0!</v>', "#DIV/0!"),
        ('"b"><v>1</v>', "TRUE"),
        ('"d"><v>2024-03-05T00:00:00</v>', "2024-03-05"),
        ('"inlineStr"><is><r><t>rich </t></r><r><t>text</t></r><rPh><t>read so</t></rPh></is>', "rich text"),
        ('"inlineStr"><is><t>a_x000D_b_x00E4_</t></is>', "a bä"),
        ("<v>no number</v>", "no number"),
    ],
)
def test_values_and_formulas(content: str, shown: str) -> None:
    kind = f" t={content}" if content.startswith('"') else f">{content}"
    assert sheet(row(f'<c r="A1"{kind}</c>', cell("B1", "end"))) == (f"{shown} | end" if shown else "end")


def test_formulas_that_cells_share_are_shown_for_each() -> None:
    first = '<c r="B1"><f t="shared" ref="B1:B2" si="0">A1*$C$1+SUM(D$1:D1)</f></c>'
    second = '<c r="B2"><f t="shared" si="0"/></c>'
    assert sheet(row(first) + row(second, number=2)) == "=A1*$C$1+SUM(D$1:D1)\n=A2*$C$1+SUM(D$1:D2)"


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        ("A1+B2", "B3+C4"),
        ("$A1+B$2+$C$3", "$A3+C$2+$C$3"),
        ("Z9&\"A1\"&'Tab A1'!A1", "AA11&\"A1\"&'Tab A1'!B3"),
        ("LOG10(A1)+tax2024", "LOG10(B3)+tax2024"),
    ],
)
def test_formulas_move(formula: str, shown: str) -> None:
    assert moved(formula, 2, 1) == shown


def test_formulas_of_open_documents() -> None:
    assert of_open_document('of:=SUM([.A1:.B$3];[$Tab.C4])&"[.x]"') == '=SUM(A1:B$3;Tab!C4)&"[.x]"'


def test_comments_stand_behind_the_cells_that_they_are_on() -> None:
    notes = part(
        "w:comments",
        "<w:authors><w:author>Ann</w:author><w:author>tc=1</w:author></w:authors><w:commentList>"
        '<w:comment ref="A1" authorId="0"><w:text><w:r><w:t>Ann:\ntoo dear</w:t></w:r></w:text></w:comment>'
        '<w:comment ref="B3" authorId="0"><w:text><w:t>empty?</w:t></w:text></w:comment>'
        '<w:comment ref="B1" authorId="1"><w:text><w:t>a copy for older programs</w:t></w:text></w:comment>'
        "</w:commentList>",
    )
    threads = part(
        "w:ThreadedComments",
        '<w:threadedComment ref="B1" personId="p"><w:text>why?</w:text></w:threadedComment>'
        '<w:threadedComment ref="B1" personId="q"><w:text>tax</w:text></w:threadedComment>',
    )
    found = sheet(
        rows(["lamp", 12], ["desk", 80]), {"n.xml": ("comments", notes), "t.xml": ("threadedComment", threads)}
    )
    assert found == "lamp [Ann: too dear] | 12 [why?] [tax]\ndesk | 80\n| [Ann: empty?]"


def test_charts_and_text_boxes_follow_the_rows() -> None:
    box = "<x:sp><x:txBody><a:p><a:r><a:t>in a box</a:t></a:r></a:p></x:txBody></x:sp>"
    drawing = part("x:wsDr", f"<x:graphicFrame>{shown_chart('c')}</x:graphicFrame>{box}")
    parts = {
        "drawing.xml": ("drawing", drawing),
        "_rels/drawing.xml.rels": ("ignored", related(c="chart chart.xml")),
        "chart.xml": ("ignored", chart("Demand", ["Porto"], bicycles=[0.1])),
    }
    drawn = "Demand\n\n| bicycles\nPorto | 10.0%\n\nin a box"
    assert sheet(rows(["lamp"]), parts) == f"lamp\n\n{drawn}"
    assert sheet("", parts) == drawn


def test_headers_and_footers_follow_the_drawings_once() -> None:
    header = "<oddHeader>&amp;L&amp;&quot;Arial,Bold&quot;&amp;12Heron &amp;&amp; Co&amp;RPage &amp;P</oddHeader>"
    footers = "<oddFooter>&amp;P/&amp;N</oddFooter><evenFooter>&amp;CDraft</evenFooter><firstFooter>Draft</firstFooter>"
    printed = f"</sheetData><headerFooter>{header}{footers}</headerFooter><sheetData>"
    data = spreadsheet({"S": rows(["lamp"]) + printed, "Empty": printed})
    assert load_spreadsheet(data, source="a").text == "S\n\nlamp\n\nHeron & Co\n\nDraft"


def test_sheets_that_hold_nothing_have_no_text() -> None:
    assert sheet("") == sheet(row('<c r="A1" s="1"/>', number=9)) == ""


def test_a_string_repeated_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.loaders.office.sheets.MAX_UNPACKED", 1000)
    strings = f"<s><si><t>{'long ' * 30}</t></si></s>"
    cells = row(*(f'<c r="{letter}1" t="s"><v>0</v></c>' for letter in "ABCDEFGH"))
    data = with_part(spreadsheet({"S": cells}), name="xl/strings.xml", content=strings.encode())
    relations = related(r1="worksheet worksheets/sheet1.xml", r2="sharedStrings strings.xml")
    data = with_part(data, name="xl/_rels/workbook.xml.rels", content=relations.encode())
    with pytest.raises(LoadError, match="of text"):
        load_spreadsheet(data, source="a")


def ods(*table_rows: str, extra: str = "") -> str:
    body = f'<table:table table:name="S">{extra}{"".join(table_rows)}</table:table>'
    return load_spreadsheet(open_document(body, kind="spreadsheet"), source="a.ods").text.removeprefix("S\n\n")


def ods_cell(attributes: str, content: str = "") -> str:
    return f"<table:table-cell {attributes}>{content}</table:table-cell>"


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (ods_cell('office:value-type="float" office:value="42"', "<text:p>00042</text:p>"), "00042"),
        (ods_cell('office:value-type="percentage" office:value="0.25"'), "0.25"),
        (ods_cell('office:value-type="time" office:time-value="PT26H05M00S"'), "26:05:00"),
        (ods_cell('table:formula="of:=SUM([.A1:.A3])"'), "=SUM(A1:A3)"),
        (
            ods_cell("", "<text:p>two<text:s/><text:span>li</text:span>nes</text:p><text:p>here</text:p>"),
            "two lines here",
        ),
        (ods_cell("", "<office:annotation><text:p>check</text:p></office:annotation><text:p>a</text:p>"), "a [check]"),
        (ods_cell('table:number-columns-repeated="2"', "<text:p>a</text:p>"), "a | a"),
    ],
)
def test_ods_cells(content: str, shown: str) -> None:
    assert ods(f"<table:table-row>{content}</table:table-row>") == shown


def test_ods_rows_that_repeat_are_written_so_often_and_drawings_follow() -> None:
    frame = "<draw:frame><draw:text-box><text:p>in a box</text:p></draw:text-box></draw:frame>"
    repeated = '<table:table-row table:number-rows-repeated="{}">' + ods_cell("", f"<text:p>a</text:p>{frame}")
    shapes = (
        "<table:shapes><draw:frame><draw:text-box><text:p>above</text:p></draw:text-box></draw:frame></table:shapes>"
    )
    assert ods(repeated.format(2) + "</table:table-row>", extra=shapes) == "a\na\n\nabove\n\nin a box"
    with pytest.raises(LoadError, match="spans 999,999,999 cells"):
        ods(repeated.format(999_999_999) + "</table:table-row>")
