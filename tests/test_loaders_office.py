"""The loaders of office, e-book and mail formats: bytes -> Document, or a LoadError that says why not.

What is read of mail is in test_loaders_mail.py.
"""

import io
import re
import struct
import sys
import zipfile
from collections.abc import Callable, Mapping

import pytest
from docx.document import Document as WordDocument
from hypothesis import given
from hypothesis import strategies as st

from ingest.loaders.mail.loader import load_mail
from ingest.loaders.markup.epub import load_epub
from ingest.loaders.markup.html import load_html
from ingest.loaders.office.docx import load_docx
from ingest.loaders.office.ocr import NoTextError, recognise
from ingest.loaders.office.opendocument import load_opendocument
from ingest.loaders.office.pdf import load_pdf
from ingest.loaders.office.presentation import load_presentation
from ingest.loaders.office.rtf import load_rtf
from ingest.loaders.office.spreadsheet import load_spreadsheet
from ingest.loaders.office.ziptype import suffix_of_zip
from ingest.loaders.tables import looks_like_header
from retrieval.errors import LoadError
from retrieval.types import Document
from tests.loaders_samples import (
    archive,
    cell,
    epub,
    open_document,
    pdf,
    rows,
    shape,
    slides,
    spreadsheet,
    with_part,
    word,
)

Load = Callable[..., Document]

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED_PACKAGE = OLE + bytes(504) + "EncryptedPackage".encode("utf-16-le")
CALENDAR = (["Month", "Sales", "Cost"], ["May", 10, 2.5], ["June", 12, 3])


def headings(document: Document) -> list[tuple[int, str]]:
    """Level and words of each heading, once it is known that each stands where it says."""
    for heading in document.headings:
        assert " ".join(document.text[heading.char_start :].split()).startswith(heading.text)
    return [(heading.level, heading.text) for heading in document.headings]


def tables(document: Document) -> list[str]:
    """The text of each table, once it is known that it begins with its header row and none overlaps the next."""
    end = 0
    for table in document.tables:
        assert end <= table.char_start < table.char_end <= len(document.text)
        assert document.text[table.char_start : table.char_end].split("\n")[0] == table.header
        end = table.char_end
    return [document.text[table.char_start : table.char_end] for table in document.tables]


def pages(document: Document) -> list[str]:
    ends = (*document.pages[1:], len(document.text))
    return [document.text[start:end].strip() for start, end in zip(document.pages, ends, strict=True)]


# All archives

SAMPLES: Mapping[str, tuple[Load, bytes, str]] = {
    "docx": (load_docx, word(lambda document: document.add_paragraph("words")), "word/document.xml"),
    "pptx": (load_presentation, slides([shape("words")]), "ppt/slides/slide1.xml"),
    "xlsx": (load_spreadsheet, spreadsheet({"Sheet": rows(["words"])}), "xl/worksheets/sheet1.xml"),
    "odt": (load_opendocument, open_document("<text:p>words</text:p>"), "content.xml"),
    "epub": (load_epub, epub({"a.xhtml": "<p>words</p>"}), "OEBPS/text/a.xhtml"),
}
OTHERS: Mapping[str, tuple[Load, bytes]] = {
    "rtf": (load_rtf, rb"{\rtf1\ansi{\fonttbl{\f0\fcharset204 A;}}\f0\'e0\u8364?\par\trowd\intbl a\cell\row}"),
    "eml": (
        load_mail,
        b"Subject: =?utf-8?b?w6Q=?=\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nwords\n--x\n"
        b"Content-Type: text/html; charset=koi8-r\nContent-Transfer-Encoding: base64\n\nPHA+YQ==\n--x--\n",
    ),
}
LOADERS: Mapping[str, tuple[Load, bytes]] = {
    **{name: (load, data) for name, (load, data, _) in SAMPLES.items()},
    **OTHERS,
}


def outcome(load: Load, data: bytes) -> Document | None:
    """The document, or None for a LoadError with a reason on one line; any other exception is a failure."""
    try:
        return load(data, source="a")
    except LoadError as error:
        assert str(error)
        assert "\n" not in str(error)
        return None


@pytest.mark.parametrize("name", LOADERS)
def test_the_samples_are_readable(name: str) -> None:
    load, data = LOADERS[name]
    assert load(data, source="a").text


