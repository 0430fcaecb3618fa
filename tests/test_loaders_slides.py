"""What a PPTX holds besides the text in its shapes."""

from ingest.loaders.office.presentation import load_presentation
from tests.loaders_samples import archive, related, shape
from tests.office_samples import chart, part, shown_chart

COMMENTS = (
    '<p:cm authorId="0"><p:text>too long</p:text></p:cm><p:cm authorId="{B}"><p:txBody><a:p><a:r><a:t>cut</a:t></a:r>'
    "</a:p><a:p><a:r><a:t>it</a:t></a:r></a:p></p:txBody><p:replyLst><p:reply><p:txBody><a:p><a:r><a:t>done</a:t>"
    "</a:r></a:p></p:txBody></p:reply></p:replyLst></p:cm>"
)


def slides(*shapes: str, **parts: tuple[str, str]) -> bytes:
    """A PPTX of these slides; the other parts, by id, belong to each of them."""
    count = range(1, len(shapes) + 1)
    relations = related(**{identifier: f"{kind} {identifier}.xml" for identifier, (kind, _) in parts.items()})
    entries = "".join(f'<p:sldId r:id="s{n}"/>' for n in count)
    return archive(
        {
            "_rels/.rels": related(r1="officeDocument ppt/presentation.xml"),
            "ppt/presentation.xml": part("p:presentation", f"<p:sldIdLst>{entries}</p:sldIdLst>"),
            "ppt/_rels/presentation.xml.rels": related(
                **{f"s{n}": f"slide s{n}.xml" for n in count}, a="commentAuthors a.xml", b="authors b.xml"
            ),
            "ppt/a.xml": part("p:cmAuthorLst", '<p:cmAuthor id="0" name="Ann"/>'),
            "ppt/b.xml": part("p:authorLst", '<p:author id="{B}" name="Ben"/>'),
            **{f"ppt/{identifier}.xml": content for identifier, (_, content) in parts.items()},
            **{
                f"ppt/s{n}.xml": part("p:sld", f"<p:cSld><p:spTree>{content}</p:spTree></p:cSld>")
                for n, content in zip(count, shapes, strict=True)
            },
            **{f"ppt/_rels/s{n}.xml.rels": relations for n in count},
        }
    )


def test_charts_stand_among_the_shapes() -> None:
    frame = f"<p:graphicFrame>{shown_chart('c')}</p:graphicFrame>"
    group = f"<p:grpSp>{frame}<p:grpSp>{shape('in a group')}</p:grpSp></p:grpSp>"
    drawn = chart("Demand", ["Porto", "Ghent"], bicycles=[0.1, 0.2])
    document = load_presentation(slides(group + shape("after"), c=("chart", drawn)), source="a")
    table = "| bicycles\nPorto | 10.0%\nGhent | 20.0%"
    assert document.text == f"Demand\n\n{table}\n\nin a group\n\nafter"
    assert [found.header for found in document.tables] == ["| bicycles"]


def test_what_only_newer_programs_show_goes_before_its_fallback() -> None:
    drawn = chart("Demand", ["Porto"], bicycles=[0.1])
    frame = f"<p:graphicFrame>{shown_chart('c')}</p:graphicFrame>"
    branches = f"<mc:Choice>{frame}</mc:Choice><mc:Fallback>{shape('old')}</mc:Fallback>"
    alternate = f"<mc:AlternateContent>{branches}</mc:AlternateContent>"
    assert "old" not in load_presentation(slides(alternate, c=("chart", drawn)), source="a").text
    alternate = alternate.replace(frame, "<p:sp/>")
    assert load_presentation(slides(alternate), source="a").text == "old"


def test_comments_follow_their_slide() -> None:
    comments = part("p:cmLst", COMMENTS)
    document = load_presentation(slides(shape("words"), m=("comments", comments)), source="a")
    assert document.text == "words\n\nAnn: too long\n\nBen: cut it\n\ndone"


def test_all_that_stands_on_a_page_of_notes_is_written() -> None:
    shapes = (
        shape("said aloud", placeholder='type="body"') + shape("in a box") + shape("7", placeholder='type="sldNum"')
    )
    header = shape("Heron", placeholder='type="hdr"')
    notes = part("p:notes", f"<p:cSld><p:spTree>{header}{shapes}</p:spTree></p:cSld>")
    document = load_presentation(slides(shape("a"), shape("b"), n=("notesSlide", notes)), source="a")
    assert document.text == "a\n\nHeron\n\nsaid aloud\n\nin a box\n\nb\n\nsaid aloud\n\nin a box"


def test_a_footer_of_every_slide_is_written_once() -> None:
    footer = shape("Project Heron", placeholder='type="ftr"') + shape("3", placeholder='type="sldNum"')
    other = shape("Appendix", placeholder='type="ftr"')
    found = load_presentation(slides(shape("a") + footer, shape("b") + footer, shape("c") + other), source="a")
    assert found.text == "a\n\nProject Heron\n\nb\n\nc\n\nAppendix"
    assert found.page_at(found.text.index("b")) == 2


def test_slides_of_pictures_alone_have_no_text() -> None:
    picture = '<p:pic><p:nvPicPr><p:cNvPr id="4" name="Picture 3" descr="scan.png"/></p:nvPicPr></p:pic>'
    assert load_presentation(slides(picture, picture), source="a").text == ""
    described = picture.replace("scan.png", "The bridge at night")
    assert load_presentation(slides(described), source="a").text == "The bridge at night"
