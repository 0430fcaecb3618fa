"""Which document a ZIP archive is, by its content: the suffix of the file may say otherwise, or nothing."""

import io
import zipfile
from collections.abc import Container

_MIME_TYPES = {
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.oasis.opendocument.presentation": ".odp",
    "application/epub+zip": ".epub",
}
_MAIN_PARTS = {
    "word/document.xml": ".docx",
    "ppt/presentation.xml": ".pptx",
    "xl/workbook.xml": ".xlsx",
    "xl/workbook.bin": ".xlsx",  # xlsb
}
_CONTENT_TYPES = {
    b"wordprocessingml.document.main": ".docx",
    b"presentationml.presentation.main": ".pptx",
    b"presentationml.slideshow.main": ".pptx",
    b"spreadsheetml.sheet.main": ".xlsx",
}
_LONGEST_MIME_TYPE = 100
_HEAD = 8192


def suffix_of_zip(data: bytes) -> str | None:
    """The suffix whose loader reads the archive `data`: .docx, .pptx, .xlsx, .odt, .ods, .odp or .epub.

    None for any other archive, a damaged one, and what is none. Templates and macro files count as their documents.
    At most 8 KiB of it are unpacked.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _suffix(archive)
    except Exception:  # zipfile raises a dozen kinds for damaged archives, and a damaged archive is no document
        return None


def _suffix(archive: zipfile.ZipFile) -> str | None:
    names = frozenset(archive.namelist())
    if "mimetype" in names:
        mime_type = _head(archive, "mimetype", _LONGEST_MIME_TYPE).decode("ascii", "replace").strip()
        return _MIME_TYPES.get(mime_type.removesuffix("-template"))
    if "[Content_Types].xml" in names:
        return _office_suffix(names) or _declared_suffix(_head(archive, "[Content_Types].xml", _HEAD))
    return ".epub" if "META-INF/container.xml" in names and _has_package(names) else None


def _office_suffix(names: Container[str]) -> str | None:
    return next((suffix for part, suffix in _MAIN_PARTS.items() if part in names), None)


def _declared_suffix(content_types: bytes) -> str | None:
    return next((suffix for content_type, suffix in _CONTENT_TYPES.items() if content_type in content_types), None)


def _has_package(names: frozenset[str]) -> bool:
    """An archive without its `mimetype` is still an EPUB where it holds a package document; a Java archive does not."""
    return any(name.endswith(".opf") for name in names)


def _head(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    with archive.open(name) as member:
        return member.read(size)
