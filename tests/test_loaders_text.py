"""The kinds of text: what a reader of them reads is what is indexed, on the lines where the file has it."""

import json
from html import escape
from time import process_time

import pytest

from ingest.loaders import load
from retrieval.analysis import Analyzer, detect_language
from retrieval.types import Document


def read(text: str, source: str) -> Document:
    return load(text.encode(), source=source)


def headings(document: Document) -> list[tuple[int, str]]:
    """Level and words of each, once it is known that a line starts there that has the first of them."""
    for heading in document.headings:
        assert heading.char_start == 0 or document.text[heading.char_start - 1] == "\n"
        assert heading.text.split()[0] in document.text[heading.char_start :].split("\n\n")[0]
    return [(heading.level, heading.text) for heading in document.headings]


def tables(document: Document) -> list[tuple[str, str]]:
    return [(table.header, document.text[table.char_start : table.char_end]) for table in document.tables]


# Escapes


@pytest.mark.parametrize("source", ["a.json", "a.jsonl", "a.ndjson"])
def test_json_is_read_as_it_is_meant(source: str) -> None:
    rows = ["Die Wärmepumpe läuft 😀", "zwei\nZeilen\tund C:\\users", 'ein "Zitat" von ünïcode']
    written = "\n".join(json.dumps({"text": row}) for row in rows)
    document = read(written, source)
    assert document.text.split("\n") == [
        '{"text": "Die Wärmepumpe läuft 😀"}',
        '{"text": "zwei Zeilen und C:\\\\users"}',
        '{"text": "ein \\"Zitat\\" von ünïcode"}',
    ]
    assert read(json.dumps({"a": rows}, ensure_ascii=False), source).text == json.dumps(
        {"a": rows}, ensure_ascii=False
    ).replace("\\n", " ").replace("\\t", " ")


AS_WRITTEN = r'["\\u00fc", "\u0022", "\u005c", "\ud83d!", "\u00f"]'


@pytest.mark.parametrize(
    ("source", "written", "meant"),
    [
        ("a.json", r'{"url": "https:\/\/example.org\/a"}', '{"url": "https://example.org/a"}'),
        ("a.json", AS_WRITTEN, AS_WRITTEN),
        ("a.json", r'["a\u000ab\u2028c"]', '["a b c"]'),
        ("a.yaml", r'city: "K\xF6ln, \u00dcberlingen \U0001F600"', 'city: "Köln, Überlingen 😀"'),
        ("a.yaml", r"path: C:\new\x41\users", r"path: C:\new\x41\users"),
        ("a.toml", r'city = "K\u00f6ln"', 'city = "Köln"'),
        ("a.properties", "greeting=Gr\\u00fc\\u00DFe\\ aus\\u0020K\\uu00f6ln\n", "greeting=Grüße aus Köln\n"),
        (
            "a.properties",
            "k\\:ey = a\\=b \\\n    goes on\\nhere C\\\\u00fc\n",
            "k:ey = a=b \n    goes on here C\\\\u00fc\n",
        ),
    ],
)  # fmt: skip
def test_escapes_are_what_they_stand_for(source: str, written: str, meant: str) -> None:
    assert read(written, source).text == meant


@pytest.mark.parametrize("source", ["app.log", "a.txt", "export", "a.geojson"])
def test_json_is_known_by_its_content(source: str) -> None:
    assert read('{"message": "K\\u00fchlung"}\n' * 2, source).text == '{"message": "Kühlung"}\n' * 2
    assert read("[K\\u00fchlung]\n", "a.txt").text == "[K\\u00fchlung]\n"


def test_properties_are_read_in_either_encoding() -> None:
    text = "greeting=Grüße aus Köln\nfarewell=Tschüß\n"
    assert load(text.encode("latin-1"), source="a.properties").text == read(text, "a.properties").text == text


