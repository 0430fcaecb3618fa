"""The text of OpenDocument elements: paragraphs, lists, tables, frames, charts, notes and comments."""

import posixpath
from collections.abc import Callable, Iterable
from typing import Any

from ingest.loaders.office.archive import Archive
from ingest.loaders.office.xml_elements import attribute, child, child_text, local_name, write_all
from ingest.loaders.text_builder import TextBuilder
from ingest.whole_numbers import whole_number

_DROPPED = frozenset(
    {"tracked-changes", "table-of-content", "table-index", "illustration-index", "object-index", "user-index",
     "alphabetical-index", "note-citation", "ruby-text", "forms", "script", "binary-data", "page-number", "page-count",
     "header-decl", "footer-decl", "date-time-decl", "covered-table-cell", "hidden-text", "placeholder"}
)  # fmt: skip
_PAGE_NUMBERS = frozenset({"page-number", "page-count"})
_PAGE_FURNITURE = frozenset({"header", "footer", "date-time", "page-number"})  # the same on every slide
_BLOCKS = frozenset({"text-box", "section", "list", "custom-shape", "note-body", "notes", "title", "subtitle", "desc"})
_ANCHORED = frozenset({"frame", "custom-shape", "rect", "ellipse", "g"})  # what follows the paragraph that it is in
_NOT_IN_LINE = _DROPPED | _ANCHORED | {"annotation", "note"}
_BREAKS = {"s": " ", "tab": " ", "line-break": "\n"}


def plain_text(paragraph: Any) -> str:
    """The words of a paragraph, without what is anchored in it."""
    pieces: list[str] = []
    stack: list[Any] = [paragraph]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            pieces.append(item)
        elif item is paragraph or local_name(item) not in _NOT_IN_LINE:
            pieces.append(_BREAKS.get(local_name(item)) or item.text or "")
            for part in reversed(item):
                stack += [part.tail or "", part]
    return "".join(pieces)


def annotation_text(annotation: Any) -> str:
    """What a comment says, behind its author's name."""
    author = child_text(annotation, "creator")
    paragraphs = (plain_text(part) for part in annotation if local_name(part) in {"p", "h", "list"})
    text = " ".join(" ".join(paragraphs).split())
    return f"{author}: {text}" if author and text else text


