"""What a DOCX holds besides the paragraphs and tables of its body."""

import pytest

from ingest.loaders.office.docx import load_docx
from retrieval.errors import LoadError
from tests.office_samples import chart, docx, paragraph, part, run, shown_chart

ONE = paragraph("one")
SECRET, OFF = '<w:rStyle w:val="Secret"/>', '<w:vanish w:val="0"/>'

PAGE = "<w:r><w:instrText> PAGE </w:instrText></w:r>"
LIST = '<w:ddList><w:result w:val="1"/><w:listEntry w:val="a"/><w:listEntry w:val="b"/></w:ddList>'
TICKED = "<w:checkBox><w:checked/></w:checkBox>"


def character(kind: str, form: str = "") -> str:
    """What begins, parts or ends a field; `form` is the XML of what it is in a form."""
    return f'<w:r><w:fldChar w:fldCharType="{kind}"><w:ffData>{form}</w:ffData></w:fldChar></w:r>'


def form(content: str) -> str:
    return character("begin", content) + character("end")


def field(instruction: str, result: str) -> str:
    return f"{character('begin')}{instruction}{character('separate')}{run(result)}{character('end')}"


def text(body: str, **parts: tuple[str, str | bytes]) -> str:
    return load_docx(docx(body, parts), source="a.docx").text


def test_headers_and_footers_are_written_once() -> None:
    page = run("Page ") + '<w:fldSimple w:instr=" PAGE "><w:r><w:t>7</w:t></w:r></w:fldSimple>'
    ruled = part("w:ftr", "<w:p><w:r><w:t>- -</w:t></w:r></w:p>")
    assert (
        text(
            ONE,
            h1=("header", part("w:hdr", paragraph("Project Heron", style="Heading1"))),
            h2=("header", part("w:hdr", paragraph("Project Heron"))),
            f1=("footer", part("w:ftr", paragraph("Draft") + f"<w:p>{page}</w:p>")),
            f2=("footer", ruled),
            f3=("footer", part("w:ftr", f"<w:p>{run('HX-12 / ')}{field(PAGE, '3')}</w:p>")),
        )
        == "one\n\nProject Heron\n\nDraft\n\nHX-12 /"
    )


def test_notes_and_comments_follow_the_text() -> None:
    notes = part("w:footnotes", f'<w:footnote w:type="separator"><w:p/></w:footnote>{paragraph("a note")}')
    comments = part(
        "w:comments",
        f'<w:comment w:author="Ann">{paragraph("too dear")}{paragraph("really")}</w:comment>'
        f'<w:comment w:author="Ben"><w:p/></w:comment><w:comment>{paragraph("fine")}</w:comment>',
    )
    found = text(ONE, n=("footnotes", notes), c=("comments", comments))
    assert found == "one\n\na note\n\nAnn: too dear\n\nreally\n\nfine"


def test_a_text_box_is_written_once_and_behind_its_paragraph() -> None:
    inside = f"<w:txbxContent>{paragraph('in the box')}</w:txbxContent>"
    choice = f'<mc:Choice Requires="wps"><w:drawing><wps:txbx>{inside}</wps:txbx></w:drawing></mc:Choice>'
    fallback = f"<mc:Fallback><w:pict><v:textbox>{inside}</v:textbox></w:pict></mc:Fallback>"
    for content in (choice + fallback, f'<mc:Choice Requires="wpx"/>{fallback}', choice):
        box = f"<w:r><mc:AlternateContent>{content}</mc:AlternateContent></w:r>"
        assert text(f"<w:p>{run('Del')}{box}{run('iver')}</w:p>{ONE}") == "Deliver\n\nin the box\n\none"