@pytest.mark.parametrize("name", LOADERS)
def test_a_file_cut_anywhere_is_a_document_or_a_load_error(name: str) -> None:
    load, data = LOADERS[name]
    for size in range(0, len(data), max(1, len(data) // 100)):
        assert outcome(load, data[:size]) is None or name in OTHERS


@given(
    name=st.sampled_from(sorted(LOADERS)),
    start=st.sampled_from([b"", b"PK\x03\x04", OLE, b"{\\rtf1", b"A: "]),
    data=st.data(),
)
def test_any_bytes_are_a_document_or_a_load_error(name: str, start: bytes, data: st.DataObject) -> None:
    outcome(LOADERS[name][0], start + data.draw(st.binary(max_size=300)))


@given(name=st.sampled_from(sorted(LOADERS)), data=st.data())
def test_a_damaged_file_is_a_document_or_a_load_error(name: str, data: st.DataObject) -> None:
    load, sample = LOADERS[name]
    content = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    outcome(load, bytes(content))


@given(name=st.sampled_from(sorted(SAMPLES)), data=st.data())
def test_damaged_xml_in_a_sound_archive_is_a_document_or_a_load_error(name: str, data: st.DataObject) -> None:
    load, sample, _ = SAMPLES[name]
    with zipfile.ZipFile(io.BytesIO(sample)) as package:
        part = data.draw(st.sampled_from(sorted(package.namelist())))
        content = package.read(part).decode("utf-8", "replace")
    cut = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(cut, min(len(content), cut + 40)))
    broken = content[:cut] + data.draw(st.text("<>&/=\"' ax0", max_size=4)) + content[end:]
    outcome(load, with_part(sample, name=part, content=broken.encode()))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_bomb_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    load, data, part = SAMPLES[name]
    monkeypatch.setattr("ingest.loaders.office.archive.MAX_UNPACKED", 2_000_000)
    with pytest.raises(LoadError, match="unpacks to more than"):
        load(with_part(data, name=part, content=b" " * 2_000_001), source="a")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_bomb_that_declares_a_small_size_is_refused(name: str) -> None:
    load, data, part = SAMPLES[name]
    bomb = bytearray(with_part(data, name=part, content=b" " * 2_000_000))
    entry = bomb.rindex(part.encode()) - 46  # of the central directory, whose fixed part has 46 bytes
    struct.pack_into("<I", bomb, entry + 24, 10)
    with pytest.raises(LoadError, match="damaged"):
        load(bytes(bomb), source="a")


@pytest.mark.parametrize("name", SAMPLES)
def test_entities_are_never_expanded(name: str) -> None:
    load, data, part = SAMPLES[name]
    entities = "".join(f'<!ENTITY e{level + 1} "{f"&e{level};" * 10}">' for level in range(9))
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        content = package.read(part).decode()
    content = re.sub(r"<\?xml.*?\?>", "", content).replace("words", "&e9;")
    bomb = f'<!DOCTYPE x [<!ENTITY e0 "boom">{entities}]>{content}'
    document = outcome(load, with_part(data, name=part, content=bomb.encode()))
    assert document is None or "boom" not in document.text


@pytest.mark.parametrize(
    ("name", "element"),
    [("docx", "w:sdt"), ("pptx", "p:grpSp"), ("odt", "text:section"), ("odt", "table:table"), ("epub", "div")],
)
def test_deep_nesting_is_harmless(name: str, element: str) -> None:
    load, data, part = SAMPLES[name]
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        content = package.read(part).decode()
    anchor = {"docx": "<w:body>", "pptx": "<p:spTree>", "odt": "<office:text>", "epub": "<body>"}[name]
    for depth in (200, 20_000):
        deep = content.replace(anchor, anchor + f"<{element}>" * depth + f"</{element}>" * depth)
        outcome(load, with_part(data, name=part, content=deep.encode()))


def test_deep_rtf_and_mail_are_harmless() -> None:
    assert load_rtf(b"{\\rtf1" + b"{" * 20_000 + b"deep" + b"}" * 20_001, source="a").text == "deep"
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=x%d\n\n--x%d\n" % (i, i) for i in range(3000))
    outcome(load_mail, b"Subject: a\n" + nested + b"\ndeep")
    outcome(load_mail, b"Content-Type: message/rfc822\n\n" * 3000)


# Which archive


@pytest.mark.parametrize("name", SAMPLES)
def test_an_archive_is_known_by_its_content(name: str) -> None:
    assert suffix_of_zip(SAMPLES[name][1]) == f".{name}"


def test_odd_archives_are_known_too() -> None:
    assert suffix_of_zip(open_document("", kind="presentation")) == ".odp"
    assert suffix_of_zip(archive({"mimetype": "application/vnd.oasis.opendocument.spreadsheet-template"})) == ".ods"
    assert suffix_of_zip(archive({"[Content_Types].xml": "", "xl/workbook.bin": ""})) == ".xlsx"
    content_type = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    assert suffix_of_zip(archive({"[Content_Types].xml": content_type, "odd/name.xml": ""})) == ".docx"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04",
        b"text",
        archive({}),
        archive({"a.txt": "a"}),
        archive({"word/document.xml": "a folder of the same name"}),
        archive({"mimetype": "a" * 1_000_000}),
        archive({"META-INF/MANIFEST.MF": "", "A.class": ""}),
        SAMPLES["docx"][1][:-30],
    ],
)
def test_any_other_archive_is_none_of_them(data: bytes) -> None:
    assert suffix_of_zip(data) is None


