"""OpenDocument text and presentations (ODT, ODP): headings, lists, tables, notes and pages, by lxml over the zip."""

from collections.abc import Callable
from typing import Any

from ingest.loaders.office.archive import Archive
from ingest.loaders.office.xml_elements import attribute, child, child_text, children, local_name
from ingest.loaders.text_builder import TextBuilder
from ingest.loaders.titles import meaningful_title
from retrieval.errors import LoadError
from retrieval.types import Document

_DROPPED = frozenset(
    {"tracked-changes", "table-of-content", "table-index", "illustration-index", "object-index", "user-index",
     "alphabetical-index", "annotation", "note-citation", "ruby-text", "forms", "script", "binary-data", "page-number",
     "header-decl", "footer-decl", "date-time-decl", "covered-table-cell"}
)  # fmt: skip
_PAGE_FURNITURE = frozenset({"header", "footer", "date-time", "page-number"})  # the same on every slide
_BLOCKS = frozenset({"text-box", "section", "list", "custom-shape", "note-body", "notes"})
_BREAKS = {"s": " ", "tab": " "}


def load_opendocument(data: bytes, *, source: str) -> Document:
    """The text, then the foot- and endnotes; of a presentation the slides, slide n on page n, each with its notes.

    Headings are those of the outline, and the titles of slides; what a tracked change deleted is left out. A table's
    rows are lines with " | " between the cells. The title is that of the properties, else the first paragraph in
    the style "Title", else the first heading.

    Raises LoadError for a file that is damaged, encrypted, or unpacks to more than MAX_UNPACKED bytes.
    """
    archive = Archive(data, kind="OpenDocument file")
    refuse_encrypted(archive)
    content = archive.xml("content.xml")
    body = child(content, "body")
    if body is None:
        raise LoadError("it is a ZIP archive without an OpenDocument text; save it again as .odt")
    writer = _Writer(_title_styles(content))
    writer.write(body)
    for note in writer.notes:  # those in a note follow the others
        writer.write(note)
    builder = writer.builder
    titles = [meaningful_title(child_text(child(archive.xml("meta.xml"), "meta"), "title")), *writer.titles]
    titles += [heading.text for heading in builder.headings[:1]]
    return builder.document(source, title=next(filter(None, titles), None))


def refuse_encrypted(archive: Archive) -> None:
    """Raise LoadError where the package's manifest says that its parts have a password."""
    manifest = archive.xml("META-INF/manifest.xml")
    if manifest is not None and any(local_name(element) == "encryption-data" for element in manifest.iter()):
        raise LoadError("it is encrypted; save it without a password")


def _title_styles(content: Any) -> frozenset[str]:
    """The names of the style "Title" and of the automatic styles that are it with another font or the like."""
    styles = children(content, "automatic-styles")
    return frozenset(
        {
            "Title",
            *(attribute(style, "name") or "" for style in styles if attribute(style, "parent-style-name") == "Title"),
        }
    )


class _Writer:
    """Writes elements into `builder`; `titles` and `notes` are those found on the way."""

    def __init__(self, title_styles: frozenset[str]) -> None:
        self.builder = TextBuilder()
        self.titles: list[str] = []
        self.notes: list[Any] = []
        self._title_styles = title_styles

    def write(self, root: Any) -> None:
        stack: list[Any] = [root]  # elements still to be written, texts between them, and calls that end one
        while stack:
            item = stack.pop()
            if callable(item):
                item()
            elif isinstance(item, str):
                self.builder.write(item)
            else:
                self._write_element(item, stack, is_root=item is root)

    def _write_element(self, element: Any, stack: list[Any], *, is_root: bool) -> None:
        tag = local_name(element)
        if tag in _DROPPED or (tag == "frame" and attribute(element, "class") in _PAGE_FURNITURE):
            return
        if tag == "note-body" and not is_root:
            self.notes.append(element)
            return
        stack.extend(self._begin(element, tag))
        for part in reversed(element):
            if part.tail:
                stack.append(part.tail)
            stack.append(part)
        self.builder.write(_BREAKS.get(tag) or element.text or "")

    def _begin(self, element: Any, tag: str) -> list[Callable[[], None]]:
        """Write what stands before the element's text; return what is to be called after its children, last first."""
        builder = self.builder
        if tag == "h":
            return self._begin_heading(_level(element), builder.paragraph)
        if tag == "p":
            return self._begin_paragraph(element)
        if tag in {"line-break", "table-row"}:
            builder.line()
        elif tag == "page":
            builder.begin_page()
        elif tag == "frame" and attribute(element, "class") == "title":
            return self._begin_heading(1, builder.paragraph)
        elif tag in _BLOCKS:
            builder.paragraph()
            return [builder.paragraph]
        elif tag == "table":
            return self._begin_table(element)
        elif tag == "table-cell" and _is_data(element):
            builder.begin_cell()
            return [builder.end_cell]
        return []

    def _begin_paragraph(self, paragraph: Any) -> list[Callable[[], None]]:
        if attribute(paragraph, "style-name") in self._title_styles:
            self.titles.append("".join(paragraph.itertext()))
        parent = paragraph.getparent()
        separate = self.builder.line if local_name(parent) in {"list-item", "text-box"} else self.builder.paragraph
        separate()
        return [separate]

    def _begin_heading(self, level: int, separate: Callable[[], None]) -> list[Callable[[], None]]:
        separate()
        self.builder.begin_heading(level)
        return [separate, self.builder.end_heading]

    def _begin_table(self, table: Any) -> list[Callable[[], None]]:
        builder = self.builder
        builder.paragraph()
        if not all(_is_data(cell) for cell in table.iter() if local_name(cell) == "table-cell"):
            return [builder.paragraph]
        builder.begin_table()
        declared = child(table, "table-header-rows") is not None
        return [builder.paragraph, lambda: builder.end_table(has_header=declared or None)]


def _level(heading: Any) -> int:
    level = attribute(heading, "outline-level") or ""
    return max(1, int(level)) if level.isdecimal() and len(level) < 3 else 1


def _is_data(cell: Any) -> bool:
    """Whether a table cell holds a value, rather than a part of the page's layout."""
    return not any(local_name(part) in {"table", "h"} for part in cell)
