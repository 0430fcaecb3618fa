"""PDF: the text of its pages, by PDFium."""

import re
import threading
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from ingest.loaders.office.ocr import NoTextError
from ingest.loaders.titles import meaningful_title
from retrieval.errors import LoadError
from retrieval.types import Document, Heading

_PAGE_BREAK = "\n\n"
_PDFIUM = threading.Lock()  # PDFium is not thread-safe, not even between documents
_SOFT_HYPHEN = re.compile("(\\w{0,40})[\x02\ufffe]\n*(\\w{0,40})")  # PDFium's hyphen at a line end
_NUMBER = re.compile(r"(?:(?:chapter|section|part|appendix)\s+)?(?:\d+|[A-Z]|[IVXLC]+)(?:\.\d+)*[.:)]?\s+", re.I)


def load_pdf(data: bytes, *, source: str) -> Document:
    """The pages' text, a blank line apart, with words joined again that were hyphenated at the end of a line.

    Headings are the entries of the outline whose text stands on their page. The title is that of the metadata.

    Raises LoadError for a file that is damaged or encrypted, and its subclass NoTextError where no page has text.
    """
    with _PDFIUM:
        pages, outline, title = _read(data)
    if not any(page.strip() for page in pages):
        has_none = "its only page has no text" if len(pages) == 1 else f"none of its {len(pages)} pages has text"
        raise NoTextError(
            f"{has_none}, so it is probably scanned; set `ocr_command` in the configuration, "
            'e.g. "ocrmypdf --quiet - -", to recognise it'
        )
    starts = tuple(accumulate((len(page) + len(_PAGE_BREAK) for page in pages[:-1]), initial=0))
    headings = sorted(_placed(outline, pages, starts))
    return Document(source, _PAGE_BREAK.join(pages), title=title, pages=starts, headings=tuple(headings))


def _read(data: bytes) -> tuple[list[str], list[tuple[int, int, str]], str | None]:
    """The text of each page, the outline as (level from 1, index of the page, text), and the title."""
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise LoadError(_reason(error)) from error
    try:
        pages = _dehyphenated([_page_text(pdf, index) for index in range(len(pdf))])
        return pages, list(_outline(pdf)), meaningful_title(pdf.get_metadata_value("Title"))
    except pypdfium2.PdfiumError as error:
        raise LoadError(_reason(error)) from error
    finally:
        pdf.close()


def _reason(error: Exception) -> str:
    if "password" in str(error).lower():
        return "it is encrypted; remove its password first, e.g. with `qpdf --decrypt`"
    reason = str(error).rstrip(".")
    return f"it is a damaged PDF, or none ({reason}); export it again, or repair it, e.g. with `qpdf`"


def _page_text(pdf: Any, index: int) -> str:
    page = pdf[index]
    try:
        text_page = page.get_textpage()
        try:
            text: str = text_page.get_text_bounded()
        finally:
            text_page.close()
    finally:
        page.close()
    return text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").strip("\n")


def _dehyphenated(pages: list[str]) -> list[str]:
    """Join the words that were parted at the end of a line; the hyphen stays where the document writes it elsewhere."""
    if not any(_SOFT_HYPHEN.search(page) for page in pages):
        return pages
    compounds = {word for page in pages for word in re.findall(r"\b\w{1,40}-\w{1,40}\b", page)}

    def join(match: re.Match[str]) -> str:
        compound = f"{match[1]}-{match[2]}"
        return compound if compound in compounds or match[2][:1].isupper() else match[1] + match[2]

    return [_SOFT_HYPHEN.sub(join, page) for page in pages]


def _outline(pdf: Any) -> Iterator[tuple[int, int, str]]:
    for bookmark in pdf.get_toc():
        destination = bookmark.get_dest()
        index = destination.get_index() if destination else None
        if index is not None:
            yield bookmark.level + 1, index, bookmark.get_title()


def _placed(outline: list[tuple[int, int, str]], pages: list[str], starts: tuple[int, ...]) -> Iterator[Heading]:
    """The outline's entries that are found on their page, each below the one before."""
    page, below = -1, 0
    for level, index, entry in outline:
        if not 0 <= index < len(pages):
            continue
        if index != page:
            page, below = index, 0
        span = _find(entry, pages[index], below)
        if span:
            below = span[1]
            yield Heading(starts[index] + span[0], level, entry)


def _find(entry: str, page: str, start: int) -> tuple[int, int] | None:
    """Where the words of `entry`, with or without a chapter number, fill lines of `page` from `start` on."""
    for words in (entry.split(), _NUMBER.sub("", entry, count=1).split()):
        if not words:
            continue
        pattern = (
            r"^[^\w\n]*(?:(?:\d+|[A-Z])(?:\.\d+)*[.:)]?[^\w\n]+)?" + r"\s+".join(map(re.escape, words)) + r"[^\w\n]*$"
        )
        match = re.compile(pattern, re.I | re.M).search(page, start)
        if match:
            return match.span()
    return None