def test_charts_and_diagrams_follow_their_paragraph() -> None:
    values = chart("Growth", ["Oslo", "Turin"], rain=[0.25, 0.5], snow=[0, 0.125])
    points = (
        '<d:pt><d:prSet phldr="1"/><d:t><a:p><a:r><a:t>[Text]</a:t></a:r></a:p></d:t></d:pt>'
        "<d:pt><d:t><a:p><a:r><a:t>first step</a:t></a:r></a:p></d:t></d:pt>"
    )
    diagram = part("d:dataModel", f"<d:ptLst>{points}</d:ptLst>")
    drawn = f'<w:drawing>{shown_chart("c")}</w:drawing><w:drawing><d:relIds r:dm="d"/></w:drawing>'
    document = load_docx(
        docx(f"<w:p><w:r>{drawn}</w:r>{run('see')}</w:p>", {"c": ("chart", values), "d": ("diagramData", diagram)}),
        source="a",
    )
    table = "| rain | snow\nOslo | 25.0% | 0.0%\nTurin | 50.0% | 12.5%"
    assert document.text == f"see\n\nGrowth\n\n{table}\n\nfirst step"
    assert [found.header for found in document.tables] == ["| rain | snow"]


def test_charts_of_the_newer_kind() -> None:
    levels = "".join(f'<cx:pt idx="{i}">{name}</cx:pt>' for i, name in enumerate(["Start", "Loss"]))
    numbers = "".join(f'<cx:pt idx="{i}">{value}</cx:pt>' for i, value in enumerate([120, -20]))
    data = (
        f'<cx:data id="0"><cx:strDim type="cat"><cx:lvl>{levels}</cx:lvl></cx:strDim>'
        f'<cx:numDim type="val"><cx:lvl formatCode="0.00">{numbers}</cx:lvl></cx:numDim></cx:data>'
    )
    series = '<cx:series><cx:tx><cx:txData><cx:v>Cash</cx:v></cx:txData></cx:tx><cx:dataId val="0"/></cx:series>'
    titled = "<cx:title><cx:tx><cx:txData><cx:v>Bridge</cx:v></cx:txData></cx:tx></cx:title>"
    root = part("cx:chartSpace", f"<cx:chartData>{data}</cx:chartData><cx:chart>{titled}{series}</cx:chart>")
    found = text('<w:p><w:r><w:drawing><cx:chart r:id="c"/></w:drawing></w:r></w:p>', c=("chartEx", root))
    assert found == "Bridge\n\n| Cash\nStart | 120.00\nLoss | -20.00"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"<html><body><h2>Terms</h2><p>caf&eacute;</p></body></html>", "Terms\n\ncafé"),
        ("<p>gr\u00fcn</p>".encode("utf-16"), "gr\u00fcn"),
        (b"plain \xc3\xa4\nlines", "plain ä\nlines"),
        (rb"{\rtf1\ansi rich \'e9}", "rich é"),
        (docx(paragraph("within")), "within"),
        (
            b"MIME-Version: 1.0\nContent-Type: multipart/related; boundary=x\n\n--x\nContent-Type: text/html;"
            b" charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n<p>gr=C3=BCn</p>\n--x--\n",
            "grün",
        ),
    ],
    ids=["html", "utf-16", "text", "rtf", "docx", "mht"],
)
def test_a_document_taken_in_whole_stands_where_it_was_put(content: bytes, found: str) -> None:
    body = f'{ONE}<w:altChunk r:id="k"/>{paragraph("two")}'
    assert text(body, k=("aFChunk", content)) == f"one\n\n{found}\n\ntwo"


