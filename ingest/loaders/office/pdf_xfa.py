"""The values of an XFA form: a PDF carries them as XML, and its pages may say no more than "Please wait"."""

from collections.abc import Iterator
from ctypes import c_ulong, create_string_buffer
from typing import Any

from ingest.loaders.office.archive import parse_xml
from ingest.loaders.office.xml_elements import local_name


def xfa_values(pdf: Any) -> list[str]:
    """A line for each field that is filled, "name: value"; none where there is no such form, or it is damaged."""
    from lxml import etree

    try:
        data = parse_xml(_packet(pdf, "datasets"))
    except etree.XMLSyntaxError:
        return []
    return list(dict.fromkeys(_values(data)))


def _values(data: Any) -> Iterator[str]:
    for element in data.iter():
        words = " ".join((element.text or "").split()) if local_name(element) and not len(element) else ""
        if words:
            yield f"{local_name(element)}: {words}"


def _packet(pdf: Any, name: str) -> bytes:
    """A part of the form; empty where there is none of that name."""
    import pypdfium2.raw as pdfium

    for index in range(pdfium.FPDF_GetXFAPacketCount(pdf)):
        size = pdfium.FPDF_GetXFAPacketName(pdf, index, None, 0)
        title = create_string_buffer(size)
        pdfium.FPDF_GetXFAPacketName(pdf, index, title, size)
        if title.value.decode("utf-8", "replace") == name:
            length = c_ulong(0)
            pdfium.FPDF_GetXFAPacketContent(pdf, index, None, 0, length)
            content = create_string_buffer(length.value)
            pdfium.FPDF_GetXFAPacketContent(pdf, index, content, length.value, length)
            return content.raw
    return b""