# Tables


@pytest.mark.parametrize(
    ("cells", "is_header"),
    [
        (["Name", "Size"], True),
        (["", "Name", "Size"], True),
        (["Name", "", "Size"], False),
        (["Name", "name"], False),
        (["2023", "2024"], False),
        (["Total", "1,234.50 €"], False),
        (["Q1 2024", "Q2 2024"], True),
        (["Name"], False),
        (["Name", "a" * 100], False),
    ],
)
def test_a_header_row_names_its_columns(cells: list[str], is_header: bool) -> None:
    assert looks_like_header(cells, rows=3) == is_header
    assert not looks_like_header(cells, rows=2)


def test_html_tables_with_a_header_row() -> None:
    markup = (
        "<p>before<table><caption>All</caption><thead><tr><td>A<td>B</thead><tr><td>1<td>2</table>"
        "<table><tr><td>C<td>D<tr><td>3<td>4<tr><td>5<td>6</table>"
        "<table><tr><th>Name<td>Ann<tr><th>Age<td>7</table>"
        "<table><tr><td><table><tr><td><th>E</th><tr><td>5<td>6<tr></table></td></tr></table><p>after"
    )
    document = load_html(markup.encode(), source="a")
    assert tables(document) == ["A | B\n1 | 2", "| E\n5 | 6"]
    assert document.text.endswith("\n\nafter")


def test_docx_tables_with_a_header_row() -> None:
    def fill(document: WordDocument) -> None:
        for first_row in (["Name", "Size"], ["1", "2"], ["two", "rows"]):
            table = document.add_table(2 if first_row[0] == "two" else 3, 2)
            for row in table.rows:
                for row_cell, text in zip(row.cells, "ab", strict=True):
                    row_cell.text = text
            for row_cell, text in zip(table.rows[0].cells, first_row, strict=True):
                row_cell.text = text
            document.add_paragraph("between")

    document = load_docx(word(fill), source="a")
    assert tables(document) == ["Name | Size\na | b\na | b"]
    header = "<w:trPr><w:tblHeader/></w:trPr>"
    row = (
        "<w:tr>{}<w:tc><w:p><w:r><w:t>1</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>2</w:t></w:r></w:p></w:tc></w:tr>"
    )
    body = f"<w:tbl>{row.format(header)}{row.format('')}</w:tbl>"
    namespace = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    content = f'<w:document xmlns:w="{namespace}"><w:body>{body}</w:body></w:document>'
    declared = with_part(SAMPLES["docx"][1], name="word/document.xml", content=content.encode())
    assert tables(load_docx(declared, source="a")) == ["1 | 2\n1 | 2"]


# Presentations


def test_slides_are_pages_in_order() -> None:
    title = 'type="title"'
    document = load_presentation(
        slides(
            [
                shape("1", placeholder='type="sldNum"') + shape("body") + shape("First title", placeholder=title),
                "",
                f"<p:grpSp><p:grpSpPr/>{shape('in', 'a group')}<p:grpSp>{shape('deeper')}</p:grpSp></p:grpSp>",
                shape("Last", placeholder='type="ctrTitle"'),
            ],
            notes={0: "said aloud"},
        ),
        source="a",
    )
    assert pages(document) == ["First title\n\nbody\n\nsaid aloud", "", "in\na group\n\ndeeper", "Last"]
    assert headings(document) == [(1, "First title"), (1, "Last")]
    assert [document.page_at(document.text.index(text)) for text in ("said", "deeper", "Last")] == [1, 3, 4]
    assert document.title == "First title"


