"""EPUB: the chapters in reading order, by lxml over the zip and the HTML loader's walker."""

import posixpath
import re
from collections.abc import Iterator, Mapping
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

_LINK = re.compile(rb"""<a\s[^<>]*?href\s*=\s*["']([^"'#<>]+)""", re.I)


def load_epub(data: bytes, *, source: str) -> Document:
    """The text of the chapters in the order of the spine, with their headings and tables as in HTML, then that of pages
    beside the spine to which chapters lead, such as notes.

    The title is that of the package, else the first heading; its language goes into the metadata as "language".
    A notice tells of chapters that are missing or no text.

    Raises LoadError for a file that is damaged, has no chapter, is protected by DRM, or unpacks to more than
    MAX_UNPACKED bytes.
    """
    archive = Archive(data, kind="EPUB")
    package_name = _package_name(archive)
    package = archive.xml(package_name)
    folder = posixpath.dirname(package_name)
    pages = _pages(package, folder)
    spine = list(_spine(package, pages))
    chapters = [name for name in spine if name in archive]
    if not chapters:
        raise LoadError("it is an EPUB without chapters; save it again")
    if not _encrypted(archive).isdisjoint(map(str.lower, chapters)):
        raise LoadError("it is encrypted (DRM); index a copy without protection")
    builder = TextBuilder()
    unread = len(spine) - len(chapters)
    beside = {name for name in pages.values() if name in archive}.difference(spine, _contents(package, folder))
    for name in chapters:  # which grow
        page = archive.read(name)
        try:
            write_html(page, builder, is_chapter=True)
        except UnsupportedFormatError:  # a chapter that is no text
            unread += 1
            continue
        linked = [member for member in _linked(page, name) if member in beside]
        beside.difference_update(linked)
        chapters += dict.fromkeys(linked)
    notices = (
        (f"{unread:,} of its {len({*spine, *chapters}):,} chapters are missing or no text; save it again",)
        if unread
        else ()
    )
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


def _pages(package: Any, folder: str) -> dict[str, str]:
    """The names of all pages by their ids, without the table of contents."""
    pages = {}
    for item in children(package, "manifest"):
        name = _member(folder, item.get("href", ""))
        is_page = item.get("media-type") in _PAGES or name.lower().endswith(_PAGE_SUFFIXES)
        if local_name(item) == "item" and is_page and "nav" not in item.get("properties", "").split():
            pages[item.get("id", "")] = name
    return pages


def _spine(package: Any, pages: Mapping[str, str]) -> Iterator[str]:
    """The names of the chapters in reading order."""
    for reference in children(package, "spine"):
        if local_name(reference) == "itemref" and reference.get("idref") in pages:
            yield pages[reference.get("idref")]


def _contents(package: Any, folder: str) -> Iterator[str]:
    """The names of tables of contents, as EPUB 2 has them."""
    for reference in children(package, "guide"):
        if reference.get("type") == "toc":
            yield _member(folder, reference.get("href", ""))


def _linked(page: bytes, name: str) -> Iterator[str]:
    """The names of the files to which the page of that name leads, in order."""
    for reference in _LINK.findall(page):
        yield _member(posixpath.dirname(name), reference.decode("utf-8", "replace"))


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
