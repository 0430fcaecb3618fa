"""DrawingML, which all OOXML documents share: the text in shapes, tables, charts and diagrams."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from ingest.loaders.office.archive import Archive
from ingest.loaders.office.charts import write_chart
from ingest.loaders.office.ooxml import chosen, related_parts, relation_id, relationships
from ingest.loaders.office.xml_elements import attribute, child, local_name, write_all
from ingest.loaders.text_builder import TextBuilder
from ingest.loaders.titles import meaningful_title

_DROPPED = frozenset(
    {"nvSpPr", "nvGrpSpPr", "nvPicPr", "nvCxnSpPr", "nvGraphicFramePr", "spPr", "grpSpPr", "style", "pPr", "rPr",
     "bodyPr", "lstStyle", "tblPr", "tblGrid", "tcPr", "timing", "transition", "extLst"}
)  # fmt: skip
BEFORE = {"den": "/", "sup": "^"}
"""What formulas have before the part below a fraction's line, and before what is raised."""
_ROLES = ("nvSpPr", "nvPicPr", "nvGraphicFramePr")
_TITLES = frozenset({"title", "ctrTitle"})
_PAGE_NUMBER_OR_DATE = frozenset({"sldNum", "dt"})
_WORD = re.compile(r"(?<!\w)[^\W\d_]+(?!\w)")
_MADE_BY_PROGRAMS = re.compile(
    r".*\b(?:automatically generated|ai-generated)\b.*|.*\.(?:png|jpe?g|gif|bmp|tiff?|[ew]mf|svg)",
    re.I | re.S,
)


def placeholder(shape: Any) -> str | None:
    """What a slide's layout foresees the shape for, such as "title"; "body" where it does not say, None for no such."""
    for name in _ROLES:
        role = child(child(child(shape, name), "nvPr"), "ph")
        if role is not None:
            return str(role.get("type", "body"))
    return None


def is_title(shape: Any) -> bool:
    return placeholder(shape) in _TITLES


def description(properties: Any | None) -> str | None:
    """The alternative text that someone wrote for a picture or a chart: two words or more, and not a program's."""
    text = meaningful_title(attribute(properties, "descr"))
    return text if text and len(_WORD.findall(text)) > 1 and not _MADE_BY_PROGRAMS.fullmatch(text) else None


class Drawings:
    """Writes the drawings of one part of a package: the shapes of a slide, those on a sheet, or those in a text.

    part  whose relations lead to charts and diagrams; None where there are none.
    """

    def __init__(self, archive: Archive, part: str | None, builder: TextBuilder) -> None:
        self._archive, self._builder = archive, builder
        related = {} if part is None else relationships(archive, part)
        self._targets = {id_: relation.target for id_, relation in related.items()}
        self._seen: set[str] = set()
        self._stack: list[Any] = []  # elements still to be written, and calls that end one

    def write(self, elements: Iterable[Any]) -> None:
        """Write the text in the elements; a chart or a diagram of the part is written once."""
        outer, self._stack = self._stack, list(reversed(list(elements)))
        write_all(self._stack, self._write_element)
        self._stack = outer

    def _write_element(self, element: Any) -> None:
        tag = local_name(element)
        if tag in _DROPPED or (tag == "sp" and placeholder(element) in _PAGE_NUMBER_OR_DATE):
            return
        if tag == "fld" and element.get("type", "").startswith(("slidenum", "datetime")):
            return
        if tag == "AlternateContent":
            self._stack.extend(reversed(chosen(element)))
            return
        if tag == "chart" and (relation := relation_id(element)):
            self._write_chart(self._targets.get(relation, ""))
        elif tag == "relIds" and (relation := relation_id(element, "dm")):
            self._write_diagram(self._targets.get(relation, ""))
        self._stack.extend(self._begin(element, tag))
        self._stack.extend(reversed(element))

    def _write_chart(self, part: str) -> None:
        root = self._archive.xml(part) if part not in self._seen else None
        self._seen.add(part)
        if root is None:
            return
        write_chart(root, self._builder)
        for shapes in related_parts(self._archive, part, "chartUserShapes"):
            self.write([shapes])

    def _write_diagram(self, part: str) -> None:
        root = self._archive.xml(part) if part not in self._seen else None
        self._seen.add(part)
        for point in () if root is None else root.iter("{*}pt"):
            if attribute(child(point, "prSet"), "phldr") not in {"1", "true"}:  # else it says what to write there
                self.write([point])

    def _begin(self, element: Any, tag: str) -> list[Callable[[], None]]:
        """Write what stands before the element's children; return what is to be called after them, last first."""
        builder = self._builder
        if tag == "t":
            builder.write(element.text or "")
        elif tag in {"br", "tr", "p"}:
            builder.line()
        elif tag == "tab":
            builder.write(" ")
        elif tag in BEFORE:
            builder.write(BEFORE[tag])
        elif tag in {"sp", "pic", "graphicFrame"}:
            return self._begin_shape(element)
        elif tag == "tbl":
            builder.paragraph()
            builder.begin_table()
            declared = attribute(child(element, "tblPr"), "firstRow") in {"1", "true"}
            return [builder.paragraph, lambda: builder.end_table(has_header=declared)]
        elif tag == "tc" and element.get("hMerge") is None and element.get("vMerge") is None:
            builder.begin_cell()
            return [builder.end_cell]
        return []

    def _begin_shape(self, shape: Any) -> list[Callable[[], None]]:
        builder = self._builder
        builder.paragraph()
        if is_title(shape):
            builder.begin_heading(1)
            return [builder.paragraph, builder.end_heading]
        properties = next((child(role, "cNvPr") for role in shape if local_name(role) in _ROLES), None)
        if local_name(shape) != "sp" and (text := description(properties)):
            builder.write(text)
            builder.line()
        return [builder.paragraph]
