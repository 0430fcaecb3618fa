"""DOCX: paragraphs, headings by style, and tables, by lxml over the zip."""

import io
import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from ingest.loaders.text_builder import TextBuilder
from ingest.loaders.titles import meaningful_title
from retrieval.errors import LoadError
from retrieval.types import Document

MAX_UNPACKED = 128 * 1024 * 1024
"""Bytes that the XML of a DOCX may unpack to; more is refused before any of it is unpacked."""

_OLE = b"\xd0\xcf\x11\xe0"
_UNZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError, ArithmeticError,
)  # fmt: skip
_DROPPED = frozenset({"pPr", "rPr", "tblPr", "tblGrid", "trPr", "tcPr", "sectPr", "del", "moveFrom", "Fallback"})
_HEADING_NAME = re.compile(r"heading ([1-9])")
_CORE_PROPERTIES = "docProps/core.xml"


def load_docx(data: bytes, *, source: str) -> Document:
    """The text of the body, then of the notes; a table's rows are lines with " | " between the cells.

    Headings are the paragraphs whose style, or one it is based on, is a heading or has an outline level. The title is
    that of the properties, else the first paragraph in the style "Title", else the first heading.

    Raises LoadError for a file that is damaged, encrypted, or unpacks to more than MAX_UNPACKED bytes.
    """
    if data.startswith(_OLE):
        raise LoadError("it is encrypted, or in the old .doc format; save it as .docx without a password")
    parts = _parts(data)
    styles = _Styles(parts.get("styles.xml"))
    builder = TextBuilder()
    titles = [meaningful_title(_child_text(parts.get(_CORE_PROPERTIES), "title"))]
    for name in ("document.xml", "footnotes.xml", "endnotes.xml"):
        titles += _walk(parts[name], styles, builder) if name in parts else []
    titles += [heading.text for heading in builder.headings[:1]]
    return Document(source, builder.text(), title=next(filter(None, titles), None), headings=tuple(builder.headings))


def _parts(data: bytes) -> dict[str, Any]:
    """The root elements of the XML parts that matter, by the name they commonly have."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            main = _main_part(archive)
            folder = posixpath.dirname(main)
            names = {name: posixpath.join(folder, name) for name in ("styles.xml", "footnotes.xml", "endnotes.xml")}
            names |= {"document.xml": main, _CORE_PROPERTIES: _CORE_PROPERTIES}
            sizes = {info.filename: info.file_size for info in archive.infolist()}
            if sum(sizes.get(name, 0) for name in names.values()) > MAX_UNPACKED:
                raise LoadError(f"it unpacks to more than {MAX_UNPACKED >> 20} MiB of XML; split it")
            return {key: _parse(archive.read(name)) for key, name in names.items() if name in sizes}
    except _UNZIP_ERRORS as error:
        raise LoadError(f"it is a damaged DOCX, or none ({error}); save it again") from error


def _main_part(archive: zipfile.ZipFile) -> str:
    """The part that the package declares as its document; usually, but not always, word/document.xml."""
    names = frozenset(archive.namelist())
    if "_rels/.rels" in names and archive.getinfo("_rels/.rels").file_size <= MAX_UNPACKED:
        for relationship in _parse(archive.read("_rels/.rels")):
            target = relationship.get("Target", "").lstrip("/")
            if relationship.get("Type", "").endswith("/officeDocument") and target in names:
                return str(target)
    if "word/document.xml" not in names:
        raise LoadError("it is a ZIP archive without a Word document; save it again as .docx")
    return "word/document.xml"


def _parse(xml: bytes) -> Any:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True, remove_comments=True)
    try:
        return etree.fromstring(xml, parser)
    except etree.XMLSyntaxError as error:
        raise LoadError(f"it is a damaged DOCX ({error.msg}); save it again") from error


class _Styles:
    """What a paragraph's style says about its role."""

    def __init__(self, root: Any | None) -> None:
        styles = [] if root is None else [element for element in root if _local(element) == "style"]
        self._elements = {_attribute(style, "styleId"): style for style in styles}

    def names(self, paragraph: Any) -> list[str]:
        """The lower-case names of the paragraph's style and of those that it is based on, nearest first."""
        return [(_child_value(style, "name") or "").lower() for style in self._chain(paragraph)]

    def level(self, paragraph: Any) -> int | None:
        """The heading level from 1 on; None for what is no heading."""
        for element in (paragraph, *self._chain(paragraph)):
            outline = _child_value(_child(element, "pPr"), "outlineLvl")
            if outline is not None and outline.isdecimal():
                return int(outline) + 1 if int(outline) < 9 else None  # 9 is body text
            if match := _HEADING_NAME.fullmatch((_child_value(element, "name") or "").lower()):
                return int(match[1])
        return None

    def _chain(self, paragraph: Any) -> Iterator[Any]:
        identifier = _child_value(_child(paragraph, "pPr"), "pStyle")
        seen = set()
        while identifier in self._elements and identifier not in seen:
            seen.add(identifier)
            yield self._elements[identifier]
            identifier = _child_value(self._elements[identifier], "basedOn")


def _walk(root: Any, styles: _Styles, builder: TextBuilder) -> list[str]:
    """Write what is under `root`; return the texts of its paragraphs in the style "Title"."""
    titles = []
    stack: list[Any] = [root]  # elements still to be written, and calls that end one
    while stack:
        item = stack.pop()
        if callable(item):
            item()
            continue
        tag = _local(item)
        if tag in _DROPPED:
            continue
        if tag == "p":
            names = styles.names(item)
            if names and names[0].startswith("toc "):  # a table of contents repeats the headings
                continue
            if "title" in names:
                titles.append("".join(text.text or "" for text in item.iter() if _local(text) == "t"))
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
        builder.paragraph()
        return [builder.paragraph]
    elif tag == "tc" and _is_data(element, styles):
        builder.begin_cell()
        return [builder.end_cell]
    elif tag == "p":
        separate = builder.line if _child(_child(element, "pPr"), "numPr") is not None else builder.paragraph
        separate()
        if level := styles.level(element):
            builder.begin_heading(level)
            return [separate, builder.end_heading]
        return [separate]
    return []


def _is_data(cell: Any, styles: _Styles) -> bool:
    """Whether a table cell holds a value, rather than a part of the page's layout."""
    return not any(_local(child) == "tbl" or (_local(child) == "p" and styles.level(child)) for child in cell)


def _local(element: Any) -> str:
    """The tag without its namespace, which differs between transitional and strict documents."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _attribute(element: Any, name: str) -> str | None:
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), None)


def _child(element: Any | None, name: str) -> Any | None:
    return None if element is None else next((child for child in element if _local(child) == name), None)


def _child_value(element: Any | None, name: str) -> str | None:
    child = _child(element, name)
    return None if child is None else _attribute(child, "val")


def _child_text(element: Any | None, name: str) -> str | None:
    child = _child(element, name)
    return None if child is None else child.text