def test_slides_with_tables_and_diagrams() -> None:
    def row(*cells: str) -> str:
        return (
            "<a:tr>"
            + "".join(f"<a:tc><a:txBody><a:p><a:r><a:t>{c}</a:t></a:r></a:p></a:txBody></a:tc>" for c in cells)
            + "</a:tr>"
        )

    merged = (
        '<a:tr><a:tc gridSpan="2"><a:p><a:r><a:t>wide</a:t></a:r></a:p></a:tc><a:tc hMerge="1"><a:p/></a:tc></a:tr>'
    )
    table = f'<a:tbl><a:tblPr firstRow="1"/>{row("Name", "Size")}{row("a", "1")}{merged}</a:tbl>'
    paragraph = "<a:p><a:r><a:t>step one</a:t></a:r></a:p>"
    diagram = f'<d:dataModel xmlns:d="d" xmlns:a="a"><d:pt><d:t>{paragraph}</d:t></d:pt></d:dataModel>'
    frames = f'<p:graphicFrame>{table}</p:graphicFrame><p:graphicFrame><d:relIds r:dm="r9"/></p:graphicFrame>'
    document = load_presentation(slides([frames], extra={"ppt/extra.xml": diagram}), source="a")
    assert document.text == "Name | Size\na | 1\nwide\n\nstep one"
    assert tables(document) == ["Name | Size\na | 1\nwide"]


# Spreadsheets


def test_sheets_are_headings_and_rows_lines() -> None:
    dates = f'<row r="1">{cell("A1", 45292, style=1)}{cell("B1", 45292.5, style=1)}{cell("C1", "text")}</row>'
    document = load_spreadsheet(
        spreadsheet(
            {
                "Sales": rows(*CALENDAR) + rows(["July", None, 0.1 + 0.2], [None], ["Sum  of\nall", 22], first=6),
                "Empty": "",
                "Dates": dates,
            }
        ),
        source="a.xlsx",
    )
    calendar = "Month | Sales | Cost\nMay | 10 | 2.5\nJune | 12 | 3\nJuly |  | 0.3\nSum of all | 22"
    assert document.text == f"Sales\n\n{calendar}\n\nDates\n\n2024-01-01 | 2024-01-01 12:00:00 | text"
    assert headings(document) == [(1, "Sales"), (1, "Dates")]
    assert tables(document) == [calendar]


def test_a_sheet_that_declares_all_cells_and_uses_one() -> None:
    data = spreadsheet({"S": '<dimension ref="A1:XFD1048576"/>' + rows(["one"], first=1_048_576)})
    assert load_spreadsheet(data, source="a").text == "S\n\none"


def test_a_sheet_with_stray_cells_keeps_columns_together() -> None:
    data = spreadsheet({"S": rows(["a"]) + f'<row r="2">{cell("AZ2", "b")}</row>'})
    assert load_spreadsheet(data, source="a").text == "S\n\na\n| b"


def test_cells_far_apart_cost_no_more_than_what_is_written() -> None:
    data = spreadsheet({"S": rows(["a"]) + f'<row r="1048576">{cell("XFD1048576", "b")}</row>'})
    assert load_spreadsheet(data, source="a").text == "S\n\na\n| b"


def test_rows_and_columns_that_make_too_many_cells_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.loaders.office.sheets.MAX_CELLS", 100)
    diagonal = "".join(f'<row r="{i}">{cell(f"{chr(64 + i)}{i}", "a")}</row>' for i in range(1, 12))
    with pytest.raises(LoadError, match="spans 121 cells"):
        load_spreadsheet(spreadsheet({"S": diagonal}), source="a")


@pytest.mark.parametrize(
    "data",
    [
        ENCRYPTED_PACKAGE,
        OLE + bytes(504) + b"\x09\x08\x10\0" + bytes(16) + b"\x2f\0\x36\0" + bytes(99),
        open_document("", kind="spreadsheet", manifest="<manifest:encryption-data/>"),
    ],
    ids=["xlsx", "xls", "ods"],
)
def test_an_encrypted_spreadsheet_says_so(data: bytes) -> None:
    with pytest.raises(LoadError, match="encrypted"):
        load_spreadsheet(data, source="a")


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(
        LoadError, match=r"reading \.xls needs python-calamine: pip install 'hybrid-retrieval\[office\]'"
    ):
        load_spreadsheet(OLE, source="a/B.XLS")


