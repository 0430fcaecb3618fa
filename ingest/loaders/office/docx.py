"""DOCX: paragraphs, headings by style, and tables, by lxml over the zip."""

import posixpath
import re
from collections.abc import Callable, Iterator
from typing import Any

from ingest.loaders.office.archive import Archive, refuse_ole
from ingest.loaders.office.ooxml import core_title, main_part
from ingest.loaders.office.xml_elements import attribute, child, child_value, local_name
from ingest.loaders.text_builder import TextBuilder
from retrieval.types import Document

_DROPPED = frozenset({"pPr", "rPr", "tblPr", "tblGrid", "trPr", "tcPr", "sectPr", "del", "moveFrom", "Fallback"})
_HEADING_NAME = re.compile(r"heading ([1-9])")
_NOTES = ("footnotes.xml", "endnotes.xml")


def load_docx(data: bytes, *, source: str) -> Document:
    """The text of the body, then of the notes; a table's rows are lines with " | " between the cells.

    Headings are the paragraphs whose style, or one it is based on, is a heading or has an outline level. The title is
    that of the properties, else the first paragraph in the style "Title", else the first heading.

    Raises LoadError for a file that is damaged, encrypted, or unpacks to more than MAX_UNPACKED bytes.
    """
    refuse_ole(data, suffix=".docx")
    archive = Archive(data, kind="DOCX")
    main = main_part(archive, usual="word/document.xml", what="a Word document")
    folder = posixpath.dirname(main)
    styles = _Styles(archive.xml(posixpath.join(folder, "styles.xml")))
    builder = TextBuilder()
    titles = [core_title(archive)]
    for part in (main, *(posixpath.join(folder, name) for name in _NOTES)):
        root = archive.xml(part)
        titles += [] if root is None else _walk(root, styles, builder)
    titles += [heading.text for heading in builder.headings[:1]]
    return builder.document(source, title=next(filter(None, titles), None))


class _Styles:
    """What a paragraph's style says about its role."""

    def __init__(self, root: Any | None) -> None:
        styles = [] if root is None else [element for element in root if local_name(element) == "style"]
        self._elements = {attribute(style, "styleId"): style for style in styles}

    def names(self, paragraph: Any) -> list[str]:
        """The lower-case names of the paragraph's style and of those that it is based on, nearest first."""
        return [(child_value(style, "name") or "").lower() for style in self._chain(paragraph)]

    def level(self, paragraph: Any) -> int | None:
        """The heading level from 1 on; None for what is no heading."""
        for element in (paragraph, *self._chain(paragraph)):
            outline = child_value(child(element, "pPr"), "outlineLvl")
            if outline is not None and outline.isdecimal():
                return int(outline) + 1 if int(outline) < 9 else None  # 9 is body text
            if match := _HEADING_NAME.fullmatch((child_value(element, "name") or "").lower()):
                return int(match[1])
        return None

    def _chain(self, paragraph: Any) -> Iterator[Any]:
        identifier = child_value(child(paragraph, "pPr"), "pStyle")
        seen = set()
        while identifier in self._elements and identifier not in seen:
            seen.add(identifier)
            yield self._elements[identifier]
            identifier = child_value(self._elements[identifier], "basedOn")


def _walk(root: Any, styles: _Styles, builder: TextBuilder) -> list[str]:
    """Write what is under `root`; return the texts of its paragraphs in the style "Title"."""
    titles = []
    stack: list[Any] = [root]  # elements still to be written, and calls that end one
    while stack:
        item = stack.pop()
        if callable(item):
            item()
            continue
        tag = local_name(item)
        if tag in _DROPPED:
            continue
        if tag == "p":
            names = styles.names(item)
            if names and names[0].startswith("toc "):  # a table of contents repeats the headings
                continue
            if "title" in names:
                titles.append("".join(text.text or "" for text in item.iter() if local_name(text) == "t"))
        stack.extend(_begin(item, tag, styles, builder))
        stack.extend(reversed(item))
    return titles


def _begin(element: Any, tag: str, styles: _Styles, builder: TextBuilder) -> list[Callable[[], None]]:
    """Write what stands before the element's children; return what is to be called after them, last first."""
    if tag == "t":
        builder.write(element.text or "")
    elif tag == "tab":
        builder.write(" ")
    elif tag == "noBreakHyphen":
        builder.write("-")
    elif tag in {"br", "cr", "tr"}:
        builder.line()
    elif tag == "tbl":
        return _begin_table(element, styles, builder)
    elif tag == "tc" and _is_data(element, styles):
        builder.begin_cell()
        return [builder.end_cell]
    elif tag == "p":
        separate = builder.line if child(child(element, "pPr"), "numPr") is not None else builder.paragraph
        separate()
        if level := styles.level(element):
            builder.begin_heading(level)
            return [separate, builder.end_heading]
        return [separate]
    return []


def _begin_table(table: Any, styles: _Styles, builder: TextBuilder) -> list[Callable[[], None]]:
    builder.paragraph()
    if not all(_is_data(cell, styles) for cell in table.iter() if local_name(cell) == "tc"):
        return [builder.paragraph]
    builder.begin_table()
    row = child(child(table, "tr"), "trPr")
    declared = child(row, "tblHeader") is not None and child_value(row, "tblHeader") not in {"0", "false", "off"}
    return [builder.paragraph, lambda: builder.end_table(has_header=declared or None)]


def _is_data(cell: Any, styles: _Styles) -> bool:
    """Whether a table cell holds a value, rather than a part of the page's layout."""
    return not any(local_name(part) == "tbl" or (local_name(part) == "p" and styles.level(part)) for part in cell)