def test_markdown_entities_are_decoded_outside_code() -> None:
    text = (
        "---\ntitle: a &amp; b\n---\n# Gr&ouml;&szlig;en\n\nDas Caf&eacute;, &#252;ber &#xDF;, \\&ouml;, &unknown;\n"
        "&notit; `&ouml;` und ``a ` &uuml;`` aber `&auml;\n\n    code &auml;\n\n- Liste\n\n    darin &auml;\n\n"
        "```\n&auml;\n```\n\n<td>Caf&eacute;</td>\n\n<!-- &auml; -->\n\n"
        "| &Uuml;ber | B |\n|---|---|\n| 1 | &euro; |\n\n## Ende &lt;x&gt;\n"
    )
    document = read(text, "a.md")
    assert document.text == (
        "---\ntitle: a &amp; b\n---\n# Größen\n\nDas Café, über ß, \\&ouml;, &unknown;\n"
        "&notit; `&ouml;` und ``a ` &uuml;`` aber `ä\n\n    code &auml;\n\n- Liste\n\n    darin ä\n\n"
        "```\n&auml;\n```\n\n<td>Café</td>\n\n<!-- &auml; -->\n\n| Über | B |\n|---|---|\n| 1 | € |\n\n## Ende <x>\n"
    )
    assert headings(document) == [(1, "Größen"), (2, "Ende <x>")]
    assert tables(document) == [("Über | B", "| Über | B |\n|---|---|\n| 1 | € |")]


def test_ruby_in_markdown_is_its_base_text() -> None:
    ruby = "<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp>字<RT class='x'>じ</ruby>"
    text = f"# {ruby}を読む\n\n{ruby}です &amp; `{ruby}`\n\n<p>{ruby}</p>\n\n"
    text += "<ruby><rb>東京</rb>\n<rt>とうきょう</rt></ruby>\n"
    document = read(text, "a.md")
    assert document.text == f"# 漢字を読む\n\n漢字です & `{ruby}`\n\n<p>漢字</p>\n\n東京\n\n"
    assert headings(document) == [(1, "漢字を読む")]
    wiki = f"<mediawiki><page><title>A</title><revision><text>{escape(ruby)}を</text></revision></page></mediawiki>"
    assert "漢字を" in read(wiki, "a.xml").text


def test_asciidoc_entities_are_decoded_outside_verbatim_blocks() -> None:
    text = "= Gr&ouml;&szlig;en\n\nDas Caf&#233;.\n\n----\n&ouml;\n----\n\n"
    text += "== &Uuml;ber\n\n|===\n|A&auml; |B\n\n|1 |2\n|===\n"
    document = read(text, "a.adoc")
    assert document.text == ("= Größen\n\nDas Café.\n\n----\n&ouml;\n----\n\n== Über\n\n|===\n|Aä |B\n\n|1 |2\n|===\n")
    assert headings(document) == [(1, "Größen"), (2, "Über")]
    assert tables(document) == [("Aä | B", "|Aä |B\n\n|1 |2")]


def test_an_entity_begins_no_line() -> None:
    assert read("a&#10;# b &#13;&#x2028; c\n", "a.md").text == "a # b    c\n"


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        (r"Stra\ss e, Stra{\ss}e und Gr\"o\ss{}e", "Straße, Straße und Größe"),
        (
            r"M\"uller M{\"u}ller M\"{u}ller {\"{U}}ber {\"U}ber {\'E}cole {\'Etat}",
            "Müller Müller Müller Über Über École {État}",
        ),
        (
            r"na\"{\i}ve na\"\i ve \'{\i} gar\c{c}on gar\c con Du\v{s}an Erd\H{o}s \k{e}",
            "naïve naïve í garçon garçon Dušan Erdős ę",
        ),
        (
            r"\O re sm{\o}rrebr{\o}d \AA ngstr\"om \L{}\'od\'z c{\oe}ur \~nandu",
            "Øre smørrebrød Ångström Łódź cœur ñandu",
        ),
        (r"max\_size Wachs\-tum", "max_size Wachstum"),
        (
            r"a\\" + '"u ' + r"\alpha_1 \= a \verb|\"u| \omega \ssfoo",
            r"a\\" + '"u ' + r"\alpha_1 \= a \verb|\"u| \omega \ssfoo",
        ),
        ("\\begin{verbatim}\n\\\"u\n\\end{verbatim}\n\\\"u", "\\begin{verbatim}\n\\\"u\n\\end{verbatim}\nü"),
        (r"\newcommand{\v}[1]{\mathbf{#1}} $\v{c}$ \u{a}", r"\newcommand{\v}[1]{\mathbf{#1}} $\v{c}$ ă"),
        ('\\usepackage[ngerman]{babel} Gr"u"se "`Schl"usse"\'', '\\usepackage[ngerman]{babel} Grüße „Schlüsse“'),
        ('the "usual" text', 'the "usual" text'),
    ],
)  # fmt: skip
def test_latex_is_read_as_it_is_printed(written: str, printed: str) -> None:
    assert read(written, "a.tex").text == printed
    assert read(written, "a.bib").text == printed


