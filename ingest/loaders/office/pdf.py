"""PDF: the text of its pages, by PDFium."""

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import accumulate, groupby
from typing import Any, NamedTuple

from ingest.loaders.office.ocr import NoTextError
from ingest.loaders.office.pdf_annotations import notes_of
from ingest.loaders.office.pdf_contents import bare, without_contents_lines
from ingest.loaders.office.pdf_running_lines import LEAST_PAGES, without_running_lines
from ingest.loaders.office.pdf_short import without_page_numbers
from ingest.loaders.office.pdf_xfa import xfa_values
from ingest.loaders.titles import meaningful_title
from ingest.skip_reasons import is_blank
from retrieval.errors import LoadError
from retrieval.types import Document, Heading

_PAGE_BREAK = "\n\n"
_PDFIUM = threading.Lock()  # PDFium is not thread-safe, not even between documents
_SOFT_HYPHEN = re.compile("(\\w{0,40})[\x02\ufffe]\n*(\\w{0,40})")  # PDFium's hyphen at a line end
_NUMBER = re.compile(r"(?:(?:chapter|section|part|appendix)\s+)?(?:\d+|[A-Z]|[IVXLC]+)(?:\.\d+)*[.:)]?\s+", re.I)


_LITTLE_TEXT = 200
"""Characters: as many as what runs along the edges of a page."""

_MOST_RANGES = 8
"""Of pages, that a notice names."""


class _Page(NamedTuple):
    """notes   the lines of its form fields and annotations
    label   the page number that the file gives it, "" where it gives none
    is_picture   whether it holds a picture and little text, as a scan does"""

    text: str
    notes: list[str]
    label: str
    is_picture: bool


def load_pdf(data: bytes, *, source: str) -> Document:
    """The pages' text, a blank line apart, with words joined again that were hyphenated at the end of a line.

    Values of form fields and notes stand below the text of their page. Running headers and footers, page numbers and
    the lines of a printed table of contents are left out. Headings are the entries of the outline whose text stands on
    their page. The title is that of the metadata, else the words that run through the pages. The printed page numbers
    are those that the file declares, else those that stand on the pages.

    Raises LoadError for a file that is damaged or encrypted, and its subclass NoTextError where no page has text.
    """
    with _PDFIUM:
        read, outline, title = _read(data)
    texts = _dehyphenated([page.text for page in read])
    headings_of: dict[int, set[str]] = {}
    for _, index, entry in outline:
        headings_of.setdefault(index, set()).add(bare(entry))
    if len(texts) < LEAST_PAGES:
        cleaned = without_page_numbers(texts, headings_of, [page.label for page in read])
    else:
        cleaned = without_running_lines(texts, kept=headings_of)
    texts = without_contents_lines(cleaned.pages)
    pages = ["\n\n".join(filter(None, [text, *page.notes])) for text, page in zip(texts, read, strict=True)]
    without_text = [
        number
        for number, (page, text) in enumerate(zip(read, cleaned.pages, strict=True), 1)
        if not page.notes and is_blank(text if page.is_picture else page.text)
    ]
    if len(without_text) == len(pages):
        has_none = "its only page has no text" if len(pages) == 1 else f"none of its {len(pages)} pages has text"
        raise NoTextError(
            f"{has_none}, so it is probably scanned; set `ocr_command` in the configuration, "
            'e.g. "ocrmypdf --quiet - -", to recognise it'
        )
    starts = tuple(accumulate((len(page) + len(_PAGE_BREAK) for page in pages[:-1]), initial=0))
    labels = [page.label or number for page, number in zip(read, cleaned.numbers, strict=True)]
    return Document(
        source,
        _PAGE_BREAK.join(pages),
        title=title or meaningful_title(cleaned.running),
        pages=starts,
        page_labels=tuple(labels) if any(labels) else (),
        headings=tuple(sorted(_placed(outline, pages, starts))),
        notices=tuple(_notices(without_text, len(pages))),
    )


def _notices(without_text: Sequence[int], count: int) -> Iterator[str]:
    """What of the file could not be read: the numbers of pages without text."""
    if without_text:
        runs = groupby(enumerate(without_text), lambda at: at[1] - at[0])
        ranges = [[number for _, number in run] for _, run in runs]
        named = [f"{run[0]} to {run[-1]}" if len(run) > 1 else f"{run[0]}" for run in ranges]
        if len(named) > _MOST_RANGES:
            named = [*named[:_MOST_RANGES], f"{sum(map(len, ranges[_MOST_RANGES:]))} more"]
        listed = " and ".join(filter(None, [", ".join(named[:-1]), named[-1]]))
        pages, have = ("page", "has") if len(without_text) == 1 else ("pages", "have")
        yield (
            f"{pages} {listed} of {count} {have} no text: blank or scanned; have scans recognised, e.g. with "
            "`ocrmypdf --skip-text`"
        )


def _read(data: bytes) -> tuple[list[_Page], list[tuple[int, int, str]], str | None]:
    """The pages, the outline as (level from 1, index of the page, text), and the title."""
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise LoadError(_reason(error)) from error
    try:
        with suppress(pypdfium2.PdfiumError):  # a form that cannot be opened costs its values alone
            pdf.init_forms()
        pages = [_page(pdf, index) for index in range(len(pdf))]
        if pages and pdf.get_formtype() == pypdfium2.raw.FORMTYPE_XFA_FULL:
            pages[0] = pages[0]._replace(notes=[*pages[0].notes, *xfa_values(pdf)])
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


def _page(pdf: Any, index: int) -> _Page:
    from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

    page = pdf[index]
    try:
        text_page = page.get_textpage()
        try:
            text = _clean(text_page.get_text_bounded())
            notes = [_clean(note) for note in notes_of(pdf, page, text_page, text)]
            is_picture = len(text) <= _LITTLE_TEXT and any(page.get_objects([FPDF_PAGEOBJ_IMAGE], max_depth=3))
        finally:
            text_page.close()
    finally:
        page.close()
    return _Page(text, notes, pdf.get_page_label(index), is_picture)


def _clean(text: str) -> str:
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
