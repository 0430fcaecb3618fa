"""PPTX: slides in order, with their titles, tables, diagrams and speaker notes, by lxml over the zip."""

from collections.abc import Callable, Iterator
from typing import Any

from ingest.loaders.office.archive import Archive, refuse_ole
from ingest.loaders.office.ooxml import core_title, main_part, relationships
from ingest.loaders.office.xml_elements import attribute, child, children, local_name
from ingest.loaders.text_builder import TextBuilder
from retrieval.types import Document

_DROPPED = frozenset(
    {"nvSpPr", "nvGrpSpPr", "nvPicPr", "nvCxnSpPr", "nvGraphicFramePr", "spPr", "grpSpPr", "style", "pPr", "rPr",
     "bodyPr", "lstStyle", "tblPr", "tblGrid", "tcPr", "timing", "transition", "extLst", "Fallback"}
)  # fmt: skip
_TITLES = frozenset({"title", "ctrTitle"})
_PAGE_FURNITURE = frozenset({"sldNum", "dt", "ftr", "hdr"})  # placeholders that say the same on every slide
_ANCESTORS_OF_PLACEHOLDER = ("nvSpPr", "nvPr", "ph")


def load_presentation(data: bytes, *, source: str) -> Document:
    """The slides' text, slide n on page n, hidden slides included; each slide's speaker notes follow it.

    A slide's title is a heading; a table's rows are lines with " | " between the cells. The title is that of the
    properties, else the first heading.

    Raises LoadError for a file that is damaged, encrypted, or unpacks to more than MAX_UNPACKED bytes.
    """
    refuse_ole(data, suffix=".pptx")
    archive = Archive(data, kind="PPTX")
    builder = TextBuilder()
    for slide in _slides(archive):
        builder.begin_page()
        _write_slide(archive, slide, builder)
    title = core_title(archive) or next((heading.text for heading in builder.headings), None)
    return builder.document(source, title=title)


def _slides(archive: Archive) -> Iterator[str]:
    """The names of the slides' parts, in the order in which they are shown."""
    main = main_part(archive, usual="ppt/presentation.xml", what="a PowerPoint presentation")
    related = relationships(archive, main)
    for entry in children(archive.xml(main), "sldIdLst"):
        # Of an entry's two attributes named "id", the relation is the one with a namespace.
        relation = next((value for key, value in entry.attrib.items() if key.endswith("}id")), "")
        if relation in related and related[relation].target in archive:
            yield related[relation].target


def _write_slide(archive: Archive, slide: str, builder: TextBuilder) -> None:
    related = relationships(archive, slide)
    parts = {identifier: relationship.target for identifier, relationship in related.items()}
    root = archive.xml(slide)
    if root is not None:
        _write(_shapes(root, title_first=True), builder, diagrams=lambda relation: archive.xml(parts.get(relation, "")))
    for relationship in related.values():
        notes = archive.xml(relationship.target) if relationship.kind == "notesSlide" else None
        if notes is not None:
            bodies = [shape for shape in _shapes(notes, title_first=False) if _placeholder(shape) == "body"]
            _write(bodies, builder, diagrams=lambda relation: None)


def _shapes(root: Any, *, title_first: bool) -> list[Any]:
    shapes = children(child(root, "cSld"), "spTree")
    return sorted(shapes, key=lambda shape: _placeholder(shape) not in _TITLES) if title_first else shapes


def _placeholder(shape: Any) -> str | None:
    """What the layout foresees the shape for; "body" where it does not say."""
    for name in _ANCESTORS_OF_PLACEHOLDER:
        shape = child(shape, name)
    return None if shape is None else shape.get("type", "body")


def _write(shapes: list[Any], builder: TextBuilder, *, diagrams: Callable[[str], Any | None]) -> None:
    """Write the text in the shapes; `diagrams` gives the root of the part that a relation leads to."""
    stack: list[Any] = list(reversed(shapes))  # elements still to be written, and calls that end one
    seen = set()
    while stack:
        item = stack.pop()
        if callable(item):
            item()
            continue
        tag = local_name(item)
        if tag in _DROPPED or (tag == "sp" and _placeholder(item) in _PAGE_FURNITURE):
            continue
        if tag == "fld" and item.get("type", "").startswith(("slidenum", "datetime")):
            continue
        if tag == "relIds" and (relation := attribute(item, "dm")) not in seen:
            seen.add(relation)
            diagram = diagrams(relation or "")
            stack += [] if diagram is None else [diagram]
        stack.extend(_begin(item, tag, builder))
        stack.extend(reversed(item))


def _begin(element: Any, tag: str, builder: TextBuilder) -> list[Callable[[], None]]:
    """Write what stands before the element's children; return what is to be called after them, last first."""
    if tag == "t":
        builder.write(element.text or "")
    elif tag in {"br", "tr", "p"}:
        builder.line()
    elif tag == "tab":
        builder.write(" ")
    elif tag == "sp":
        builder.paragraph()
        if _placeholder(element) in _TITLES:
            builder.begin_heading(1)
            return [builder.paragraph, builder.end_heading]
        return [builder.paragraph]
    elif tag == "tbl":
        builder.paragraph()
        builder.begin_table()
        declared = attribute(child(element, "tblPr"), "firstRow") in {"1", "true"}
        return [builder.paragraph, lambda: builder.end_table(has_header=declared)]
    elif tag == "tc" and element.get("hMerge") is None and element.get("vMerge") is None:
        builder.begin_cell()
        return [builder.end_cell]
    return []
