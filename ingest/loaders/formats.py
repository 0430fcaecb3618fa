"""Which loader reads a file: by its suffix, unless its content says otherwise."""

import codecs
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Protocol

from ingest.loaders.mail.calendar import load_calendar
from ingest.loaders.mail.loader import load_mail
from ingest.loaders.mail.mailbox import is_mail
from ingest.loaders.markup.epub import load_epub
from ingest.loaders.markup.html import load_html
from ingest.loaders.markup.xml import load_xml
from ingest.loaders.office.docx import load_docx
from ingest.loaders.office.opendocument import load_opendocument
from ingest.loaders.office.pdf import load_pdf
from ingest.loaders.office.presentation import load_presentation
from ingest.loaders.office.rtf import load_rtf
from ingest.loaders.office.spreadsheet import load_spreadsheet
from ingest.loaders.office.ziptype import suffix_of_zip
from ingest.loaders.roff.manpage import load_manpage
from ingest.loaders.text.asciidoc import load_asciidoc
from ingest.loaders.text.decoding import HEAD, magic_number, why_binary
from ingest.loaders.text.escapes import load_json, load_properties, load_yaml
from ingest.loaders.text.latex import load_bibtex, load_latex
from ingest.loaders.text.markdown import load_markdown
from ingest.loaders.text.mediawiki import load_mediawiki, load_wikitext
from ingest.loaders.text.notebook import load_notebook
from ingest.loaders.text.org import load_org
from ingest.loaders.text.plain import LANGUAGES, load_code, load_text
from ingest.loaders.text.restructuredtext import load_restructuredtext
from ingest.loaders.text.tabular import load_tabular
from ingest.loaders.text.vcard import load_vcard
from retrieval.types import Document


class Loader(Protocol):
    """Turns one kind of file into a Document."""

    def __call__(self, data: bytes, *, source: str) -> Document: ...


_OFFICE: Mapping[str, Loader] = {
    **dict.fromkeys((".docx", ".docm", ".dotx", ".dotm"), load_docx),
    **dict.fromkeys((".pptx", ".pptm", ".ppsx", ".potx"), load_presentation),
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), load_spreadsheet),
    **dict.fromkeys((".odt", ".ott", ".odp"), load_opendocument),
    ".epub": load_epub,
}
_BINARY: Mapping[str, Loader] = {**_OFFICE, ".pdf": load_pdf, ".rtf": load_rtf}
_SHEETS = frozenset(suffix for suffix, loader in _OFFICE.items() if loader is load_spreadsheet)
_NAMED_AS_OFFICE = frozenset({*_OFFICE, ".doc", ".dot", ".ppt", ".xlt"})
LOADERS: Mapping[str, Loader] = {
    **dict.fromkeys(LANGUAGES, load_code),
    **dict.fromkeys((".txt", ".text", ".log", ".ini", ".cfg", ".conf"), load_text),
    **dict.fromkeys((".json", ".jsonl", ".ndjson", ".jsonc", ".json5", ".geojson", ".har", ".arb"), load_json),
    **dict.fromkeys((".yaml", ".yml", ".toml"), load_yaml),
    ".properties": load_properties,
    **dict.fromkeys((".vcf", ".vcard"), load_vcard),
    **dict.fromkeys((".csv", ".tsv"), load_tabular),
    **dict.fromkeys((".md", ".markdown", ".mdown", ".mdx", ".rmd", ".qmd"), load_markdown),
    **dict.fromkeys((".rst", ".rest"), load_restructuredtext),
    **dict.fromkeys((".adoc", ".asciidoc"), load_asciidoc),
    **dict.fromkeys((".tex", ".latex", ".ltx"), load_latex),
    **dict.fromkeys((".bib", ".bbl"), load_bibtex),
    **dict.fromkeys((".mediawiki", ".wikitext"), load_wikitext),
    ".org": load_org,
    **dict.fromkeys((".html", ".htm", ".xhtml"), load_html),
    **dict.fromkeys((".xml", ".docbook", ".dbk", ".rss", ".atom", ".rdf"), load_xml),
    ".ipynb": load_notebook,
    **dict.fromkeys((".eml", ".emlx", ".mht", ".mhtml"), load_mail),
    **dict.fromkeys((".ics", ".ical", ".vcs"), load_calendar),
    **_BINARY,
}
"""What reads a file, by its suffix in lower case."""

