"""EPUB: the chapters in reading order, by lxml over the zip and the HTML loader's walker."""

import posixpath
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from ingest.loaders.markup.html import write_html
from ingest.loaders.office.archive import Archive
from ingest.loaders.office.xml_elements import attribute, child, children, local_name
from ingest.loaders.text.decoding import UnsupportedFormatError
from ingest.loaders.text_builder import TextBuilder
from ingest.loaders.titles import meaningful_title
from retrieval.errors import LoadError
from retrieval.types import Document

_PAGES = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document"})
_PAGE_SUFFIXES = (".xhtml", ".html", ".htm")  # of pages with a wrong media type
_FONT_OBFUSCATIONS = frozenset({"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"})
"""Algorithms that only keep embedded fonts from being copied: EPUB 3.3, "Font obfuscation", and Adobe's."""


def load_epub(data: bytes, *, source: str) -> Document:
    """The text of the chapters in the order of the spine, with their headings and tables as in HTML.

    The title is that of the package, else the first heading; its language goes into the metadata as "language".
    A notice tells of chapters that are missing or no text.

    Raises LoadError for a file that is damaged, has no chapter, is protected by DRM, or unpacks to more than
    MAX_UNPACKED bytes.
    """
    archive = Archive(data, kind="EPUB")
    package_name = _package_name(archive)
    package = archive.xml(package_name)
    spine = list(_spine(package, posixpath.dirname(package_name)))
    chapters = [name for name in spine if name in archive]
    if not chapters:
        raise LoadError("it is an EPUB without chapters; save it again")
    if not _encrypted(archive).isdisjoint(map(str.lower, chapters)):
        raise LoadError("it is encrypted (DRM); index a copy without protection")
    builder = TextBuilder()
    unread = len(spine) - len(chapters)
    for name in chapters:
        try:
            write_html(archive.read(name), builder, is_chapter=True)
        except UnsupportedFormatError:  # a chapter that is no text
            unread += 1
    notices = (f"{unread:,} of its {len(spine):,} chapters are missing or no text; save it again",) if unread else ()
    metadata = child(package, "metadata")
    language = _first_text(metadata, "language")
    title = meaningful_title(_first_text(metadata, "title")) or next((h.text for h in builder.headings), None)
    document = builder.document(source, title=title, notices=notices)
    return replace(document, metadata={"language": language} if language else {})


def _package_name(archive: Archive) -> str:
    """The package document that the container names, else the first there is."""
    container = archive.xml("META-INF/container.xml")
    declared = (
        [] if container is None else [attribute(element, "full-path") for element in container.iter("{*}rootfile")]
    )
    names = (name for name in (*declared, *archive.names) if name and name.lower().endswith((".opf", ".xml")))
    name = next((name for name in names if name in archive and not name.lower().startswith("meta-inf/")), None)
    if name is None:
        raise LoadError("it is a ZIP archive without an EPUB's package document; save it again")
    return name


def _spine(package: Any, folder: str) -> Iterator[str]:
    """The names of the chapters in reading order, without the table of contents."""
    items = {item.get("id"): item for item in children(package, "manifest") if local_name(item) == "item"}
    for reference in children(package, "spine"):
        item = items.get(reference.get("idref")) if local_name(reference) == "itemref" else None
        if item is None or "nav" in item.get("properties", "").split():
            continue
        name = _member(folder, item.get("href", ""))
        if item.get("media-type") in _PAGES or name.lower().endswith(_PAGE_SUFFIXES):
            yield name


def _member(folder: str, reference: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(reference.partition("#")[0])))


def _encrypted(archive: Archive) -> frozenset[str]:
    """The names, in lower case, of what is encrypted and no font that is only obfuscated."""
    root = archive.xml("META-INF/encryption.xml")
    names = set()
    for encrypted in () if root is None else root.iter("{*}EncryptedData"):
        if attribute(child(encrypted, "EncryptionMethod"), "Algorithm") not in _FONT_OBFUSCATIONS:
            references = encrypted.iter("{*}CipherReference")
            names |= {_member("", reference.get("URI", "")).lower() for reference in references}
    return frozenset(names)


def _first_text(metadata: Any | None, name: str) -> str | None:
    """The first such element that says something; OEB 1 packages keep them one level deeper."""
    elements = () if metadata is None else metadata.iter(f"{{*}}{name}")
    return next((" ".join(element.text.split()) for element in elements if (element.text or "").strip()), None)