def test_latex_headings_stand_where_they_are_printed() -> None:
    document = read('M\\"uller {\\ss}\n\\section{\\"Uber\n  uns}\ntext\n\\subsection{Caf\\\'e}\n', "a.tex")
    assert [(heading.level, heading.text) for heading in document.headings] == [(3, "Über uns"), (4, "Café")]
    assert [document.text[heading.char_start :].split("{")[0] for heading in document.headings] == [
        "\\section", "\\subsection",
    ]  # fmt: skip
    chapter = read('\\chapter{"Uber Stra"sen}\n\nDie Gr"o"se der "Ubung, "`gut"\'.\n', "k.tex")
    assert chapter.text == "\\chapter{Über Straßen}\n\nDie Größe der Übung, „gut“.\n"
    assert (chapter.headings[0].text, chapter.title) == ("Über Straßen", "Über Straßen")
    assert read('\\section{a} b"abc" f"abc" "abc"', "k.tex").text == '\\section{a} b"abc" f"abc" "abc"'


def test_vcards_are_people() -> None:
    old = (
        "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=BCrgen;;Dr.;\r\n"
        "FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=BCrgen M=\r\n=C3=BCller\r\nTEL;WORK;VOICE:+49 30 1234\r\n"
        "ADR;HOME;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:;;Gr=FCner Weg 5;K=F6ln;;50667;\r\n"
        "PHOTO;ENCODING=BASE64;JPEG:/9j/4AAQ\r\n SkZJRgAB\r\n\r\nEND:VCARD\r\n"
    )
    new = (
        'BEGIN:VCARD\nVERSION:4.0\nFN:Zoë Ångström\nitem1.EMAIL;TYPE="work,home";PREF=1:zoe@example.org\n'
        "NOTE:Grows pota\n toes\\, mostly\nPHOTO:data:image/png;base64,AAAA\nKEY;ENCODING=b:AAAA\nEND:VCARD\n"
    )
    document = read(old + new, "people.vcf")
    assert document.text == (
        "Jürgen Müller\nN: Dr. Jürgen Müller\nTEL (WORK): +49 30 1234\nADR (HOME): Grüner Weg 5, Köln, 50667\n\n"
        "Zoë Ångström\nEMAIL (WORK, HOME): zoe@example.org\nNOTE: Grows potatoes, mostly"
    )
    assert headings(document) == [(1, "Jürgen Müller"), (1, "Zoë Ångström")]
    assert (document.title, read(new, "zoe.vcf").title) == (None, "Zoë Ångström")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"NOTE:K\xc3\r\n \xbchler", "K\u00fchler"),
        (b"NOTE;QUOTED-PRINTABLE:two =\r\n words =\r\n=FC", "two  words \u00fc"),
        (b"NOTE:C:\\Users\\Ann\\, B\\\\C", "C:\\Users\\Ann, B\\C"),
        (b"NOTE:one\r two", "onetwo"),
        (b"NOTE;QUOTED-PRINTABLE:a=00=01=02b", "ab"),
    ],
)
def test_the_lines_of_a_vcard_are_put_together_and_decoded(line: bytes, shown: str) -> None:
    lines = (b"BEGIN:VCARD", line, b"TEL:1234", b"END:VCARD")
    text = load(b"\r\n".join(lines), source="a.vcf").text
    assert "".join(filter(str.isprintable, text.replace("\n", "|"))) == f"NOTE: {shown}|TEL: 1234"