def test_ods_cells_that_repeat() -> None:
    repeated = '<table:table-cell table:number-columns-repeated="16383"/>'
    one = '<table:table-cell office:value-type="string"><text:p>one</text:p></table:table-cell>'
    body = (
        f'<table:table table:name="S"><table:table-row>{one}{repeated}</table:table-row>'
        f'<table:table-row table:number-rows-repeated="1048575">{repeated}</table:table-row></table:table>'
    )
    assert load_spreadsheet(open_document(body, kind="spreadsheet"), source="a").text == "S\n\none"


# OpenDocument


def test_odt_headings_lists_tables_and_notes() -> None:
    def row(*texts: str) -> str:
        cells = "".join(f"<table:table-cell><text:p>{text}</text:p></table:table-cell>" for text in texts)
        return f"<table:table-row>{cells}</table:table-row>"

    note_body = "<text:note-body><text:p>the note</text:p></text:note-body>"
    note = f"<text:note><text:note-citation>1</text:note-citation>{note_body}</text:note>"
    document = load_opendocument(
        open_document(
            "<text:tracked-changes><text:changed-region><text:deletion><text:p>deleted</text:p></text:deletion>"
            '</text:changed-region></text:tracked-changes><text:p text:style-name="P1">The title</text:p>'
            "<text:table-of-content><text:p>First</text:p></text:table-of-content>"
            f'<text:h text:outline-level="1">First</text:h><text:p>one<text:s text:c="3"/>two<text:tab/>three{note}'
            "<text:line-break/>four <text:span>fi</text:span>ve</text:p>"
            "<text:list><text:list-item><text:p>a</text:p></text:list-item><text:list-item><text:p>b</text:p>"
            '</text:list-item></text:list><text:h text:outline-level="2">Second</text:h>'
            f"<table:table>{row('Name', 'Size')}{row('x', '1')}{row('y', '2')}</table:table><text:p>end</text:p>"
        ),
        source="a",
    )
    assert document.text == (
        "The title\n\nFirst\n\none two three\nfour five\n\na\nb\n\nSecond\n\nName | Size\nx | 1\ny | 2\n\nend"
        "\n\nthe note"
    )
    assert headings(document) == [(1, "First"), (2, "Second")]
    assert tables(document) == ["Name | Size\nx | 1\ny | 2"]
    assert document.title == "The title"


def test_odp_slides_are_pages() -> None:
    def frame(text: str, kind: str) -> str:
        box = f"<draw:text-box><text:p>{text}</text:p></draw:text-box>"
        return f'<draw:frame presentation:class="{kind}">{box}</draw:frame>'

    notes = f"<presentation:notes>{frame('said aloud', 'notes')}{frame('7', 'page-number')}</presentation:notes>"
    body = (
        f"<draw:page>{frame('First', 'title')}{frame('text', 'outline')}{notes}</draw:page><draw:page/>"
        f"<draw:page>{frame('Third', 'title')}</draw:page>"
    )
    document = load_opendocument(open_document(body, kind="presentation", title="A deck"), source="a")
    assert pages(document) == ["First\n\ntext\n\nsaid aloud", "", "Third"]
    assert headings(document) == [(1, "First"), (1, "Third")]
    assert document.title == "A deck"


# EPUB


def test_epub_chapters_in_reading_order() -> None:
    document = load_epub(
        epub(
            {
                "b.xhtml": "<h1>Two</h1><p>b&nbsp;c<br/>d</p>",
                "a b.xhtml": "<section><h1>One</h1><h2>Part</h2><p>a<a id='x'/></p></section>",
                "nav.xhtml": "<nav><ol><li>One</li></ol></nav>",
                "unread.xhtml": "<p>unread</p>",
            },
            spine=["nav.xhtml", "missing.xhtml", "a b.xhtml", "b.xhtml"],
            title="A  book",
        ),
        source="a",
    )
    assert document.text == "One\n\nPart\n\na\n\nTwo\n\nb c\nd"
    assert headings(document) == [(1, "One"), (2, "Part"), (1, "Two")]
    assert (document.title, dict(document.metadata)) == ("A book", {"language": "en-GB"})
    assert document.notices == ("1 of its 3 chapters are missing or no text; save it again",)
    assert load_epub(epub({"a.xhtml": "<p>a</p>"}), source="a").notices == ()


