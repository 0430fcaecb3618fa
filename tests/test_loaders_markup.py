"""The entry to the loaders, and those of markup and text formats: bytes -> Document, with spans that cite the file."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingest.loaders import HEAD, LOADERS, UnsupportedFormatError, load, why_unsupported
from retrieval.errors import LoadError
from retrieval.types import Document
from tests.loaders_samples import archive, pdf, rows, spreadsheet, word

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
MANUAL = b".TH LS 1\n.SH NAME\nls \\- list files\n"
HTML = b"<!DOCTYPE html><html><title>T</title><p>text</p></html>"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


def headings(document: Document) -> list[tuple[int, str]]:
    """Level and words of each heading, once it is known that each stands at the start of a line that says so."""
    for heading in document.headings:
        assert heading.char_start == 0 or document.text[heading.char_start - 1] == "\n"
        assert heading.text.split()[0].strip("“`*") in document.text[heading.char_start :].split("\n\n")[0]
    return [(heading.level, heading.text) for heading in document.headings]


def tables(document: Document) -> list[tuple[str, str]]:
    """The header and the text of each table, once it is known that none overlaps the next."""
    end = 0
    for table in document.tables:
        assert end <= table.char_start < table.char_end <= len(document.text)
        end = table.char_end
    return [(table.header, document.text[table.char_start : table.char_end]) for table in document.tables]


def read(text: str, source: str) -> Document:
    return load(text.encode(), source=source)


def verbatim(text: str, source: str) -> Document:
    document = read(text, source)
    assert document.text == text
    return document


# Which loader: what the content says


@pytest.mark.parametrize(
    ("data", "source"),
    [
        (pdf([["inside"]]), "a.docx"),
        (pdf([["inside"]]), "a"),
        (b"\n" + pdf([["inside"]]), "a.pdf"),
        (word(lambda document: document.add_paragraph("inside")), "a.txt"),
        (word(lambda document: document.add_paragraph("inside")), "a.pdf"),
        (word(lambda document: document.add_paragraph("inside")), "a"),
        (spreadsheet({"S": rows(["inside", 1])}), "a.docx"),
        (rb"{\rtf1 inside}", "a.doc"),
        (rb"{\rtf1 inside}", "a.docx"),
        (b"just inside", "a.pdf"),
        (b"just inside", "a.xlsx"),
        (b"just inside", "a.rtf"),
        (b"<html><p>inside</html>", "a.xls"),
        (b"<?xml version='1.0'?><html><p>inside</p></html>", "a.xml"),
        (b"<?xml version='1.0'?><a>inside</a>", "a.unknown"),
        (b'<book xmlns="http://docbook.org/ns/docbook"><title>inside</title></book>', "a.unknown"),
    ],
)
def test_content_wins_over_the_suffix(data: bytes, source: str) -> None:
    document = load(data, source=source)
    assert "inside" in document.text
    assert not {"<", "{", "%PDF"} & set(document.text)
    assert document.source == source
    assert why_unsupported(data[:HEAD], source=source) is None


@pytest.mark.parametrize("source", ["ls.1", "printf.3p", "Foo::Bar.3pm", "x.man", "ls.1.gz"])
def test_a_manual_page_is_one_by_name_and_content(source: str) -> None:
    assert load(MANUAL, source=source).title == "LS(1)"
    assert load(b"Plain log\n.line\n", source=source).text == "Plain log\n.line\n"


def test_roff_in_a_file_of_another_name_is_text() -> None:
    assert load(MANUAL, source="notes.txt").text == MANUAL.decode()


@pytest.mark.parametrize(
    ("data", "source", "reason"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><text>a</text></svg>", "a.svg", "SVG"),
        (b"<?xml version='1.0'?><!-- x --><svg><text>a</text></svg>", "a.xml", "SVG"),
        (archive({"a.txt": "x"}), "a.zip", "ZIP"),
        (archive({"word/document.xml": "<a/>", "[Content_Types].xml": "<a/>"}), "a.zip", "ZIP"),
        (OLE, "a.doc", "OLE"),
        (b"\x89PNG\r\n\x1a\n\0", "a.pdf", "PNG"),
        (gzip.compress(b"\x89PNG\r\n\x1a\n\0"), "a.png.gz", "PNG"),
        (gzip.compress(gzip.compress(b"text")), "a.gz.gz", "twice"),
        (lzma.compress(bz2.compress(b"text")), "a.xz", "twice"),
    ],
)
def test_what_is_surely_unsupported_is_known_by_its_head(data: bytes, source: str, reason: str) -> None:
    with pytest.raises(UnsupportedFormatError, match=reason):
        load(data, source=source)
    assert reason in (why_unsupported(data[:HEAD], source=source) or "")


@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_a_compressed_tar_is_unsupported(suffix: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("a.txt")
        info.size = 4
        tar.addfile(info, io.BytesIO(b"text"))
    data = COMPRESSIONS[suffix](buffer.getvalue())
    with pytest.raises(UnsupportedFormatError, match="tar"):
        load(data, source=f"a.tar{suffix}")
    assert "tar" in (why_unsupported(data[:HEAD], source=f"a.t{suffix[1:]}") or "")


@pytest.mark.parametrize("source", ["a.txt", "a", "a.jpg", "a.docx"])
def test_a_zip_that_is_no_document_is_left_to_its_loader(source: str) -> None:
    data = archive({"a.txt": "x"})
    assert why_unsupported(data[:HEAD], source=source) is None
    with pytest.raises(LoadError):
        load(data, source=source)


def test_what_only_starts_like_bzip2_is_text() -> None:
    assert load(b"BZh is how bzip2 files start.", source="a.txt").text == "BZh is how bzip2 files start."


# Compressed files


@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_a_compressed_file_is_read_as_the_one_within(suffix: str) -> None:
    data = COMPRESSIONS[suffix](b"# Title\n\ntext\n")
    document = load(data, source=f"docs/a.md{suffix}")
    assert (document.source, document.title, document.syntax) == (f"docs/a.md{suffix}", "Title", "markdown")
    assert document.text == "# Title\n\ntext\n"
    assert load(data, source="docs/a.md").title == "Title"
    assert why_unsupported(data, source=f"docs/a.md{suffix}") is None


@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_all_members_are_read(suffix: str) -> None:
    compress = COMPRESSIONS[suffix]
    assert load(compress(b"one ") + compress(b"two"), source=f"a.txt{suffix}").text == "one two"


@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_a_bomb_is_not_expanded(suffix: str) -> None:
    data = COMPRESSIONS[suffix](bytes(30_000_000))
    assert load(COMPRESSIONS[suffix](b"a" * 1000), source=f"a{suffix}", max_bytes=1000).text == "a" * 1000
    with pytest.raises(LoadError, match=r"unpacks to more than 0\.1 MB"):
        load(data, source=f"a{suffix}", max_bytes=100_000)


@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_a_stream_cut_off_anywhere_is_a_load_error(suffix: str) -> None:
    data = COMPRESSIONS[suffix](b"some text " * 50)
    for end in range(10, len(data) - 1):
        why_unsupported(data[:end], source=f"a.txt{suffix}")
        with pytest.raises(LoadError, match="damaged or cut off"):
            load(data[:end], source=f"a.txt{suffix}")


# Text recognition


def test_a_scanned_pdf_is_recognised_by_the_command() -> None:
    scanned = pdf([[]])
    with pytest.raises(LoadError, match="scanned"):
        load(scanned, source="a.pdf")
    with pytest.raises(LoadError, match="no text"):
        load(scanned, source="a.pdf", ocr_command="cat")
    assert "text" in load(pdf([["text"]]), source="a.pdf", ocr_command="false").text


# AsciiDoc


def test_asciidoc_headings() -> None:
    text = (
        "= The *Document*\nAuthor Name\n:toc:\n\npreamble\n== not in a paragraph\n\n[[id]]\n== One ==\n.Title\n----\n"
        "== no\n----\n....\n== no\n....\n////\n== no\n////\n++++\n== no\n++++\n```sh\n== no\n```\n\nTwo `code`\n"
        "----------\n\n==== Deep <<x,ref>>\n==no\n\n|===\n|a\n\n== no\n|===\n\nlong line of text\n-----\n== no\n-----\n"
    )
    document = verbatim(text, "a.adoc")
    assert headings(document) == [(1, "The Document"), (2, "One"), (2, "Two code"), (4, "Deep ref")]
    assert (document.title, document.syntax) == ("The Document", "text")


def test_asciidoc_in_the_two_line_form() -> None:
    text = "git-add(1)\n==========\n\nNAME\n----\ngit-add - Add\n\nSub\n~~~\n\nDeep\n^^^^\n"
    document = verbatim(text, "a.asciidoc")
    assert headings(document) == [(1, "git-add(1)"), (2, "NAME"), (3, "Sub"), (4, "Deep")]
    assert document.title == "git-add(1)"


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("|===\n|Name |Value\n\n|a |1\n|===", [("Name | Value", "|Name |Value\n\n|a |1")]),
        ('[%header,cols="1,2"]\n|===\n|Name\n|A \\| B\n|a |1\n|===', [("Name | A | B", "|Name\n|A \\| B\n|a |1")]),
        ('[options="header,footer"]\n.T\n|===\n\n^|Name 2+|*Value*\n|a |1\n|===', [("Name | Value", None)]),
        ("|===\n|Name |Value\n|a |1\n|===", []),
        ("[%noheader]\n|===\n|Name |Value\n\n|a |1\n|===", []),
        ("----\n|===\n|Name |Value\n\n|a |1\n|===\n----", []),
        ("|===\n|Name |Value\n\n|a |1\n", []),
    ],
)
def test_asciidoc_tables(table: str, expected: list[tuple[str, str | None]]) -> None:
    found = tables(verbatim(f"text\n\n{table}\n\ntext\n", "a.adoc"))
    assert [header for header, _ in found] == [header for header, _ in expected]
    assert all(rows in (None, span) for (_, rows), (_, span) in zip(expected, found, strict=True))


# XML


def test_docbook() -> None:
    document = read(
        '<?xml version="1.0"?>\n<!DOCTYPE book PUBLIC "-//OASIS//DTD DocBook XML V4.5//EN" "http://x.invalid/d.dtd" '
        '[<!ENTITY product "X"> <!ENTITY % more SYSTEM "file:///etc/passwd"> %more;]>\n'
        "<book><bookinfo><title>The <emphasis>Book</emphasis></title><author>Me</author></bookinfo>"
        "<chapter><title>One</title>\n<para>Of &product; with <code>em</code>phasis&nbsp;&mdash; &lt;x&gt;"
        "<indexterm><primary>no</primary></indexterm>.</para>"
        "<sect1><title>Sub</title><para>List:<itemizedlist><listitem><para>a</para></listitem><listitem><para>b</para>"
        "</listitem></itemizedlist>after</para><programlisting>\nif x:\n    y  = 1\n\n</programlisting>"
        "<table><title>T</title><tgroup><thead><row><entry>A</entry><entry>B</entry></row></thead><tbody>"
        "<row><entry><para>1</para></entry><entry>2</entry></row></tbody></tgroup></table></sect1></chapter>"
        "<chapter><title>Two</title><note><title>N</title><para>note</para></note></chapter></book>",
        "a.xml",
    )
    assert document.text == (
        "The Book\n\nMe\n\nOne\n\nOf &product; with emphasis — <x>.\n\nSub\n\nList:\n\na\nb\n\nafter\n\nif x:\n"
        "    y  = 1\n\nT\nA | B\n1 | 2\n\nTwo\n\nN\n\nnote"
    )
    assert headings(document) == [(1, "The Book"), (2, "One"), (3, "Sub"), (2, "Two")]
    assert tables(document) == [("A | B", "A | B\n1 | 2")]
    assert document.title == "The Book"


def test_other_xml_is_a_line_for_each_element_with_text() -> None:
    document = read('<a x="no"><b>one</b><c>two <i>three</i> four</c><d><e>five</e></d></a>', "a.xml")
    assert document.text == "one\ntwo three four\nfive"
    assert (document.title, document.headings) == (None, ())


def test_sheets_in_the_xml_of_excel_2003_are_tables() -> None:
    rows = [["Name", "Count"], ["Oil", "5</Data><Comment><Data>litres</Data></Comment><Data>"], ["Rice", "6"]]
    cells = ("".join(f'<Cell><Data ss:Type="String">{cell}</Data></Cell>' for cell in row) for row in rows)
    document = read(
        '<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" '
        'xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="Stock"><Table>'
        f"{''.join(f'<Row>{row}</Row>' for row in cells)}</Table></Worksheet></Workbook>",
        "a.xls",
    )
    table = "Name | Count\nOil | 5 litres\nRice | 6"
    assert document.text == f"Stock\n\n{table}"
    assert (headings(document), tables(document)) == ([(1, "Stock")], [("Name | Count", table)])


def test_titles_in_other_xml_are_headings() -> None:
    document = read(
        "<feed><title>News</title><entry><title>First</title><p>x</p></entry><entry><title>Second</title></entry></feed>",
        "a.xml",
    )
    assert headings(document) == [(1, "News"), (2, "First"), (2, "Second")]
    assert document.title == "News"


@pytest.mark.parametrize(
    ("markup", "kept"),
    [
        ("<r><a>x &unknown; y & z < 3</a></r>", ["x &unknown; y & z < 3"]),
        ("<r><a>one</a></b></c></d><e>two</e></r>", ["one", "two"]),
        ("<r><a>one<b>two</r><c>three</c>", ["one", "two", "three"]),
        ("<a>one</a><a>two</a>", ["one", "two"]),
        ("<a x=1 x=2>one</a", ["one"]),
        ("<a>on\x01e</a>" + "<b>more</b>" * 20, ["one", "more"]),
        ("<q:a>one</q:a>", ["one"]),
        ("<a>" * 20_000 + "deep" + "</a>" * 20_000, ["deep"]),
        ("<a>" * 20_000 + "deep", ["deep"]),
        ("<a><![CDATA[<b> & &amp; one]]></a>", ["<b> & &amp; one"]),
        ("<!DOCTYPE a [<!ENTITY x 'y]>'>]><a>one</a>", ["one"]),
        ("one", ["one"]),
        ("<a x='one'/>", ["<a x='one'/>"]),
    ],
)
def test_odd_xml_still_gives_its_text(markup: str, kept: list[str]) -> None:
    text = read(markup, "a.xml").text
    assert all(words in text for words in kept)


def test_ruby_in_xml_is_its_base_text() -> None:
    ruby = "<ruby><rb>漢</rb><rp>(</rp><rt>かん</rt><rp>)</rp></ruby>"
    assert read(f"<a><p>the {ruby}<ruby>字<rt>じ</rt></ruby> here</p><rt>kept</rt></a>", "a.xml").text.split(
        "\n\n"
    ) == [
        "the 漢字 here",
        "kept",
    ]


def test_xml_entities_are_never_expanded() -> None:
    entities = "".join(f'<!ENTITY e{level + 1} "{f"&e{level};" * 10}">' for level in range(9))
    bomb = f'<!DOCTYPE x [<!ENTITY e0 "boom">{entities}]><x a="&e9;"><t>a&e9;b</t></x>'
    assert read(bomb, "a.xml").text == "a&e9;b"
    parameter = "".join(f'<!ENTITY % p{level + 1} "{f"&#37;p{level};" * 10}">' for level in range(9))
    assert read(f"<!DOCTYPE x [<!ENTITY % p0 ''>{parameter} %p9;]><x>a</x>", "a.xml").text == "a"


def test_xml_declares_its_encoding() -> None:
    markup = "<?xml version='1.0' encoding='{}'?><a>tèxt</a>"
    for encoding in ("iso-8859-1", "utf-8", "utf-16"):
        assert load(markup.format(encoding).encode(encoding), source="a.xml").text == "tèxt"


def test_damaged_xml_without_text_is_a_load_error() -> None:
    with pytest.raises(LoadError, match="damaged"):
        read("<a x='1'", "a.xml")


# LaTeX


def test_latex_headings_and_title() -> None:
    text = (
        "% \\section{no}\n\\documentclass{article}\n\\title[Short]{The \\emph{Long} Title\\thanks{Me}}\n"
        "\\newcommand{\\foo}[1]{\\section{#1}}\n\\begin{document}\n\\part*{Part}\n"
        "\\chapter[x]{One \\& {two}}\\label{a}\n"
        "text \\% \\section {Inner}\n\\subsection{\\\"Uber \\texttt{code\\_x} -- caf\\'e}\n\\begin{verbatim}\n"
        "\\section{no}\n\\end{verbatim}\n\\verb|\\section{no}|\n\\begin{lstlisting}[language=X]\n\\section{no}\n"
        "\\end{lstlisting}\n\\sectionmark{no}\n\\subsubsection{Deep\n  title}\n\\end{document}\n\\section{no}\n"
    )
    document = read(text, "a.tex")
    assert document.text == text.replace('\\"U', "Ü").replace("code\\_x", "code_x").replace("\\'e", "é")
    assert [(heading.level, heading.text) for heading in document.headings] == [
        (1, "Part"), (2, "One & two"), (3, "Inner"), (4, "Über code_x – café"), (5, "Deep title"),
    ]  # fmt: skip
    for heading in document.headings:
        assert document.text[heading.char_start - 1] == "\n"
        assert "section" in document.text[heading.char_start :][:30] or heading.level < 3
    assert (document.title, document.syntax) == ("The Long Title", "latex")


def test_latex_names_its_encoding() -> None:
    text = "\\usepackage[koi8-r]{inputenc}\nда"
    assert load(text.encode("koi8-r"), source="a.tex").text == text


# Manual pages


def test_a_manual_page_in_man_macros() -> None:
    document = load(
        rb"""'\" t
