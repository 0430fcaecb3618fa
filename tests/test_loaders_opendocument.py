"""What an ODT or ODP holds besides its paragraphs and tables."""

import pytest

from ingest.loaders.office.opendocument import load_opendocument
from tests.loaders_samples import OPEN_DOCUMENT, open_document, with_part

BOX = "<draw:frame><draw:text-box><text:p>in the box</text:p></draw:text-box></draw:frame>"
SAID = "<office:annotation><dc:creator xmlns:dc='d'>Ann</dc:creator><text:p>too dear</text:p></office:annotation>"


def text(body: str, *, styles: str = "", parts: dict[str, str] | None = None, kind: str = "text") -> str:
    data = open_document(body, kind=kind)
    for name, content in {"styles.xml": styles, **(parts or {})}.items():
        root = f"<office:document {OPEN_DOCUMENT}>{content}</office:document>"
        data = with_part(data, name=name, content=root.encode())
    return load_opendocument(data, source="a").text


def test_headers_and_footers_are_written_once() -> None:
    header = "<style:header><text:p>Project Heron</text:p></style:header>"
    footer = "<style:footer><text:p>Draft <text:page-number>3</text:page-number></text:p></style:footer>"
    page = f"<style:master-page><style:header-style/>{footer}{header}</style:master-page>"
    found = text("<text:p>one</text:p>", styles=f"<office:master-styles>{page}{page}</office:master-styles>")
    assert found == "one\n\nProject Heron\n\nDraft"


def test_footers_of_slides_are_written_once() -> None:
    declared = '<presentation:footer-decl presentation:name="f">Project Heron</presentation:footer-decl>'
    page = f"<draw:page>{BOX}{SAID}</draw:page>"
    assert text(f"{declared}{page}<draw:page/>", kind="presentation") == "in the box\n\nAnn: too dear\n\nProject Heron"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (f"<text:p>Del{BOX}iver</text:p><text:p>two</text:p>", "Deliver\n\nin the box\n\ntwo"),
        (f"<text:p>o{SAID}ne</text:p><text:p>two</text:p>", "one\n\ntwo\n\nAnn: too dear"),
        ('<text:section text:display="none"><text:p>gone</text:p></text:section><text:p>here</text:p>', "here"),
        ("<text:p>a<text:hidden-text>gone</text:hidden-text><text:placeholder>here</text:placeholder></text:p>", "a"),
    ],
)
def test_what_a_reader_sees_is_written(body: str, found: str) -> None:
    assert text(body) == found


def test_hidden_styles_are_left_out() -> None:
    style = '<style:style style:name="H"><style:text-properties text:display="none"/></style:style>'
    body = '<text:p>a<text:span text:style-name="H">b</text:span>c</text:p><text:p text:style-name="H">d</text:p>'
    assert text(body, styles=f"<office:styles>{style}</office:styles>") == "ac"


def test_charts_are_written_with_their_values() -> None:
    cells = "".join(f"<table:table-cell><text:p>{value}</text:p></table:table-cell>" for value in ("Porto", "10"))
    table = f"<table:table><table:table-row>{cells}</table:table-row></table:table>"
    chart = f"<chart:title xmlns:chart='c'><text:p>Demand</text:p></chart:title>{table}"
    shown = "<draw:frame><draw:object xlink:href='./Object 1' xmlns:xlink='x'/></draw:frame>"
    found = text(
        f"<text:p>see</text:p>{shown}{shown}", parts={"Object 1/content.xml": f"<office:body>{chart}</office:body>"}
    )
    assert found == "see\n\nDemand\n\nPorto | 10"