def test_many_lines_of_one_value_take_linear_time() -> None:
    started = process_time()
    read("BEGIN:VCARD\nNOTE;QUOTED-PRINTABLE:" + "a=\n" * 100_000 + "\nTEL:1", "a.vcf")
    assert process_time() - started < 2


# Tables


@pytest.mark.parametrize(
    ("above", "rows", "header"),
    [
        ("sep=;\n", "id;name\n1;a\n2;b\n", "id | name"),
        ('"sep=|"\n', "id|name\n1|a\n2|b\n", "id | name"),
        ("Umsatzbericht März 2024\n\n", "id;name;ort\n1;a;b\n2;c;d\n", "id | name | ort"),
        ("Report,,\nGenerated: 2024-03-01,,\n,,\n", "id,name,city\n1,a,b\n2,c,d\n", "id | name | city"),
        ("Sales, north and south\n", "id\tname\n1\ta\n2\tb\n3\tc\n", "id | name"),
        ("Konto;DE12\nStand;1.234,56\n\n", '"Tag";"Wer";"Betrag"\n' + "1.1.;Amt;-80,00\n" * 5, "Tag | Wer | Betrag"),
        ('Export of "users"\n', 'id,note\n1,"two\nlines"\n2,x\n', "id | note"),
        ("", "id,name,\n1,a,\n2,b,\n", "id | name"),
    ],
)
def test_a_table_is_found_below_what_a_report_says_above_it(above: str, rows: str, header: str) -> None:
    document = read(above + rows, "a.csv")
    assert document.text == above + rows
    assert tables(document) == [(header, rows.rstrip("\n"))]


# Org


def test_org_headlines_title_and_tables() -> None:
    text = (
        "#+TITLE: My *garden*\n#+TODO: WAIT(w) | GONE\n\n* TODO [#A] Prune the *old* tree [1/3] :garden:spring:\ntext\n"
        "#+begin_src org\n* no headline\n#+end_src\n** WAIT See [[https://example.org][the manual]]\n*bold* text\n"
        "**** Deep\n| Plant | When |\n|-------+------|\n| oak   | May  |\n\n* COMMENT Later\n*none\n"
    )
    document = read(text, "a.org")
    assert document.text == text
    assert [(heading.level, heading.text) for heading in document.headings] == [
        (1, "Prune the old tree"), (2, "See the manual"), (4, "Deep"), (1, "Later"),
    ]  # fmt: skip
    assert all(text[heading.char_start] == "*" for heading in document.headings)
    assert tables(document) == [("Plant | When", "| Plant | When |\n|-------+------|\n| oak   | May  |")]
    assert document.title == "My garden"
    assert read("* One :tag:\n", "a.org").title == "One"


# MediaWiki


def wiki(*pages: str) -> str:
    site = "<siteinfo><sitename>House wiki</sitename></siteinfo>"
    return f'<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/">{site}{"".join(pages)}</mediawiki>'


def page(title: str, *texts: str) -> str:
    revisions = "".join(f"<revision><id>1</id><text>{text}</text></revision>" for text in texts)
    return f"<page><title>{title}</title><ns>0</ns>{revisions}</page>"


BOILER = """{{Device
| Name = Boiler
| Built = 1998
}}
The '''boiler''' stands in the [[Cellar (house)|cellar]].&lt;ref&gt;See [http://example.org the manual].&lt;/ref&gt; It
is {{lang|de|groß}}.&lt;!-- no --&gt;

== Care ==
* Change the [[filter]]
[[File:Boiler.jpg|thumb|300px|Seen from ''above'']]
{| class="wikitable"
! Month !! Who
|-
| style="color:red" | May || Jürgen
|}
=== Restart ===
&lt;pre&gt;
sudo  restart
&lt;/pre&gt;
{{stub}} a &amp;lt; b"""