_ARCHIVES = frozenset({".zip", ".jar", ".whl", ".apk"})
_ZIP, _OLE = b"PK", b"\xd0\xcf\x11\xe0"
_BEGINNING = rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.{0,1000}?-->\s*)?<(?:!doctype\s+)?"
_HTML = re.compile(_BEGINNING + rb"html\b", re.I | re.S)
_PART_OF_HTML = re.compile(
    _BEGINNING + rb"(?:head|body|meta|style|table|div|center|font|span|p|b|h[1-6])\b", re.I | re.S
)
_SVG = re.compile(_BEGINNING + rb"svg[\s>]", re.I | re.S)
_MEDIAWIKI = re.compile(_BEGINNING + rb"mediawiki[\s>]", re.S)
_JSON = re.compile(rb"""(?:\xef\xbb\xbf)?\s*(?:\[\s*)?\{\s*"[^"\n]{1,200}"\s*:""")
_XML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml\s|!DOCTYPE\s+\w+\s+PUBLIC\s+\S{0,20}OASIS//DTD DocBook"
    rb"|\w+\s[^>]{0,1000}http://(?:docbook\.org/ns/docbook|www\.w3\.org/2005/Atom)|rss\s)"
)
_RTF = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{\s*\\rtf")
_MANUAL_SUFFIX = re.compile(r"\.(?:[1-9]\w*|[nl]|man|mdoc)")
_ROFF = re.compile(rb"""^(?:[.'][ \t]*(?:TH|Dd|Dt|SH|Sh|so)\b|[.']\\")""", re.M)
_CALENDAR = re.compile(rb"(?:\xef\xbb\xbf)?\s*BEGIN:VCALENDAR\b", re.I)
_VCARD = re.compile(rb"(?:\xef\xbb\xbf)?\s*BEGIN:VCARD\b", re.I)
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NO_MAIL = frozenset({".patch", ".diff"})  # git writes them as mails; what people cite is their lines
_MAY_BE_MAIL = frozenset({".txt", ".text"})
_MAILDIR_NAME = re.compile(r"[:;!]2,[A-Za-z]*$")
"""How the name of a mail that was seen ends: :2, and letters of what was done with it."""

_PDF_HEADER = 1024  # readers look for it in so many bytes


def refusal(head: bytes, *, name: str) -> str | None:
    """Why no loader can read the file of that name that starts with `head`, its first HEAD bytes; None where one may.

    Only what is surely of no use is refused: a ZIP archive may be a document, whatever its suffix.
    """
    suffix = _suffix(name)
    if suffix in {".svg", ".svgz"} or _SVG.match(head):
        return (
            "it is an SVG image, which no loader reads; set a converter for its suffix, or ignore it in "
            ".retrievalignore"
        )
    magic = magic_number(head)
    is_left_to_loader = (
        magic == "PDF"
        or (head.startswith(_ZIP) and suffix not in _ARCHIVES)
        or (head.startswith(_OLE) and suffix in _OFFICE)
        or (magic is None and suffix in _BINARY)  # which says what is damaged
    )
    return None if is_left_to_loader else why_binary(head)


def loader_of(data: bytes, *, name: str) -> Loader:
    """What reads the file of that name that holds `data`, if anything does."""
    if not data:
        return load_text
    suffix = _suffix(name)
    head = data[:HEAD]
    if magic_number(head) == "PDF" or (suffix == ".pdf" and b"%PDF-" in data[:_PDF_HEADER]):
        return load_pdf
    if data.startswith(_ZIP) and (actual := suffix_of_zip(data)):
        return LOADERS[actual]
    if _RTF.match(head):
        return load_rtf
    if _MAILDIR_NAME.search(name):
        return load_mail
    is_wide = head.startswith(_UTF_16)
    if suffix in _BINARY and ((0 in head and not is_wide) or why_binary(head)):
        return _BINARY[suffix]
    return _text_loader(head[2:].replace(b"\0", b"") if is_wide else head, suffix)


def _text_loader(head: bytes, suffix: str) -> Loader:
    known = None if suffix in _BINARY else LOADERS.get(suffix)
    if known in (None, load_xml) and _MEDIAWIKI.match(head):
        return load_mediawiki
    if (known is None and suffix not in _NO_MAIL) or suffix in _MAY_BE_MAIL:
        if is_mail(head):
            return load_mail
        if _CALENDAR.match(head):
            return load_calendar
        if _VCARD.match(head):
            return load_vcard
    if known is load_html and is_mail(head):  # a page saved as one file
        return load_mail
    if known in (None, load_xml, load_mail) and _HTML.match(head):
        return load_html
    if suffix in _NAMED_AS_OFFICE and _PART_OF_HTML.match(head):  # the tables that web sites and SAP write as .xls
        return load_html
    if known in (None, load_text) and _JSON.match(head):  # a log of JSON lines, say
        return load_json
    if known is None and _XML.match(head):
        return load_xml
    if known is None and _MANUAL_SUFFIX.fullmatch(suffix) and _ROFF.search(head):
        return load_manpage
    if suffix in _SHEETS:  # the same as plain rows
        return load_tabular
    return known or load_text


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
