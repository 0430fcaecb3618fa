"""Small OOXML packages for the tests of what their loaders find outside the main text."""

from collections.abc import Mapping

from tests.loaders_samples import OFFICE, archive, related

NAMESPACES = " ".join(
    f'xmlns:{prefix}="{uri}"'
    for prefix, uri in {
        "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        "p": "http://schemas.openxmlformats.org/presentationml/2006/main",
        "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
        "c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
        "cx": "http://schemas.microsoft.com/office/drawing/2014/chartex",
        "d": "http://schemas.openxmlformats.org/drawingml/2006/diagram",
        "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
        "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
        "v": "urn:schemas-microsoft-com:vml",
        "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
        "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
        "x": "http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing",
        "r": OFFICE,
    }.items()
)  # fmt: skip


def part(name: str, content: str) -> str:
    """The XML of a part whose root has that name."""
    return f"<{name} {NAMESPACES}>{content}</{name}>"


def paragraph(*texts: str, style: str = "") -> str:
    """A paragraph of a DOCX, with a run for each text."""
    named = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{named}{''.join(map(run, texts))}</w:p>"


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def docx(body: str, parts: Mapping[str, tuple[str, str | bytes]] | None = None) -> bytes:
    """A DOCX with this XML in its body.

    parts  other parts, by the ids of the relations that lead to them: the relation's type, and the content.
    """
    others = parts or {}
    relations = {identifier: f"{kind} {identifier}.xml" for identifier, (kind, _) in others.items()}
    return archive(
        {
            "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
            "_rels/.rels": related(r1="officeDocument word/document.xml"),
            "word/document.xml": part("w:document", f"<w:body>{body}</w:body>"),
            "word/_rels/document.xml.rels": related(**relations),
            **{f"word/{identifier}.xml": content for identifier, (_, content) in others.items()},
        }
    )


def chart(title: str, categories: list[str], **series: list[float]) -> str:
    """The part of a chart with these values."""
    points = "".join(f'<c:pt idx="{i}"><c:v>{name}</c:v></c:pt>' for i, name in enumerate(categories))
    drawn = "".join(
        f'<c:ser><c:tx><c:strRef><c:f>S!$A$1</c:f><c:strCache><c:pt idx="0"><c:v>{name}</c:v></c:pt></c:strCache>'
        f"</c:strRef></c:tx><c:cat><c:strRef><c:f>S!A2</c:f><c:strCache>{points}</c:strCache></c:strRef></c:cat>"
        "<c:val><c:numRef><c:f>S!B2</c:f><c:numCache><c:formatCode>0.0%</c:formatCode>"
        + "".join(f'<c:pt idx="{i}"><c:v>{value}</c:v></c:pt>' for i, value in enumerate(values))
        + "</c:numCache></c:numRef></c:val></c:ser>"
        for name, values in series.items()
    )
    titled = f"<c:title><c:tx><c:rich><a:p><a:r><a:t>{title}</a:t></a:r></a:p></c:rich></c:tx></c:title>"
    return part("c:chartSpace", f"<c:chart>{titled}<c:plotArea><c:barChart>{drawn}</c:barChart></c:plotArea></c:chart>")


def shown_chart(relation: str) -> str:
    """What stands for a chart in a drawing."""
    return f'<a:graphic><a:graphicData><c:chart r:id="{relation}"/></a:graphicData></a:graphic>'