def test_documents_within_documents_end_somewhere() -> None:
    data = docx(ONE)
    for _ in range(9):
        data = docx(f'{ONE}<w:altChunk r:id="k"/>', {"k": ("aFChunk", data)})
    assert set(load_docx(data, source="a").text.split()) == {"one"}


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"\x89PNG\r\n\x1a\n" + bytes(range(32))])
def test_a_damaged_document_within_is_reported(content: bytes) -> None:
    taken_in = '<w:altChunk r:id="k"/>'
    with pytest.raises(LoadError, match="takes in cannot be read: "):
        text(taken_in, k=("aFChunk", content))
    document = load_docx(docx(f"{ONE}{taken_in}{paragraph('two')}", {"k": ("aFChunk", content)}), source="a.docx")
    assert document.text == "one\n\ntwo"
    assert ["cannot be read" in notice for notice in document.notices] == [True]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (f"<w:p><w:ins>{run('new ')}</w:ins><w:del>{run('old')}</w:del>{run('text')}</w:p>", "new text"),
        (f"<w:p><w:moveFrom>{run('here')}</w:moveFrom><w:moveTo>{run('there')}</w:moveTo></w:p>", "there"),
        (f"<w:tbl><w:tr><w:trPr><w:del/></w:trPr><w:tc>{ONE}</w:tc></w:tr></w:tbl>{paragraph('two')}", "two"),
        (f"<w:p>{run('a ')}{run('b ', '<w:vanish/>')}{run('c', OFF)}</w:p>", "a c"),
        (f"<w:p>{run('a ')}{run('b', SECRET)}{run('c', SECRET + OFF)}</w:p>{paragraph('d', style='Secret')}", "a c"),
        (f"<w:sdt><w:sdtPr/><w:sdtContent>{ONE}</w:sdtContent></w:sdt>", "one"),
        (f'<w:p><w:hyperlink r:id="x">{run("linked")}</w:hyperlink></w:p>', "linked"),
        (f"<w:p>{field(PAGE.replace('PAGE', 'REF x'), 'result')}</w:p>", "result"),
        (f"<w:p>{field(PAGE, '7')}{run('a ')}{field(field(PAGE, 'gone'), 'yes')}{run(' b')}</w:p>", "a yes b"),
        (f"<w:p>{character('begin')}{run('gone')}</w:p>{paragraph('two')}", "two"),
        (f"<w:p>{form(LIST)}{form(TICKED)}</w:p>", "b☒"),
        ('<w:p><w:r><w:t>5 </w:t><w:sym w:font="Symbol" w:char="F06D"/><w:t>m</w:t></w:r></w:p>', "5 μm"),
        ('<w:p><w:r><w:sym w:font="Wingdings" w:char="F0FC"/><w:t>m</w:t></w:r></w:p>', "m"),
        ("<w:p><m:oMath><m:f><m:num><m:r><m:t>a</m:t></m:r></m:num><m:den><m:r><m:t>b</m:t></m:r></m:den></m:f>"
         "</m:oMath></w:p>", "a/b"),
        ("<w:p><w:r><w:ruby><w:rt><w:r><w:t>かん</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>漢</w:t></w:r></w:rubyBase>"
         "</w:ruby><w:t>字</w:t></w:r></w:p>", "漢字"),
        (rf"<w:p>{character('begin')}<w:r><w:instrText>EQ \* hps10 \o\ad(\s\up 9(</w:instrText></w:r>"
         rf"<w:r><w:instrText>かん),漢)</w:instrText></w:r>{character('end')}{run('字')}</w:p>", "漢字"),
        (rf"<w:p><w:r><w:instrText>x</w:instrText></w:r>{character('begin')}<w:r><w:instrText>XE \o(a,b)</w:instrText>"
         rf"</w:r>{character('end')}{run('c')}</w:p>", "c"),
        ('<w:p><w:r><w:pict><v:shape><v:textpath string="DRAFT"/></v:shape></w:pict></w:r></w:p>', "DRAFT"),
    ],
)  # fmt: skip
def test_what_a_reader_sees_is_written(body: str, found: str) -> None:
    styles = part("w:styles", '<w:style w:styleId="Secret"><w:rPr><w:vanish/></w:rPr></w:style>')
    assert text(body, styles=("styles", styles)) == found


def picture(description: str) -> str:
    return (
        f'<w:p><w:r><w:drawing><wp:inline><wp:docPr id="1" descr="{description}"/></wp:inline></w:drawing></w:r></w:p>'
    )


def test_pictures_are_worth_what_someone_wrote_of_them() -> None:
    assert text(picture("Map of the harbour")) == "Map of the harbour"
    for junk in ("", "scan 01.png", "IMG_0001", "A dog on grass Description automatically generated", "logo"):
        assert text(picture(junk)) == ""