def encryption(algorithm: str, target: str) -> str:
    return (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" '
        'xmlns:e="http://www.w3.org/2001/04/xmlenc#"><e:EncryptedData>'
        f'<e:EncryptionMethod Algorithm="{algorithm}"/><e:CipherData><e:CipherReference URI="{target}"/>'
        "</e:CipherData></e:EncryptedData></encryption>"
    )


def test_epub_reads_pages_beside_the_spine_to_which_chapters_lead() -> None:
    chapters = {
        "a.xhtml": '<p>one <a href="the%20notes.xhtml#n1">1</a> <a class="x" href="the%20notes.xhtml#n2">2</a></p>',
        "b.xhtml": '<p>two <a href="a.xhtml">back</a> <a href="nav.xhtml">contents</a></p>',
        "the notes.xhtml": '<p>note <a href="a.xhtml">back</a></p>',
        "leftover.xhtml": "<p>never seen</p>",
        "nav.xhtml": "<p>One, two</p>",
    }
    document = load_epub(epub(chapters, spine=["a.xhtml", "b.xhtml"]), source="a")
    assert document.text == "one 1 2\n\ntwo back contents\n\nnote back"


def test_epub_with_obfuscated_fonts_is_readable_and_one_with_drm_is_not() -> None:
    chapters = {"a.xhtml": "<p>a</p>"}
    fonts = encryption("http://www.idpf.org/2008/embedding", "OEBPS/text/a.xhtml")
    drm = encryption("http://www.w3.org/2001/04/xmlenc#aes128-cbc", "OEBPS/text/a.xhtml")
    assert load_epub(epub(chapters, encryption=fonts), source="a").text == "a"
    with pytest.raises(LoadError, match="DRM"):
        load_epub(epub(chapters, encryption=drm), source="a")


def test_epub_chapters_of_a_wrong_media_type_are_read() -> None:
    assert load_epub(epub({"a.xhtml": "<p>a</p>"}, media_type="text/xml"), source="a").text == "a"


def test_epub_without_chapters_says_so() -> None:
    with pytest.raises(LoadError, match="without chapters"):
        load_epub(epub({}, spine=["missing.xhtml"]), source="a")


# RTF


def rtf(body: str, *, head: str = r"\ansi\ansicpg1252") -> str:
    return load_rtf(f"{{\\rtf1{head} {body}}}".encode("latin-1"), source="a").text


@pytest.mark.parametrize(
    ("body", "head", "text"),
    [
        (r"caf\'e9 \endash  \{x\}", r"\ansi\ansicpg1252", "café – {x}"),
        (r"\'cf\'f0\'e8\'e2\'e5\'f2", r"\ansi\ansicpg1251", "Привет"),
        (r"{\fonttbl{\f0\fcharset0 A;}{\f1\fcharset204 B;}}\f1 \'cf\f0 \'cf", r"\ansi\ansicpg1252", "ПÏ"),
        (r"{\fonttbl{\f0\fcharset128 A;}}\f0 \'83A\'83\'8b", r"\ansi\deff0", "アル"),
        (r"\'8e", r"\mac", "é"),
        (r"\u1055\'3f\u1088?\u8364?", r"\ansi", "Пр€"),
        (r"{\uc2\u1055\'3f\'3fx}\uc0\u1088 y", r"\ansi", "Пxрy"),
        (r"\u-10179?\u-8704?", r"\ansi", "😀"),
        (r"\u-10179? \u0?b", r"\ansi", "\ufffd b"),
        ("a\r\nb", r"\ansi", "ab"),
        (r"a\~b\_c\-d\tab e\line f", r"\ansi", "a b-cd e\nf"),
    ],
)
def test_rtf_characters(body: str, head: str, text: str) -> None:
    assert rtf(body, head=head) == text


@pytest.mark.parametrize(
    "body",
    [
        r"{\pict\pngblip 89504e470d0a}",
        r"{\pict\bin4 {}{\x}",
        r"{\*\unknown word}",
        r"{\footer \chpgn}{\header - \chpgn  -}",
        r"{\field{\*\fldinst HYPERLINK x}{\fldrslt}}",
        r"{\v hidden}{\deleted gone}",
        r"{\info{\author Ann}{\title T}}",
        r"{\listtext 1.\tab}",
        r"{\shp{\*\shpinst{\sp{\sn fill}{\sv 1}}}{\shprslt again}}",
    ],
)
def test_rtf_leaves_out_what_is_no_text(body: str) -> None:
    assert rtf(f"a {body}b") == "a b"