class OpenDocumentWriter:
    """Writes elements into `builder`.

    styles  by which titles and hidden texts are known.
    page_number  what is written for the number of a page, which is another on each.
    titles  the texts of the paragraphs in the style "Title" so far.
    """

    def __init__(
        self, archive: Archive, builder: TextBuilder, styles: Iterable[Any] = (), *, page_number: str = ""
    ) -> None:
        self.titles: list[str] = []
        self._archive, self._builder = archive, builder
        self._page_number = page_number
        self._notes: list[Any] = []
        self._anchored: list[Any] = []
        self._paragraphs = 0  # that were begun and have not ended
        self._objects: set[str] = set()  # that were written
        self._title_styles, self._hidden_styles = {"Title"}, set()
        for style in styles:
            name = attribute(style, "name") or ""
            if attribute(style, "parent-style-name") == "Title":
                self._title_styles.add(name)
            if attribute(child(style, "text-properties"), "display") == "none":
                self._hidden_styles.add(name)

    def write(self, root: Any) -> None:
        stack: list[Any] = [root]  # elements still to be written, texts between them, and calls that end one

        def write(item: Any) -> None:
            if isinstance(item, str):
                self._builder.write(item)
            else:
                self._write_element(item, stack, is_root=item is root)

        write_all(stack, write)

    def write_notes(self) -> None:
        """Write the notes and comments found since the last call; those in a note follow the others."""
        for note in self._notes:
            if local_name(note) == "annotation":
                self._builder.paragraph()
                self._builder.write(annotation_text(note))
                self._builder.paragraph()
            else:
                self.write(note)
        self._notes.clear()

    def _write_element(self, element: Any, stack: list[Any], *, is_root: bool) -> None:
        tag = local_name(element)
        if not is_root and self._is_left_out(element, tag):
            self._builder.write(self._page_number if tag in _PAGE_NUMBERS else "")
            return
        if tag in {"note-body", "annotation"} and not is_root:
            self._notes.append(element)
            return
        if tag in _ANCHORED and self._paragraphs:
            self._anchored.append(element)
            return
        stack.extend(self._begin(element, tag, stack))
        for part in reversed(element):
            if part.tail:
                stack.append(part.tail)
            stack.append(part)
        if tag == "line-break":
            self._builder.line()
        else:
            self._builder.write(_BREAKS.get(tag) or element.text or "")

    def _is_left_out(self, element: Any, tag: str) -> bool:
        """Whether it is hidden, repeats what stands elsewhere, or says the same on every slide."""
        if tag == "annotation":  # in a formula, which it repeats in the words of another program
            return local_name(element.getparent()) == "semantics"
        if tag == "section":
            return attribute(element, "display") == "none"
        return (
            tag in _DROPPED
            or (tag == "frame" and attribute(element, "class") in _PAGE_FURNITURE)
            or (tag in {"p", "h", "span"} and attribute(element, "style-name") in self._hidden_styles)
        )

    def _begin(self, element: Any, tag: str, stack: list[Any]) -> list[Callable[[], None]]:
        """Write what stands before the element's text; return what is to be called after its children, last first."""
        builder = self._builder
        if tag in {"h", "p"}:
            return [lambda: self._end_paragraph(stack), *self._begin_paragraph(element, tag)]
        if tag == "table-row":
            builder.line()
        elif tag == "page":
            builder.begin_page()
            return [self.write_notes]
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
        elif tag == "object":
            self._begin_object(element, stack)
        return []

    def _begin_paragraph(self, paragraph: Any, tag: str) -> list[Callable[[], None]]:
        self._paragraphs += 1
        builder = self._builder
        if tag == "h":
            return self._begin_heading(_level(paragraph), builder.paragraph)
        if attribute(paragraph, "style-name") in self._title_styles:
            self.titles.append("".join(paragraph.itertext()))
        is_line = local_name(paragraph.getparent()) in {"list-item", "text-box"}
        separate = builder.line if is_line else builder.paragraph
        separate()
        return [separate]

    def _end_paragraph(self, stack: list[Any]) -> None:
        self._paragraphs -= 1
        if not self._paragraphs:
            anchored, self._anchored = self._anchored, []
            stack.extend(reversed(anchored))

    def _begin_heading(self, level: int, separate: Callable[[], None]) -> list[Callable[[], None]]:
        separate()
        self._builder.begin_heading(level)
        return [separate, self._builder.end_heading]

    def _begin_table(self, table: Any) -> list[Callable[[], None]]:
        builder = self._builder
        builder.paragraph()
        if not all(_is_data(cell) for cell in table.iter() if local_name(cell) == "table-cell"):
            return [builder.paragraph]
        builder.begin_table()
        declared = child(table, "table-header-rows") is not None
        return [builder.paragraph, lambda: builder.end_table(has_header=declared or None)]

    def _begin_object(self, element: Any, stack: list[Any]) -> None:
        """Put the chart or formula that the element refers to, which is a document of its own, on the stack."""
        name = posixpath.join(posixpath.normpath(attribute(element, "href") or ""), "content.xml")
        root = self._archive.xml(name) if name not in self._objects and name != "content.xml" else None
        self._objects.add(name)
        if root is not None:
            self._builder.paragraph()
            stack += [self._builder.paragraph, root]


def _level(heading: Any) -> int:
    level = whole_number(attribute(heading, "outline-level"))
    return level if level and level < 100 else 1


def _is_data(cell: Any) -> bool:
    """Whether a table cell holds a value, rather than a part of the page's layout."""
    return not any(local_name(part) in {"table", "h"} for part in cell)