def test_a_wiki_is_read_page_by_page() -> None:
    document = read(wiki(page("Boiler", "old", BOILER), page("Garden", "Roses.")), "wiki.xml")
    assert document.text == (
        "Boiler\n\nName: Boiler\nBuilt: 1998\n\nThe boiler stands in the cellar. (See the manual.) It is de, groß.\n\n"
        "Care\n\nChange the filter\nSeen from above\n\nMonth | Who\nMay | Jürgen\n\nRestart\n\n"
        "sudo  restart\n\na < b\n\n"
        "Garden\n\nRoses."
    )
    assert headings(document) == [(1, "Boiler"), (2, "Care"), (3, "Restart"), (1, "Garden")]
    assert tables(document) == [("Month | Who", "Month | Who\nMay | Jürgen")]
    assert (document.title, document.notices) == ("House wiki", ())
    assert read(wiki(page("Boiler", "old", BOILER)), "dump").title == "Boiler"


def test_a_page_of_a_wiki_alone() -> None:
    document = read("Hot.\n== Care ==\n* [[oil|Oil]] it\n", "boiler.mediawiki")
    assert (document.text, document.title) == ("Hot.\n\nCare\n\nOil it", "Care")


def test_a_wiki_that_was_cut_off_says_so() -> None:
    document = read(wiki(page("Boiler", "Hot."), page("Garden", "Roses."))[:-90], "wiki.xml")
    assert "Hot." in document.text
    assert len(document.notices) == 1


# Notebooks


def test_notebook_outputs_are_read_in_the_form_that_says_most() -> None:
    frame = (
        "<style>td {}</style><table><thead><tr><th></th><th>name</th></tr></thead>"
        "<tr><th>0</th><td>oak</td></tr></table>"
    )
    shown = [
        {"text/plain": "  name ...", "text/html": frame},
        {"text/plain": "<Markdown object>", "text/markdown": "## It is **42**"},
        {"text/plain": "<HTML object>", "text/html": "<script>draw()</script>"},
        {"text/plain": "<Figure size 1x1>", "image/png": "AA"},
    ]
    trace = ["\x1b[0;31mE\x1b[0m Traceback", "line \x1b[38;5;241m1\x1b[39m"]
    outputs = [
        *({"output_type": "display_data", "data": data} for data in shown),
        {"output_type": "error", "ename": "E", "evalue": "x", "traceback": trace},
        {"output_type": "error", "ename": "KeyError", "evalue": "'y'"},
    ]
    cells = [
        {"cell_type": "code", "source": "run()", "outputs": outputs},
        {"cell_type": "markdown", "source": "# &Uuml;"},
    ]
    document = read(json.dumps({"cells": cells}), "a.ipynb")
    assert document.text == (
        "run()\n\n| name\n0 | oak\n\n## It is **42**\n\nE Traceback\nline 1\n\nKeyError: 'y'\n\n# Ü"
    )
    assert headings(document) == [(2, "It is 42"), (1, "Ü")]
    assert tables(document) == [("| name", "| name\n0 | oak")]


# Time


@pytest.mark.parametrize(
    ("source", "pattern"),
    [
        ("a.md", "`&auml; "), ("a.md", "&auml;"), ("a.json", "\\u00fc"), ("a.tex", '{\\"'), ("a.tex", "\\ss "),
        ("a.org", "#+begin_src\n"), ("a.vcf", "N;QUOTED-PRINTABLE:=\n"), ("a.csv", "a;b,c\n"), ("a.txt", "\u00fc"),
    ],
)  # fmt: skip
def test_time_grows_with_the_text_not_its_square(source: str, pattern: str) -> None:
    def seconds(size: int) -> float:
        data = (pattern * (size // len(pattern))).encode()
        started = process_time()
        load(data, source=source)
        return process_time() - started

    seconds(1000)
    long, short = (min(seconds(size) for _ in range(2)) for size in (80_000, 20_000))
    assert long < 12 * short + 0.05


@pytest.mark.parametrize("pattern", ["0f", "aB", "a_", "a-", "wort", "語", "a1.", "e\u0301"])
def test_a_line_without_spaces_costs_no_more_than_its_length(pattern: str) -> None:
    analyzer = Analyzer("german")

    def seconds(size: int) -> float:
        data = (pattern * size).encode()
        started = process_time()
        text = load(data, source="a.txt").text
        detect_language(text)
        analyzer.terms(text)
        return process_time() - started

    seconds(5000)  # loads what is loaded once
    long, short = (min(seconds(size) for _ in range(3)) for size in (20_000, 5000))
    assert long < 12 * short + 0.05