def test_rtf_headings_tables_and_notes() -> None:
    data = (
        rb"{\rtf1\ansi{\stylesheet{\ql Normal;}{\s1\outlinelevel0 heading 1;}{\s2 Heading 2;}{\s9 Title;}}"
        rb"{\info{\title Document1}}\pard\s9 The {\b ti}tle\par\pard\s1 First\par\pard text"
        rb"{\footnote\pard the note\par} more\par\pard\s2 Second\par"
        rb"\trowd\cellx1\cellx2\pard\intbl Name\cell Size\cell\row\pard\intbl x\par y\cell 1\cell\row\intbl z\cell\row"
        rb"\pard\outlinelevel2 Third\par\pard {\shp{\*\shpinst{\shptxt \pard in a shape\par}}}end}junk"
    )
    document = load_rtf(data, source="a")
    assert document.text == (
        "The title\n\nFirst\n\ntext more\n\nSecond\n\nName | Size\nx y | 1\nz\n\nThird\n\nin a shape\n\nend\n\nthe note"
    )
    assert headings(document) == [(1, "First"), (2, "Second"), (3, "Third")]
    assert tables(document) == ["Name | Size\nx y | 1\nz"]
    assert document.title == "The title"


def test_rtf_headers_and_comments() -> None:
    comment = r"{\*\atnid AB}{\*\atnauthor Ann}\chatn{\*\annotation{\*\atnref 1}\pard {\chatn }too dear\par}"
    headers = r"{\header Project {\b Heron}\par}{\headerf Project Heron}{\footerr Draft\par of May\par}"
    assert rtf(rf"{headers}one{comment} lamp{{\footnote a note}}") == (
        "one lamp\n\nProject Heron\n\nDraft\nof May\n\na note\n\nAnn: too dear"
    )


def test_what_is_no_rtf_says_so() -> None:
    with pytest.raises(LoadError, match="no RTF"):
        load_rtf(b"plain text", source="a")


# PDF and text recognition


@pytest.mark.parametrize(("count", "words"), [(1, "its only page has no"), (3, "none of its 3 pages has")])
def test_a_pdf_without_text_names_the_way_out(count: int, words: str) -> None:
    with pytest.raises(NoTextError, match=f"^{words} text, .*ocr_command.*ocrmypdf --quiet - -"):
        load_pdf(pdf([[]] * count), source="a")


def test_a_pdf_without_pages_is_damaged() -> None:
    with pytest.raises(LoadError, match="damaged") as caught:
        load_pdf(pdf([]), source="a")
    assert not isinstance(caught.value, NoTextError)


def python(code: str) -> str:
    return f'"{sys.executable}" -c "{code}"'


def test_recognition_pipes_the_file_through_the_command() -> None:
    command = python("import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])")
    assert recognise(b"abc" * 100_000, command, max_bytes=10**6) == b"cba" * 100_000


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (
            python("import sys; sys.stdin.read(); print('first', file=sys.stderr); sys.exit('no tesseract')"),
            "status 1 .no tesseract",
        ),
        (python("pass"), "wrote nothing .it said nothing"),
        ("/nowhere/ocrmypdf - -", "No such file"),
        ('"unbalanced', "No closing quotation"),
        ("", "cannot be run"),
    ],
)
def test_recognition_that_fails_says_why(command: str, reason: str) -> None:
    with pytest.raises(LoadError, match=f"{reason}.*`ocr_command`"):
        recognise(b"x" * 1_000_000, command, max_bytes=10**7)


# Encrypted files, and those of before 2007


@pytest.mark.parametrize(("load", "suffix"), [(load_docx, ".docx"), (load_presentation, ".pptx")], ids=["docx", "pptx"])
def test_an_encrypted_file_says_so(load: Load, suffix: str) -> None:
    with pytest.raises(LoadError, match=f"encrypted; save it as {suffix} without a password"):
        load(ENCRYPTED_PACKAGE, source="a")
    with pytest.raises(LoadError, match=f"before 2007; save it as {suffix}"):
        load(OLE + bytes(1000), source="a")


def test_an_encrypted_open_document_says_so() -> None:
    data = open_document("", manifest="<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>")
    with pytest.raises(LoadError, match="encrypted"):
        load_opendocument(data, source="a")
