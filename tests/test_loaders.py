"""The loaders: bytes -> Document, by suffix and content, with spans that cite the file."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import PurePosixPath

import pytest
from docx.document import Document as WordDocument
from docx.enum.style import WD_STYLE_TYPE
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingest.loaders import LOADERS, UnsupportedFormatError, load
from ingest.loaders.office.archive import MAX_UNPACKED
from ingest.loaders.text.plain import LANGUAGES
from retrieval.errors import LoadError
from retrieval.types import Document
from tests.loaders_samples import pdf, with_part, word

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01"
VERBATIM = ("a.txt", "a.md", "a.rst", "a.py", "a.ini", "a.csv", "README", "a.unknown")


def headings(document: Document) -> list[tuple[int, str]]:
    """Level and words of each heading, once it is known that each stands where it says."""
    starts = [heading.char_start for heading in document.headings]
    assert starts == sorted(starts)
    for heading in document.headings:
        assert heading.char_start == 0 or document.text[heading.char_start - 1] == "\n"
        words = document.text[heading.char_start :].split("\n\n")[0]
        assert heading.text.split()[0].strip("`") in words
    return [(heading.level, heading.text) for heading in document.headings]


def markdown(text: str) -> Document:
    return load(text.encode(), source="a.md")


def html(markup: str) -> Document:
    return load(markup.encode(), source="a.html")


# Which loader


def test_an_empty_file_is_a_document_without_text() -> None:
    for suffix in LOADERS:
        document = load(b"", source=f"docs/a{suffix}")
        assert (document.text, document.title, document.source) == ("", None, f"docs/a{suffix}")


def test_the_suffix_counts_in_any_case() -> None:
    assert load(b"# A", source="A.MD").syntax == "markdown"


@pytest.mark.parametrize("data", [PNG, b"PK\x03\x04abc", b"\x7fELF", b"ab\0cd", b"\x01\x02\x03\x04 text"])
@pytest.mark.parametrize("source", ["a.txt", "a.md", "a.html", "a.json", "a.py", "a.bin", "a"])
def test_binary_files_are_unsupported_whatever_their_suffix(data: bytes, source: str) -> None:
    with pytest.raises(UnsupportedFormatError):
        load(data, source=source)


def test_a_pdf_is_one_whatever_its_suffix() -> None:
    assert "inside" in load(pdf([["inside"]]), source="a.txt").text


def test_html_is_known_by_its_start_where_the_suffix_says_nothing() -> None:
    for start in ("<!DOCTYPE html>", "<html>", "\ufeff <?xml version='1.0'?>\n<!-- x --><!doctype HTML><html>"):
        assert load(f"{start}<p>a</p>".encode(), source="page").text == "a"
    assert load(b"<html> is a tag", source="a.txt").text == "<html> is a tag"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16"])
def test_what_programs_write_under_the_suffix_of_office_files_is_read_as_what_it_is(encoding: str) -> None:
    export = "Material\tPrice\nOil, Köln\t5\nFat\t6\n"
    sheet = load(export.encode(encoding), source="EXPORT.XLS")
    assert (sheet.text, [table.header for table in sheet.tables]) == (export, ["Material | Price"])
    for start in ("<table border=1>", "<meta charset=x>\n<table>", "<STYLE>td {}</STYLE><table>", "<html><table>"):
        page = f"{start}<tr><td>K&ouml;ln<td>5</table>".encode(encoding)
        assert load(page, source="report.xls").text == load(page, source="report.doc").text == "Köln | 5"


def test_address_books_are_known_by_their_start() -> None:
    card = b"BEGIN:VCARD\nVERSION:2.1\nFN;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:Stra=C3=9Fe\nEND:VCARD\n"
    assert load(card, source="contacts").text == load(card, source="contacts.txt").text == "Straße"


def test_every_syntax_is_one_the_splitter_knows() -> None:
    from langchain_text_splitters import Language

    values = {language.value for language in Language}
    assert set(LANGUAGES.values()) <= values
    for suffix, syntax in LANGUAGES.items():
        assert load(b"x = 1", source=f"a{suffix}").syntax == syntax
    assert {load(b"x", source=source).syntax for source in VERBATIM} <= values | {"text"}


def test_importing_the_loaders_imports_no_parser() -> None:
    heavy = "lxml docx pypdfium2 charset_normalizer langchain_text_splitters torch"
    code = f"import sys, ingest.loaders; print([name for name in {heavy.split()} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@given(data=st.binary(max_size=300), suffix=st.sampled_from(sorted(LOADERS)))
@example(data=b"%PDF-1.4\n", suffix=".txt")
@example(data=b"\x85\x81", suffix=".html")
@example(data=b"\xff\xfe", suffix=".html")
def test_any_bytes_are_a_document_or_a_load_error(data: bytes, suffix: str) -> None:
    try:
        load(data, source=f"a{suffix}")
    except LoadError as error:
        assert str(error)
        assert "\n" not in str(error)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_a_document_or_a_load_error(data: st.DataObject, samples: dict[str, bytes]) -> None:
    source = data.draw(st.sampled_from(sorted(samples)))
    content = bytearray(samples[source])
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        load(bytes(content[: data.draw(st.integers(1, len(content)))]), source=source)
    except LoadError as error:
        assert "\n" not in str(error)


@pytest.fixture(scope="module")
def samples() -> dict[str, bytes]:
    def fill(document: WordDocument) -> None:
        document.add_heading("Heading", 1)
        document.add_table(2, 2).cell(0, 0).text = "cell"

    return {"a.pdf": pdf([["one"], ["two"]], title="T", outline=[("one", 0)]), "a.docx": word(fill)}


# Text as it is

LINES = st.lists(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="&"), max_size=20), max_size=6
)


@given(lines=LINES, newline=st.sampled_from(["\n", "\r\n", "\r"]), source=st.sampled_from(VERBATIM))
@example(lines=["---", "title: x", "---", "# A #", "", "B", "==="], newline="\r\n", source="a.md")
def test_the_text_is_the_files_text(lines: list[str], newline: str, source: str) -> None:
    text = "\n".join(lines)
    data = newline.join(lines).encode()
    if PurePosixPath(source).suffix in LOADERS:
        assert load(data, source=source).text == text.removeprefix("\ufeff")


@given(lines=LINES)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_names_the_encoding_and_is_dropped(lines: list[str], encoding: str) -> None:
    text = "\n".join(["x", *lines])
    assert load(text.encode(encoding), source="a.txt").text == text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize(
    "text", ["Hello, world.\n", "Größe: 5 €\n" * 9, "Привет, мир! Hello.\n", "日本語 のテキスト。\n" * 3]
)
def test_wide_encodings_are_known_without_a_mark(text: str, encoding: str) -> None:
    assert load(text.encode(encoding), source="a.txt").text == text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "café"),
        ("cp1252", "Résumé of the naïve plan"),
        ("cp1252", "Die Größe der Straße überrascht: Äpfel für 5 €."),
        ("cp1252", "L'été dernier, où êtes-vous allés ? Ça coûte « dix » euros — déjà payés."),
        ("cp1252", "He said “hello” and it’s fine – English with nothing else."),
        ("latin-1", "El niño comió una piñata mañana; ¿dónde está el señor?"),
        ("cp1252", "Räksmörgås är gott på våren, säger Åsa."),
        ("cp1250", "Zażółć gęślą jaźń. Proszę, żeby książka była dobra i źródło też."),
        ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy. Děkuji vám za všechno."),
        ("cp1251", "Съешь же ещё этих мягких французских булок, да выпей чаю."),
        ("koi8-r", "Съешь же ещё этих мягких французских булок, да выпей чаю."),
        ("cp1253", "Η γρήγορη καφέ αλεπού πηδάει πάνω από το τεμπέλικο σκυλί."),
        ("shift_jis", "日本語のテキストを検索するためのシステムです。これは試験です。"),
        ("euc-jp", "日本語のテキストを検索するためのシステムです。これは試験です。"),
        ("gb18030", "这是一个用于检索文档的系统，支持中文文本。今天天气很好。"),
        ("big5", "這是一個用於檢索文檔的系統，支援中文文本。今天天氣很好。"),
        ("euc-kr", "이것은 문서를 검색하는 시스템입니다. 오늘 날씨가 좋습니다."),
    ],
)
def test_encodings_from_before_unicode_are_told_apart(encoding: str, text: str) -> None:
    assert load(f"First line.\n{text}\n".encode(encoding), source="a.txt").text == f"First line.\n{text}\n"


def test_a_damaged_byte_does_not_turn_utf8_into_something_else() -> None:
    good = "Größe und Übermut, ältere Häuser, schöne Grüße, fünf Äpfel. "
    assert load(good.encode() * 3 + b"\xff" + good.encode(), source="a.txt").text == good * 3 + "\ufffd" + good


def test_nul_characters_are_removed() -> None:
    filler = "text\n" * 2000
    document = load(f"{filler}a\0b\n\n# Title\n".encode(), source="a.md")
    assert document.text == f"{filler}ab\n\n# Title\n"
    assert headings(document) == [(1, "Title")]


def test_broken_json_is_text() -> None:
    assert load(b'{"a": [1,', source="a.json").text == '{"a": [1,'


# Markdown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "# One\n## Two ##\n###### Six\n####### seven\n#none\n#\ttab",
            [(1, "One"), (2, "Two"), (6, "Six"), (1, "tab")],
        ),
        ("One\n===\n\nTwo\n---\n\nThree\nlines\n===", [(1, "One"), (2, "Two"), (1, "Three lines")]),
        ("   # indented\n\n    # code\n\n\t# code", [(1, "indented")]),
        ("```sh\n# comment\n```\n# real\n~~~~\n# no\n~~~\n# no\n~~~~", [(1, "real")]),
        ("1. step\n   ```sh\n   # comment\n   ```\n\n# real", [(1, "real")]),
        ("- ```sh\n  # comment\n  ```\n\n# real", [(1, "real")]),
        ("> ```\n> # comment\n\n# real", [(1, "real")]),
        ("```inline``` code\n# real", [(1, "real")]),
        ("<!--\n# no\n\n# no\n-->\n# real\n<!-- one line -->\n# more", [(1, "real"), (1, "more")]),
        ("<pre>\n# no\n\n# no\n</pre>\n# real", [(1, "real")]),
        ("<div>\n# no\n\n# real\n</div>", [(1, "real")]),
        ("- item\n---\n\n- item\nlazy\n---\n\n***\n---", []),
        ("text\n\n---\n\n| a |\n|---|\n", []),
        ("---\ntitle: x\n# comment\n---\n# real", [(1, "real")]),
        ("---\n\n# no front matter", [(1, "no front matter")]),
        ("# \n#\n## ##\n# after", [(1, "after")]),
        (
            "# `code_x` *em* __strong__ [a link](http://x) ![img](y) <a id='z'></a> a_b_c 2 * 3 &amp; \\# {#id}",
            [(1, "code_x em strong a link img a_b_c 2 * 3 & #")],
        ),
    ],
)
def test_markdown_headings(text: str, expected: list[tuple[int, str]]) -> None:
    assert headings(markdown(text)) == expected


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("---\ntitle: From: front # comment\n---\n# Other", "From: front"),
        ('---\nlayout: x\ntitle: "Quo\\"ted"\n---\n', 'Quo"ted'),
        ("---\ntitle: 'it''s'\n...\n", "it's"),
        ('+++\ntitle = "Hugo"\n+++\n', "Hugo"),
        ("---\ntitle:\n---\n# Heading", "Heading"),
        ("text\n\n## Heading", "Heading"),
        ("text only", None),
    ],
)
def test_markdown_title(text: str, title: str | None) -> None:
    document = markdown(text)
    assert document.title == title
    assert document.text == text


BLOCKS = st.sampled_from(
    ["# one", "two\n===", "three\n---", "para\nmore", "    # code", "```\n# fenced\n```", "~~~ x\na\n---\n~~~",
     "<!-- c\n# d\n-->", "***", "## closed ##", "#no", "- item\n  more", "> quote\n> more", "<div>\n# raw\n</div>",
     "para\n# four", "1. a\n2. b"]
)  # fmt: skip


@given(blocks=st.lists(BLOCKS, max_size=8))
def test_markdown_headings_are_those_of_commonmark(blocks: list[str]) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    text = "\n\n".join(blocks)
    tokens = markdown_it.MarkdownIt("commonmark").parse(text)
    expected = [
        (int(token.tag[1]), content.content)
        for token, content in pairwise(tokens)
        if token.type == "heading_open" and token.level == 0
    ]
    assert headings(markdown(text)) == expected


def test_markdown_time_grows_with_the_text_not_its_square() -> None:
    for line in (
        "[" * 400_000,
        "# " + "*a" * 200_000,
        "`" * 400_000,
        "\n".join(["> " * 50] * 4000),
        "# " + "<a" * 200_000,
    ):
        assert markdown(line).text == line


# reStructuredText


def test_restructuredtext_headings() -> None:
    text = (
        "=====\nTitle\n=====\n\nOne\n===\n\nTwo ``code`` *em*\n------------------\n\ntext\n\nThree :ref:`label <x>`\n"
        "=======================\n\n::\n\n   No\n   ==\n\n----\n\nnot a title\nbecause of this line\n====\n\n"
        "====  ====\na     b\n====  ====\n"
    )
    document = load(text.encode(), source="a.rst")
    assert headings(document) == [(1, "Title"), (2, "One"), (3, "Two code em"), (2, "Three label")]
    assert (document.title, document.syntax, document.text) == ("Title", "rst", text)


# HTML


def test_html_keeps_the_main_content() -> None:
    document = html(
        "<html><head><title> The\n title </title><style>no</style></head><body><header>no</header><nav>no</nav>"
        "<main><header><h1>Head<a class=headerlink href='#x'>¶</a></h1></header><p>One <b>two</b>\n three.</p>"
        "<p>Four<br>five<script>no</script></p><aside><a href=x>no</a></aside>"
        "<aside class='x footnote-list'>note</aside><ul><li>a<li>b</ul></main><footer>no</footer></body></html>"
    )
    assert document.text == "Head\n\nOne two three.\n\nFour\nfive\n\nnote\n\na\nb"
    assert (document.title, document.syntax, headings(document)) == ("The title", "text", [(1, "Head")])


def test_html_keeps_pre_verbatim_and_tables_as_lines() -> None:
    document = html(
        "<p>a</p><pre>\ndef f():\n    <b>return</b> 1\n\n\nx  =  2\n</pre><table>\n<tr><th>Name<th>Value\n"
        "<tr><td>a <i>b</i></td> <td><p>c</p><p>d</p></td></tr><tr><td></td><td>e</td></tr></table><p>z"
    )
    assert document.text == ("a\n\ndef f():\n    return 1\n\n\nx  =  2\n\nName | Value\na b | c d\n| e\n\nz")


def test_html_tables_for_layout_are_blocks() -> None:
    document = html("<table><tr><td><h2>A</h2><p>one</p></td><td><h2>B</h2><p>two</p></td></tr></table>")
    assert document.text == "A\n\none\n\nB\n\ntwo"
    assert headings(document) == [(2, "A"), (2, "B")]


def test_html_title_is_else_the_first_h1() -> None:
    assert html("<h2>no</h2><h1>A <em>b</em></h1><svg><title>no</title></svg>").title == "A b"
    assert html("<p>text").title is None


def test_html_that_is_all_navigation_is_kept() -> None:
    assert html("<body><nav><a href=x>One</a></nav><header><a href=/>Two</a></header>").text == "One\n\nTwo"


@pytest.mark.parametrize(
    "markup",
    [
        '<?xml version="1.0" encoding="iso-8859-1"?><html xmlns="http://www.w3.org/1999/xhtml"><body>tèxt</body></html>',
        "<p>tèxt</p></div></b></html>",
        "tèxt",
        "<p>a < b</p> & tèxt <",
        "<p>before</p>" + "<div>" * 20_000 + "tèxt" + "</div>" * 20_000,
        "<script>no</script>" + "<b>" * 20_000 + "tèxt",
    ],
    ids=["XML", "unbalanced", "no tags", "stray signs", "deep", "deep and unclosed"],
)
def test_odd_html_still_gives_its_text(markup: str) -> None:
    text = html(markup).text
    assert "tèxt" in text
    assert "no" not in text
    assert ("before" in text) == ("before" in markup)


def test_html_declares_its_encoding() -> None:
    markup = "<meta charset='{}'><p>Привет"
    for encoding in ("koi8-r", "windows-1251", "utf-8"):
        assert load(markup.format(encoding).encode(encoding), source="a.html").text == "Привет"
    assert load("<meta charset=iso-8859-1><p>“quoted” é".encode("cp1252"), source="a.html").text == "“quoted” é"
    assert load("<meta charset=nonsense><p>é".encode("cp1252"), source="a.html").text == "é"


# PDF


def test_pdf_pages_and_outline() -> None:
    document = load(
        pdf(
            [["Contents", "1. First part", "Details"], ["1. First part", "Some text", "Details", "More."], []],
            title="A real title",
            outline=[("First part", 1), ("Details", 1), ("Nowhere", 1)],
        ),
        source="a.pdf",
    )
    assert document.text == "Contents\n1. First part\nDetails\n\n1. First part\nSome text\nDetails\nMore.\n\n"
    assert document.title == "A real title"
    assert [document.text[start:].split("\n")[0] for start in document.pages] == ["Contents", "1. First part", ""]
    assert headings(document) == [(1, "First part"), (1, "Details")]
    assert [document.page_at(heading.char_start) for heading in document.headings] == [2, 2]


def test_pdf_joins_words_that_a_line_end_parted() -> None:
    text = load(pdf([["an admin-", "istrator of well-known things and of well-", "known words"]]), source="a.pdf").text
    assert "administrator of well-known things" in text
    assert text.count("well-known") == 2
    assert not {"\x02", "\ufffe", "\r"} & set(text)


@pytest.mark.parametrize(
    "title", ["", "Microsoft Word - x.doc", "untitled", "report.indd", "C:\\x\\y", "Slide 1", "---"]
)
def test_a_title_that_a_program_made_up_is_none(title: str) -> None:
    assert load(pdf([["text"]], title=title), source="a.pdf").title is None


@pytest.mark.parametrize(
    ("data", "way_out"),
    [
        (pdf([[], []]), "ocrmypdf"),
        (pdf([["secret"]], encrypted=True), "encrypted"),
        (b"%PDF-1.4\nnonsense", "damaged"),
        (b"\1\2\3\4\5\6 no PDF", "damaged"),
    ],
)
def test_a_pdf_that_cannot_be_read_says_why(data: bytes, way_out: str) -> None:
    with pytest.raises(LoadError, match=way_out) as caught:
        load(data, source="a.pdf")
    assert not isinstance(caught.value, UnsupportedFormatError)


def test_pdfs_are_read_in_threads() -> None:
    files = [pdf([[f"file {number}"]] * 5) for number in range(20)]
    with ThreadPoolExecutor(4) as threads:
        documents = list(threads.map(lambda data: load(data, source="a.pdf"), files))
    assert [document.text.split("\n")[0] for document in documents] == [f"file {number}" for number in range(20)]


# DOCX


def test_docx_headings_tables_and_lists() -> None:
    def fill(document: WordDocument) -> None:
        document.add_heading("The title", 0)
        document.add_heading("First", 1)
        paragraph = document.add_paragraph("One ")
        paragraph.add_run("two").bold = True
        paragraph.add_run("\tthree\nfour")
        document.add_heading("Second", 2)
        table = document.add_table(3, 3)
        for row in range(3):
            for column in range(3):
                table.cell(row, column).text = f"{row}{column}"
        table.cell(0, 0).merge(table.cell(0, 1)).text = "wide"
        table.cell(1, 2).merge(table.cell(2, 2)).text = "tall"
        document.add_paragraph("end")

    document = load(word(fill), source="a.docx")
    assert document.text == (
        "The title\n\nFirst\n\nOne two three\nfour\n\nSecond\n\nwide | 02\n10 | 11 | tall\n20 | 21\n\nend"
    )
    assert headings(document) == [(1, "First"), (2, "Second")]
    assert document.title == "The title"


def test_docx_headings_by_derived_style_and_title_by_properties() -> None:
    def fill(document: WordDocument) -> None:
        style = document.styles.add_style("Chapter", WD_STYLE_TYPE.PARAGRAPH)
        style.base_style = document.styles["Heading 2"]
        document.add_paragraph("Mine", style="Chapter")
        document.core_properties.title = "From the properties"

    document = load(word(fill), source="a.docx")
    assert headings(document) == [(2, "Mine")]
    assert document.title == "From the properties"


NAMESPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
)


def word_with(body: str) -> bytes:
    content = f"<w:document {NAMESPACES}><w:body>{body}</w:body></w:document>".encode()
    return with_part(word(lambda document: None), name="word/document.xml", content=content)


def test_docx_leaves_out_what_is_deleted_or_said_twice() -> None:
    data = word_with(
        "<w:p><w:r><w:t>kept</w:t></w:r><w:del><w:r><w:t> deleted</w:t></w:r></w:del><w:ins><w:r><w:t> inserted"
        "</w:t></w:r></w:ins><mc:AlternateContent><mc:Choice><w:t> once</w:t></mc:Choice><mc:Fallback><w:t> twice</w:t>"
        "</mc:Fallback></mc:AlternateContent></w:p>"
    )
    assert load(data, source="a.docx").text == "kept inserted once"


def test_docx_notes_follow_the_body() -> None:
    notes = (
        f"<w:footnotes {NAMESPACES}><w:footnote><w:p><w:r><w:t>the note</w:t></w:r></w:p></w:footnote></w:footnotes>"
    )
    data = with_part(
        word_with("<w:p><w:r><w:t>body</w:t></w:r></w:p>"), name="word/footnotes.xml", content=notes.encode()
    )
    assert load(data, source="a.docx").text == "body\n\nthe note"


@pytest.mark.parametrize(
    ("data", "way_out"),
    [
        (b"PK\x03\x04 cut", "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "password"),
        (word_with("<w:p>"), "damaged"),
        (with_part(b"PK\x05\x06" + b"\0" * 18, name="a.txt", content=b"x"), "without a Word document"),
        (word_with(" " * (MAX_UNPACKED + 1)), "unpacks"),
    ],
    ids=["cut", "encrypted", "xml", "zip", "bomb"],
)
def test_a_docx_that_cannot_be_read_says_why(data: bytes, way_out: str) -> None:
    with pytest.raises(LoadError, match=way_out):
        load(data, source="a.docx")


def test_docx_with_deep_or_explosive_xml_is_harmless() -> None:
    deep = word_with("<w:sdt>" * 20_000 + "</w:sdt>" * 20_000)
    with pytest.raises(LoadError, match="damaged"):
        load(deep, source="a.docx")
    entities = "".join(f'<!ENTITY e{level + 1} "{f"&e{level};" * 10}">' for level in range(9))
    bomb = f'<!DOCTYPE x [<!ENTITY e0 "boom">{entities}]><w:document {NAMESPACES}><w:t>a&e9;b</w:t></w:document>'
    data = with_part(word(lambda document: None), name="word/document.xml", content=bomb.encode())
    with pytest.raises(LoadError, match="damaged"):
        load(data, source="a.docx")
