"""DOCX: the body, headers and footers, notes and comments, by lxml over the zip."""

import posixpath
from collections.abc import Mapping

from ingest.loaders.office.archive import Archive, refuse_ole
from ingest.loaders.office.docx_body import BodyWriter
from ingest.loaders.office.docx_chunks import write_chunk
from ingest.loaders.office.docx_styles import Styles
from ingest.loaders.office.furniture import PAGE_NUMBER, write_furniture
from ingest.loaders.office.ooxml import Relationship, core_title, main_part, relationships
from ingest.loaders.text_builder import TextBuilder
from retrieval.errors import LoadError
from retrieval.types import Document

_MAX_DEPTH = 5  # of documents inside documents


def load_docx(data: bytes, *, source: str) -> Document:
    """The text of the body, then headers and footers, once each, then foot- and endnotes, then comments.

    A table's rows, and those of a chart's values, are lines with " | " between the cells; text boxes, charts and
    diagrams follow the paragraph that they are anchored in. Deleted and hidden text is left out, and so are page
    numbers and the table of contents. Headings are the paragraphs whose style, or one it is based on, is a heading or
    has an outline level. The title is that of the properties, else the first paragraph in the style "Title", else the
    first heading.

    Raises LoadError for a file that is damaged, encrypted, or unpacks to more than MAX_UNPACKED bytes. Notices tell of
    documents taken in whole that cannot be read.
    """
    refuse_ole(data, suffix=".docx")
    archive = Archive(data, kind="DOCX")
    builder = TextBuilder()
    unread: list[str] = []
    titles = [core_title(archive), *_write(archive, builder, unread, depth=0)]
    if unread and not builder.length:
        raise LoadError(unread[0])
    titles += [heading.text for heading in builder.headings[:1]]
    notices = tuple(dict.fromkeys(unread))
    return builder.document(source, title=next(filter(None, titles), None), notices=notices)


def _write(archive: Archive, builder: TextBuilder, unread: list[str], *, depth: int) -> list[str]:
    """Write a whole document; return its paragraphs in the style "Title". Adds to `unread` why documents in it cannot
    be read."""
    main = main_part(archive, usual="word/document.xml", what="a Word document")
    styles = Styles(archive.xml(posixpath.join(posixpath.dirname(main), "styles.xml")))

    def write(part: str, target: TextBuilder, page_number: str = "") -> list[str]:
        def write_inner(data: bytes) -> None:
            if depth < _MAX_DEPTH:
                _write(Archive(data, kind="DOCX"), target, unread, depth=depth + 1)

        def write_whole(data: bytes) -> None:
            try:
                write_chunk(data, target, write_document=write_inner)
            except LoadError as error:
                unread.append(f"a document that it takes in cannot be read: {error}")

        root = archive.xml(part)
        writer = BodyWriter(archive, part, styles, target, write_whole=write_whole, page_number=page_number)
        return [] if root is None else writer.write(root)

    titles = write(main, builder)
    related = relationships(archive, main)
    furniture: set[str] = set()
    for kind in ("header", "footer"):
        for part in _targets(related, kind):
            alone = TextBuilder()
            write(part, alone, PAGE_NUMBER)
            write_furniture(alone.text(), furniture, builder)
    for kind in ("footnotes", "endnotes", "comments"):
        for part in _targets(related, kind) or [posixpath.join(posixpath.dirname(main), f"{kind}.xml")]:
            builder.paragraph()
            titles += write(part, builder)
    return titles


def _targets(related: Mapping[str, Relationship], kind: str) -> list[str]:
    return list(dict.fromkeys(relation.target for relation in related.values() if relation.kind == kind))