.\" comment
.de XX
dropped
..
.ie n .ds Q "
.el .ds Q x
.TH LS "1" "May 2024" GNU
.SH NAME
ls \- list \fBdirectory\fP contents \" comment
.SH
SYNOPSIS
.B ls
[\fIOPTION\fR]...
.RI [ FILE ]...
.SS "A part"
First line
sec\c
ond line \(em \(lqquoted\(rq \e \*(Aqx\*(Aq \[u00E9] \s-1SMALL\s0.
.PP
.if t no
.if n \{\
yes
.\}
.TP
.BR \-a ", " \-\-all
do not ignore
.IP \(bu 2
bullet
.IP "long tag"
body
.RS 4
.nf
  code  \-x
.B bold
.fi
.RE
after
.TS
tab(:);
lB lB
l l.
Name:Value
_
a:T{
one
two
T}
b:2
.TE
.unknown request
.UR http://x.example
link
.UE
""",
        source="ls.1",
    )
    assert document.text == (
        "NAME\n\nls - list directory contents\n\nSYNOPSIS\n\nls [OPTION]... [FILE]...\n\nA part\n\n"
        "First line second line — “quoted” \\ 'x' é SMALL.\n\nyes\n\n-a, --all\ndo not ignore\n\n• bullet\n\nlong tag\n"
        "body\n  code  -x\nbold\nafter\n\nName | Value\na | one two\nb | 2\n\nhttp://x.example link"
    )
    assert headings(document) == [(1, "NAME"), (1, "SYNOPSIS"), (2, "A part")]
    assert tables(document) == [("Name | Value", "Name | Value\na | one two\nb | 2")]
    assert document.title == "LS(1)"


def test_a_manual_page_in_mdoc_macros() -> None:
    document = load(
        b""".Dd May 1, 2024
.Dt CAT 1
.Os
.Sh NAME
.Nm cat
.Nd concatenate files
.Sh SYNOPSIS
.Nm
.Op Fl bn
.Op Fl Fl help
.Op Ar
.Nm cat2
.Ar x y
.Sh DESCRIPTION
The
.Nm
utility, see
.Xr ls 1 ,
.Dq Li quoted Ns s
.Pq Em inside .
.Fn open "const char *p" "int f" .
.Bl -tag
.It Fl b , Fl -bytes
Number.
.El
.Bd -literal
  x  = 1
.Ed
""",
        source="cat.1",
    )
    assert document.text == (
        "NAME\n\ncat - concatenate files\n\nSYNOPSIS\n\ncat [-bn] [--help] [file ...]\ncat2 x y\n\nDESCRIPTION\n\n"
        "The cat utility, see ls(1), “quoteds” (inside). open(const char *p, int f).\n\n"
        "-b, --bytes\nNumber.\n\n  x  = 1"
    )
    assert document.title == "CAT(1)"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (".TH A 1\n.de X\nnever closed\n", "never closed"),
        (".TH A 1\n.if t \\{\nnever closed\n", "never closed"),
        (".TH A 1\n.TS\nl.\na", "a"),
        (".TH A 1\n.nf\na", "a"),
        (".TH A 1\n.TP\n", ""),
    ],
)
def test_an_odd_manual_page_keeps_its_text(text: str, kept: str) -> None:
    assert read(text, "a.1").text == kept


def test_a_manual_page_that_only_names_another_is_left_to_that() -> None:
    with pytest.raises(UnsupportedFormatError, match="man1/x"):
        read(".so man1/x.1\n", "a.1")
    assert read(".so man1/x.1\nAnd text.\n", "a.1").text == "And text."


# Notebooks


def notebook(*cells: dict[str, object], **rest: object) -> str:
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, **rest})


def test_notebook_cells_and_outputs() -> None:
    document = read(
        notebook(
            {"cell_type": "markdown", "source": ["# The title\n", "text\n\n", "| a | b |\n|---|---|\n| 1 | 2 |"]},
            {
                "cell_type": "code",
                "source": "# no heading\nx = 1\n",
                "outputs": [
                    {
                        "output_type": "stream",
                        "name": "stdout",
                        "text": ["\x1b[31mred\x1b[0m\n", "50%\r100%\r\n", "line\r\n"],
                    },
                    {"output_type": "execute_result", "data": {"text/plain": "no", "text/html": "<b>42</b>"}},
                    {"output_type": "display_data", "data": {"image/png": "no", "text/plain": "<Figure>"}},
                    {"output_type": "error", "ename": "KeyError", "evalue": "'y'", "traceback": []},
                ],
            },
            {"cell_type": "raw", "source": "raw"},
            {"cell_type": "markdown", "source": ""},
            {"cell_type": "markdown", "source": "## Sub"},
        ),
        "a.ipynb",
    )
    assert document.text == (
        "# The title\ntext\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n# no heading\nx = 1\n\nred\n50%\n100%\nline\n\n"
        "42\n\nKeyError: 'y'\n\nraw\n\n## Sub"
    )
    assert headings(document) == [(1, "The title"), (2, "Sub")]
    assert tables(document) == [("a | b", "| a | b |\n|---|---|\n| 1 | 2 |")]
    assert (document.title, document.syntax) == ("The title", "markdown")


def test_notebook_title_is_that_of_the_metadata() -> None:
    cell = {"cell_type": "markdown", "source": "# Heading"}
    assert read(notebook(cell, metadata={"title": "Mine"}), "a.ipynb").title == "Mine"


def test_notebooks_from_before_version_4() -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["Old"]},
        {"cell_type": "code", "input": ["x"], "outputs": [{"output_type": "pyout", "text": ["1"]}]},
    ]
    document = read(json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]}), "a.ipynb")
    assert document.text == "## Old\n\nx\n\n1"
    assert headings(document) == [(2, "Old")]


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", "1", '{"cells": 1}', "[" * 100_000, '{"a":' * 100_000, "NaN", "not JSON", "1" * 5000]
)
def test_what_is_no_notebook_is_a_load_error(text: str) -> None:
    with pytest.raises(LoadError, match="damaged notebook"):
        read(text, "a.ipynb")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("cell_type", "source", "outputs", "output_type", "data", "text", "text/plain", "level", "input", "ename")


@given(cells=st.lists(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6) | JSON, max_size=3), metadata=JSON)
@example(cells=[{"cell_type": "heading", "level": 2.0, "source": "a"}], metadata={"title": 1})
@example(cells=[{"cell_type": [1], "outputs": [{"output_type": {}}]}], metadata=None)
def test_notebooks_of_any_shape_are_read(cells: list[object], metadata: object) -> None:
    headings(load(json.dumps({"cells": cells, "metadata": metadata}).encode(), source="a.ipynb"))


# Tables


@pytest.mark.parametrize(
    ("source", "text", "header"),
    [
        ("a.csv", "Name,Unit,Price\nbolt,kg,1\nnut,g,2\n", "Name | Unit | Price"),
        ("a.csv", "Name;Preis\nBolzen;1,50\nMutter;2,50\n", "Name | Preis"),
        ("a.csv", '"Name, full","Two\nlines"\na,b\nc,d\n', "Name, full | Two lines"),
        ("a.tsv", "Name\tA, b\nx\t1\ny\t2\n", "Name | A, b"),
        ("a.csv", "\n\nName,Unit\na,b\nc,d\n", "Name | Unit"),
        ("a.csv", "1,2\n3,4\n5,6\n", None),
        ("a.csv", "Name,Name\na,b\nc,d\n", None),
        ("a.csv", "one column\nof text\nand more\n", None),
        ("a.csv", "Dear all, this\nis prose\nand no table\n", None),
        ("a.csv", '"never closed,x\n' + "a,b\n" * 50_000, None),
        ("a.csv", "a," * 500_000, None),
        ("a.csv", "", None),
    ],
)
def test_csv_is_verbatim_with_its_header(source: str, text: str, header: str | None) -> None:
    document = verbatim(text, source)
    assert [table.header for table in document.tables] == ([header] if header else [])
    for table in document.tables:
        assert text[: table.char_start].strip("\n") == ""
        assert text[table.char_end :].strip("\n") == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("| a | b |\n|---|:-:|\n| 1 | 2 |\n\n| no |", [("a | b", "| a | b |\n|---|:-:|\n| 1 | 2 |")]),
        (
            "para\na | *b*\n--|--\n1 | 2\nrow without a bar\n# heading",
            [("a | b", "a | *b*\n--|--\n1 | 2\nrow without a bar")],
        ),
        ("| a \\| b | `c` |\n|---|---|", [("a | b | c", "| a \\| b | `c` |\n|---|---|")]),
        ("- item\n\n      | a |\n      |---|\n\n- x", [("a", "      | a |\n      |---|")]),
        ("```\n| a | b |\n|---|---|\n```\n", []),
        ("    | a | b |\n    |---|---|\n", []),
        ("| a | b |\n|---|\n", []),
        ("a | b\n---\n", []),
        ("| a |\n|---|\n| 1 |\n---\n\n| b |\n|---|", [("a", "| a |\n|---|\n| 1 |"), ("b", "| b |\n|---|")]),
    ],
)
def test_markdown_tables(text: str, expected: list[tuple[str, str]]) -> None:
    assert tables(verbatim(text, "a.md")) == expected


TABLE_BLOCKS = st.sampled_from(
    ["| a | b |", "|---|---|", "| 1 | 2 |", ":-- | --:", "a | b", "", "# h", "text", "```", "    code", "- item", "> q",
     "***", "|---|"]
)  # fmt: skip


@given(lines=st.lists(TABLE_BLOCKS, max_size=8))
def test_markdown_tables_are_those_of_markdown_it(lines: list[str]) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    text = "\n".join(lines)
    tokens = markdown_it.MarkdownIt("commonmark").enable("table").parse(text)
    expected = [tuple(token.map) for token in tokens if token.type == "table_open"]
    found = [
        (text.count("\n", 0, table.char_start), text.count("\n", 0, table.char_end) + 1)
        for table in read(text, "a.md").tables
    ]
    assert found == expected


@pytest.mark.parametrize(
    ("table", "header"),
    [
        ("=====  =====\nA      B c\n=====  =====\n1      2\n\n3      4\n=====  =====", "A | B c"),
        ("=====  =====\n1      2\n3      4\n=====  =====", None),
        ("+----+-----+\n| A  | B   |\n|    | c   |\n+====+=====+\n| 1  | 2   |\n+----+-----+", "A | B c"),
        ("+----+-----+\n| 1  | 2   |\n+----+-----+", None),
    ],
)
def test_restructuredtext_tables(table: str, header: str | None) -> None:
    text = f"Title\n=====\n\n{table}\n\ntext\n\n{table}\n"
    found = tables(verbatim(text, "a.rst"))
    assert [name for name, _ in found] == ([header] * 2 if header else [])
    assert all(span == table.split("\n", 1)[1] for _, span in found)


# Encodings


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb18030", "这是一个测试。"),
        ("gb18030", "会议记录：请各位同事准时参加。"),
        (
            "gb18030",
            "国家尊重和保障人权。任何公民享有宪法和法律规定的权利，同时必须履行宪法和法律规定的义务。2024年增长了15%。",
        ),
        ("big5", "人人生而自由，在尊嚴和權利上一律平等。他們賦有理性和良心，並應以兄弟關係的精神相對待。"),
        ("shift_jis", "これはテストです。"),
        ("shift_jis", "カタカナのテスト"),
        ("shift_jis", "サーバーの設定ファイルを編集してください。会議は午後３時に始まります。"),
        ("euc-jp", "今日は良い天気ですね。"),
        ("euc-kr", "이것은 시험입니다."),
        ("cp1251", "Привет, мир"),
        ("cp1251", "Все люди рождаются свободными и равными в своем достоинстве и правах."),
        ("koi8-r", "Это проверка кодировки."),
        ("cp1253", "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι."),
        ("cp1255", "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם."),
        ("cp1256", "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق."),
        ("cp1252", "Price: 100 €"),
        ("cp1252", "£5 and ½"),
        ("cp1252", "Ærøskøbing"),
        ("cp1252", "“Hi”, he said — twice."),
        ("cp1252", "Ändern, Äpfel, Übung"),
        ("cp1252", "Il va à Paris, à Lyon, à Nice et à Metz."),
        ("latin-1", "São Paulo é uma cidade à beira do rio"),
    ],
)
def test_short_texts_from_before_unicode(encoding: str, text: str) -> None:
    for written in (text, f"First line, in ASCII.\n{text}\n", f"id;name\n1;{text}\n2;{text}\n"):
        assert load(written.encode(encoding), source="a.txt").text == written


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a.py", "# -*- coding: koi8-r -*-\nx = 'да'\n"),
        ("a.txt", "#!/bin/sh\n# vim: set fileencoding=koi8-r :\n# да\n"),
        ("a.1", "'\\\" -*- coding: koi8-r -*-\n.TH A 1\n.SH да\n"),
    ],
)
def test_a_comment_names_the_encoding(source: str, text: str) -> None:
    assert "да" in load(text.encode("koi8-r"), source=source).text


# Hostile files

TEXTUAL = (".adoc", ".xml", ".tex", ".1", ".ipynb", ".csv", ".tsv", ".md", ".rst", ".txt")
SAMPLES = {
    ".adoc": "= T\n\n== S\n\n[%header]\n|===\n|a |b\n\n|1 |2\n|===\n----\nx\n----\nU\n~\n",
    ".xml": "<?xml version='1.0'?><!DOCTYPE b [<!ENTITY e 'x'>]><b><title>T</title><p>a &e; <i>b</i></p><!-- c -->"
    "<table><tr><td>1</td></tr></table><pre>x\n</pre><![CDATA[y]]></b>",
    ".tex": "\\title{T}\\section[s]{A {b}}%c\n\\begin{verbatim}x\\end{verbatim}\\verb|x|",
    ".1": ".TH A 1\n.SH B\n\\fBx\\fR \\(em\n.TS\ntab(:);\nl l.\na:T{\nb\nT}\n.TE\n"
    ".ie n \\{\\\ny\n.\\}\n.el z\n.Op Fl a\n",
    ".ipynb": notebook({"cell_type": "markdown", "source": ["# A\n", "b"]}, {"cell_type": "code", "outputs": [{}]}),
    ".csv": 'a,b\n"1\n2",3\n4,5\n',
    ".tsv": "a\tb\n1\t2\n",
    ".md": "---\ntitle: T\n---\n# A\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
    ".rst": "T\n=\n\n== ==\na  b\n== ==\n1  2\n== ==\n\n+-+-+\n|a|b|\n+=+=+\n|1|2|\n+-+-+\n",
    ".txt": "é text\n",
}


def is_read(data: bytes, source: str) -> bool:
    """Whether it is a document; a LoadError with a reason of one line is the only other outcome."""
    why_unsupported(data[:HEAD], source=source)
    try:
        document = load(data, source=source)
    except LoadError as error:
        assert str(error)
        assert "\n" not in str(error)
        return False
    assert all(0 <= heading.char_start <= len(document.text) for heading in document.headings)
    tables(document)
    return True


@pytest.mark.parametrize("suffix", TEXTUAL)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_file_cut_off_anywhere_is_read_or_refused(suffix: str, encoding: str) -> None:
    data = SAMPLES[suffix].encode(encoding)
    assert is_read(data, f"a{suffix}")
    for end in range(len(data)):
        is_read(data[:end], f"a{suffix}")


@given(
    data=st.binary(max_size=80) | st.text(alphabet="\\{}[]()<>&|=-+*'\".#%;!\n\t aTHSB1", max_size=80).map(str.encode),
    suffix=st.sampled_from([*TEXTUAL, *LOADERS, ".gz", ".bz2", ".xz", ".zip", ""]),
    start=st.sampled_from(
        [b"", b".TH A 1\n", b"<?xml?>", b"\x1f\x8b\x08", b"BZh91AY&SY", b"\xfd7zXZ\0", b"PK\x03\x04"]
    ),
)
def test_any_bytes_are_read_or_refused(data: bytes, suffix: str, start: bytes) -> None:
    is_read(start + data, f"a{suffix}")


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), suffix=st.sampled_from(TEXTUAL))
def test_a_damaged_file_is_read_or_refused(data: st.DataObject, suffix: str) -> None:
    content = bytearray(SAMPLES[suffix].encode())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    is_read(bytes(content), f"a{suffix}")


UNITS = {
    ".adoc": ["= a\n", "----\n", "|===\n", "[a]\n", "|", "<<", "= a", "a\n-\n", "[[", "a:a[", "`*_#", "[", " ", "=" ],
    ".xml": ["<a>", "</a>", "<a></b>", "&a;", "&", "<", "<!--", "<![CDATA[", "<!DOCTYPE a [", "<?a", "<a b='", "]>",
             "<table>", "<title>", "<a>x</a>", "x <a/>", "<row><entry>", " "],
    ".tex": ["\\section{", "\\section{a}", "\\section", "\\section[", "{", "}", "\\verb|", "\\begin{verbatim}", "%",
             "\\section{a}\n", "\\", " ", "\\section[{", "\\title{\\'", "$"],
    ".1": ["\\", "\\[", "\\(", "\\*(", ".B ", "\n.if n ", ".if n ", "\n.de x", "\n.ie t \\{", "\\f[", "\\h'", '"',
           "\n.TS\n", "\nT{", "\n.ds a \\*a\\*a", "a\\\n", "\n.Op Fl ", "\\\"", "\n.SH", "\n.nf\n", " ", "\n'"],
    ".ipynb": ["[", '{"cells":[', '"', "1"],
    ".csv": [",", '"', "a,b\n", '"a\n', "\n"],
    ".md": ["|", "|-", "| a |\n|---|\n", "\n|---|", "| a\n", "-|", " |", "`|", "\\|"],
    ".rst": ["+-+\n", "== ==\n", "+-", "= =", "|\n+-+\n", "== ==\na  b\n"],
    ".txt": ["\xe9", "\xe9a ", "\x93\xfa", "coding", "a" ],
}  # fmt: skip


def read_a_long_run(suffix: str, unit: str, length: int) -> None:
    start = ".TH A 1\n" if suffix == ".1" else ""
    is_read((start + unit * (length // len(unit))).encode("latin-1"), f"a{suffix}")


LONG_RUNS = [(suffix, unit) for suffix, units in UNITS.items() for unit in units]


@pytest.mark.timeout(19)
@pytest.mark.parametrize(("suffix", "unit"), LONG_RUNS)
def test_a_long_run_of_anything_is_read_in_time(suffix: str, unit: str) -> None:
    """What is quadratic takes a sixteenth of the next test's time, and has a sixteenth of that."""
    read_a_long_run(suffix, unit, 60_000)


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "unit"), LONG_RUNS)
def test_a_longer_run_is_read_in_time_too(suffix: str, unit: str) -> None:
    """At a quarter of a million characters on a line, anything quadratic would run into the suite's time limit."""
    read_a_long_run(suffix, unit, 240_000)
