"""What stands on a PDF's page without being part of it: the values of a form's fields, and notes."""

import re
from collections.abc import Callable, Iterator
from ctypes import POINTER, cast, create_string_buffer
from typing import Any, NamedTuple

_HIDDEN = 2 | 32  # annotation flags: hidden, not to be viewed
_PASSWORD = 1 << 13  # a flag of text fields
_NEAR = 250.0
"""Points to the left of a field, or to the right of a box to be ticked, in which its printed label is looked for."""

_MEANINGLESS = re.compile(
    r"(?:text|check|radio|combo|list|form)?\s*(?:box|field|button|group|undefined|untitled)?[\W\d_]*", re.I
)
"""Names that programs give to fields."""

_LINE = 24.0
"""Points: the height of a field that is higher than one line counts as so much, from its top."""

_INDEX = re.compile(r"\[\d+\]")


class _Box(NamedTuple):
    left: float
    bottom: float
    right: float
    top: float


def notes_of(pdf: Any, page: Any, text_page: Any, text: str) -> list[str]:
    """A line for each form field of a page that is filled, "label: value", and the words of each note.

    The label is the field's description, else what is printed beside it, else its name. Notes that only repeat `text`,
    the page's own, are left out, as are hidden fields, passwords, and where links lead.
    """
    import pypdfium2.raw as pdfium

    lines: dict[str, None] = {}
    known = " ".join(text.split())
    for index in range(pdfium.FPDFPage_GetAnnotCount(page)):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        try:
            kind = pdfium.FPDFAnnot_GetSubtype(annotation)
            if kind in (pdfium.FPDF_ANNOT_LINK, pdfium.FPDF_ANNOT_POPUP):
                continue
            if pdfium.FPDFAnnot_GetFlags(annotation) & _HIDDEN:
                continue
            if kind == pdfium.FPDF_ANNOT_WIDGET:
                lines.update(dict.fromkeys(_field(pdf.formenv, annotation, text_page)))
            else:
                note = _string(pdfium.FPDFAnnot_GetStringValue, annotation, b"Contents")
                if " ".join(note.split()) not in known:
                    lines[note] = None
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)
    return list(lines)


def _field(form: Any, annotation: Any, text_page: Any) -> Iterator[str]:
    """The line of a field that has a value."""
    import pypdfium2.raw as pdfium

    kind = pdfium.FPDFAnnot_GetFormFieldType(form, annotation) if form else -1
    is_ticked_box = kind in (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON)
    if kind in (pdfium.FPDF_FORMFIELD_PUSHBUTTON, pdfium.FPDF_FORMFIELD_SIGNATURE):
        return
    if kind == pdfium.FPDF_FORMFIELD_TEXTFIELD and pdfium.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD:
        return
    if is_ticked_box:
        if not pdfium.FPDFAnnot_IsChecked(form, annotation):
            return
        value = _string(pdfium.FPDFAnnot_GetFormFieldExportValue, form, annotation)
    elif form:
        value = ", ".join(_chosen(form, annotation)) or _string(pdfium.FPDFAnnot_GetFormFieldValue, form, annotation)
    else:
        value = ""
    value = value or _string(pdfium.FPDFAnnot_GetStringValue, annotation, b"V")
    if value.strip():
        label = _label(form, annotation, text_page, is_ticked_box=is_ticked_box)
        yield f"{label}: {value}" if label else value


def _chosen(form: Any, annotation: Any) -> Iterator[str]:
    """The options of a choice that are chosen, as they are shown; none of any other field."""
    import pypdfium2.raw as pdfium

    for option in range(pdfium.FPDFAnnot_GetOptionCount(form, annotation)):
        if pdfium.FPDFAnnot_IsOptionSelected(form, annotation, option):
            yield _string(pdfium.FPDFAnnot_GetOptionLabel, form, annotation, option)


def _label(form: Any, annotation: Any, text_page: Any, *, is_ticked_box: bool) -> str:
    import pypdfium2.raw as pdfium

    name = ""
    if form:
        described = _string(pdfium.FPDFAnnot_GetFormFieldAlternateName, form, annotation)
        if described:
            return _line(described)
        name = _string(pdfium.FPDFAnnot_GetFormFieldName, form, annotation)
    box = _box(annotation)
    if box is not None:
        left, right = (box.right, box.right + _NEAR) if is_ticked_box else (box.left - _NEAR, box.left)
        middle = box.top - min(box.top - box.bottom, _LINE) / 2
        printed = text_page.get_text_bounded(left=left, bottom=middle - 1, right=right, top=middle + 1)
        if words := _line(printed):
            return words
    name = _INDEX.sub("", name).rpartition(".")[2]
    return "" if _MEANINGLESS.fullmatch(name) else _line(name)


def _box(annotation: Any) -> _Box | None:
    import pypdfium2.raw as pdfium

    rectangle = pdfium.FS_RECTF()
    if not pdfium.FPDFAnnot_GetRect(annotation, rectangle):
        return None
    return _Box(rectangle.left, rectangle.bottom, rectangle.right, rectangle.top)


def _line(text: str) -> str:
    return " ".join(text.replace("\0", "").split()).rstrip(" :_.…")


def _string(read: Callable[..., int], *arguments: Any) -> str:
    """What a function of PDFium writes as UTF-16 into a buffer, which it takes with its size in bytes at last."""
    import pypdfium2.raw as pdfium

    size = read(*arguments, None, 0)
    if size <= 2:
        return ""
    buffer = create_string_buffer(size)
    read(*arguments, cast(buffer, POINTER(pdfium.FPDF_WCHAR)), size)
    return buffer.raw[: size - 2].decode("utf-16-le", "replace").strip("\0 \t\r\n")
