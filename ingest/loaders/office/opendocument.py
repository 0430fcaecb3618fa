"""OpenDocument text and presentations (ODT, ODP), by lxml over the zip."""

from typing import Any

from ingest.loaders.office.archive import Archive
from ingest.loaders.office.furniture import PAGE_NUMBER, write_furniture
from ingest.loaders.office.opendocument_body import OpenDocumentWriter
from ingest.loaders.office.xml_elements import attribute, child, child_text, children, local_name
from ingest.loaders.text_builder import TextBuilder
from ingest.loaders.titles import meaningful_title
from retrieval.errors import LoadError
from retrieval.types import Document

_FURNITURE = ("header", "footer")


def load_opendocument(data: bytes, *, source: str) -> Document:
    """The text, then headers and footers, once each, then foot- and endnotes and comments.

    Of a presentation, the slides, slide n on page n, each with its notes and comments. Headings are those of the
    outline, and the titles of slides; what a tracked change deleted and what is hidden is left out. The rows of a
    table or of a chart's values are lines with " | " between the cells. The title is that of the properties, else the
    first paragraph in the style "Title", else the first heading.

    Raises LoadError for a file that is damaged, encrypted, or unpacks to more than MAX_UNPACKED bytes.
    """
    archive = Archive(data, kind="OpenDocument file")
    refuse_encrypted(archive)
    content, styles = archive.xml("content.xml"), archive.xml("styles.xml")
    body = child(content, "body")
    if body is None:
        raise LoadError("it is a ZIP archive without an OpenDocument text; save it again as .odt")
    named = [*children(content, "automatic-styles"), *children(styles, "styles")]
    builder = TextBuilder()
    writer = OpenDocumentWriter(archive, builder, named)
    writer.write(body)
    _write_furniture(archive, body, styles, builder)
    writer.write_notes()
    titles = [meaningful_title(child_text(child(archive.xml("meta.xml"), "meta"), "title")), *writer.titles]
    titles += [heading.text for heading in builder.headings[:1]]
    return builder.document(source, title=next(filter(None, titles), None))


def refuse_encrypted(archive: Archive) -> None:
    """Raise LoadError where the package's manifest says that its parts have a password."""
    manifest = archive.xml("META-INF/manifest.xml")
    if manifest is not None and any(local_name(element) == "encryption-data" for element in manifest.iter()):
        raise LoadError("it is encrypted; save it without a password")


def _write_furniture(archive: Archive, body: Any, styles: Any | None, builder: TextBuilder) -> None:
    """What stands on every page: in a text, headers and footers of its page styles; in a presentation, its own."""
    if child(body, "text") is not None:
        pages = children(styles, "master-styles")
        found = [part for page in pages for part in page if local_name(part).startswith(_FURNITURE)]
        found = [
            part for part in found if attribute(part, "display") != "false" and not local_name(part).endswith("style")
        ]
    else:
        found = [part for part in children(body, "presentation") if local_name(part) in {"header-decl", "footer-decl"}]
    seen: set[str] = set()
    for part in sorted(found, key=lambda part: not local_name(part).startswith("header")):
        alone = TextBuilder()
        OpenDocumentWriter(archive, alone, page_number=PAGE_NUMBER).write(part)
        write_furniture(alone.text(), seen, builder)
