"""Small real files for the loaders' tests."""

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence

import docx
from docx.document import Document as WordDocument


def pdf(
    pages: Sequence[Sequence[str]],
    *,
    title: str = "",
    outline: Sequence[tuple[str, int]] = (),
    encrypted: bool = False,
    labels: str = "",
    annotations: Mapping[int, Sequence[str]] | None = None,
    xfa: str = "",
) -> bytes:
    """A PDF of the given lines on the given pages (Latin-1), with an outline of (entry, index of its page).

    labels   the number tree of page labels: "0 << /S /r >> 2 << /S /D >>"
    xfa      the data of a form that is XFA's
    annotations   those of a page, by its index, as PDF writes what is in their dictionaries; fields of a form too
    """
    count = len(pages)
    first_entry = 4 + 2 * count
    first_annotation = first_entry + len(outline) + 2
    notes = [note for page in sorted(annotations or {}) for note in (annotations or {})[page]]
    numbers = [f"{first_annotation + number} 0 R" for number in range(len(notes))]
    fields = " ".join(number for number, note in zip(numbers, notes, strict=True) if "/Widget" in note)
    form = f"/AcroForm << /Fields [{fields}] /DR << /Font << /F1 3 0 R >> >> >>" if fields else ""
    if xfa:
        form = f"/NeedsRendering true /AcroForm << /Fields [] /XFA [(datasets) {first_annotation + len(notes)} 0 R] >>"
    numbering = f"/PageLabels << /Nums [{labels}] >>" if labels else ""
    objects = {
        1: f"<< /Type /Catalog /Pages 2 0 R /Outlines {first_entry + len(outline)} 0 R {form} {numbering} >>",
        2: f"<< /Type /Pages /Count {count} /Kids [{' '.join(f'{4 + 2 * i} 0 R' for i in range(count))}] >>",
        3: "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    }
    for number, note in enumerate(notes):
        objects[first_annotation + number] = f"<< /Type /Annot {note} >>"
    if xfa:
        objects[first_annotation + len(notes)] = f"<< /Length {len(xfa)} >>\nstream\n{xfa}\nendstream"
    for index, lines in enumerate(pages):
        its = [numbers.pop(0) for _ in (annotations or {}).get(index, ())]
        shown = " ".join(f"({escaped(line)}) Tj T*" for line in lines)
        content = f"BT /F1 12 Tf 14 TL 72 720 Td {shown} ET"
        objects[4 + 2 * index] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * index} 0 R "
            f"/Annots [{' '.join(its)}] "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects[5 + 2 * index] = f"<< /Length {len(content)} >>\nstream\n{content}\nendstream"
    root = first_entry + len(outline)
    for index, (entry, page) in enumerate(outline):
        following = f"/Next {first_entry + index + 1} 0 R" if index + 1 < len(outline) else ""
        objects[first_entry + index] = (
            f"<< /Title ({escaped(entry)}) /Parent {root} 0 R /Dest [{4 + 2 * page} 0 R /Fit] {following} >>"
        )
    objects[root] = f"<< /Type /Outlines /First {first_entry} 0 R /Count {len(outline)} >>" if outline else "<< >>"
    objects[root + 1] = f"<< /Title ({escaped(title)}) >>"
    trailer = f"/Root 1 0 R /Info {root + 1} 0 R"
    if encrypted:
        key = "00" * 32
        objects[first_annotation + len(notes)] = f"<< /Filter /Standard /V 1 /R 2 /O <{key}> /U <{key}> /P -4 >>"
        trailer += f" /Encrypt {first_annotation + len(notes)} 0 R /ID [<00> <00>]"
    return _assembled(objects, trailer)


def _assembled(objects: dict[int, str], trailer: str) -> bytes:
    out = bytearray(b"%PDF-1.4\n")
    table = ["0000000000 65535 f "]
    for number in sorted(objects):
        table.append(f"{len(out):010} 00000 n ")
        out += f"{number} 0 obj\n{objects[number]}\nendobj\n".encode("latin-1")
    start = len(out)
    out += "\n".join(
        ["xref", f"0 {len(table)}", *table, f"trailer << /Size {len(table)} {trailer} >>", "startxref", str(start)]
    ).encode()
    return bytes(out) + b"\n%%EOF\n"


def escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def word(fill: Callable[[WordDocument], object]) -> bytes:
    """A DOCX made by python-docx."""
    document = docx.Document()
    document.core_properties.title = ""
    fill(document)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def with_part(archive: bytes, *, name: str, content: bytes) -> bytes:
    """The archive with one part replaced or added."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for info in old.infolist():
            if info.filename != name:
                new.writestr(info.filename, old.read(info))
        new.writestr(name, content)
    return buffer.getvalue()


def archive(parts: Mapping[str, str | bytes]) -> bytes:
    """A ZIP archive of these members, in this order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return buffer.getvalue()


OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def related(**targets: str) -> str:
    """The relationships of an OOXML part: by id, "type target"."""
    entries = (
        f'<Relationship Id="{identifier}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for identifier, (kind, target) in ((key, value.split()) for key, value in targets.items())
    )
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{"".join(entries)}</Relationships>'


def spreadsheet(sheets: Mapping[str, str]) -> bytes:
    """An XLSX: the XML of each sheet's rows by the sheet's name; style 1 is a date."""
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    entries = "".join(
        f'<sheet name="{name}" sheetId="{number}" r:id="r{number}"/>' for number, name in enumerate(sheets, 1)
    )
    relations = {f"r{number}": f"worksheet worksheets/sheet{number}.xml" for number in range(1, len(sheets) + 1)}
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": related(r1="officeDocument xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook {main} xmlns:r="{OFFICE}"><sheets>{entries}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": related(**relations, s="styles styles.xml"),
        "xl/styles.xml": f'<styleSheet {main}><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>',
    }
    for number, rows in enumerate(sheets.values(), 1):
        parts[f"xl/worksheets/sheet{number}.xml"] = f"<worksheet {main}><sheetData>{rows}</sheetData></worksheet>"
    return archive(parts)


def rows(*values: Sequence[str | float | None], first: int = 1) -> str:
    """The XML of a sheet's rows, from column A on; None is no cell."""
    return "".join(
        f'<row r="{number}">' + "".join(cell(f"{chr(65 + i)}{number}", value) for i, value in enumerate(row)) + "</row>"
        for number, row in enumerate(values, first)
    )


def cell(reference: str, value: str | float | None, *, style: int = 0) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f'<c r="{reference}" t="inlineStr"><is><t>{value}</t></is></c>'
    return f'<c r="{reference}" s="{style}"><v>{value}</v></c>'


def slides(
    shapes: Sequence[str], *, notes: Mapping[int, str] | None = None, extra: Mapping[str, str] | None = None
) -> bytes:
    """A PPTX of the XML of each slide's shapes, with the text of notes by index of the slide.

    Its parts are in the reverse of the slides' order. Each slide's relation "r9" is the part "ppt/extra.xml".
    """
    namespaces = (
        'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
        f'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:r="{OFFICE}" '
        'xmlns:d="http://schemas.openxmlformats.org/drawingml/2006/diagram"'
    )
    count = len(shapes)
    entries = "".join(f'<p:sldId id="{256 + i}" r:id="r{i}"/>' for i in range(count))
    relations = {f"r{i}": f"slide slides/slide{count - i}.xml" for i in range(count)}
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": related(r1="officeDocument ppt/presentation.xml"),
        "ppt/presentation.xml": f"<p:presentation {namespaces}><p:sldIdLst>{entries}</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": related(**relations),
        **(extra or {}),
    }
    for i, content in enumerate(shapes):
        name = f"slide{count - i}.xml"
        tree = f"<p:cSld><p:spTree>{content}</p:spTree></p:cSld>"
        parts[f"ppt/slides/{name}"] = f"<p:sld {namespaces}>{tree}</p:sld>"
        parts[f"ppt/slides/_rels/{name}.rels"] = related(n="notesSlide ../notes/" + name, r9="diagramData ../extra.xml")
        if text := (notes or {}).get(i):
            body = shape(text, placeholder='type="body"') + shape("7", placeholder='type="sldNum"')
            tree = f"<p:cSld><p:spTree>{body}</p:spTree></p:cSld>"
            parts[f"ppt/notes/{name}"] = f"<p:notes {namespaces}>{tree}</p:notes>"
    return archive(parts)


def shape(*paragraphs: str, placeholder: str | None = None) -> str:
    """The XML of a slide's shape; `placeholder` is its attributes where it is one."""
    role = f"<p:ph {placeholder}/>" if placeholder is not None else ""
    text = "".join(f"<a:p><a:r><a:rPr/><a:t>{paragraph}</a:t></a:r></a:p>" for paragraph in paragraphs)
    return f"<p:sp><p:nvSpPr><p:nvPr>{role}</p:nvPr></p:nvSpPr><p:txBody><a:bodyPr/>{text}</p:txBody></p:sp>"


OPEN_DOCUMENT = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in (
        ("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing"), ("style", "style"),
        ("presentation", "presentation"), ("manifest", "manifest"),
    )
)  # fmt: skip


def open_document(body: str, *, kind: str = "text", title: str = "", manifest: str = "", doctype: str = "") -> bytes:
    """An ODT, or with kind="presentation" an ODP, with this XML in its body."""
    styles = '<style:style style:name="P1" style:parent-style-name="Title"/>'
    return archive(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": f"{doctype}<office:document-content {OPEN_DOCUMENT}><office:automatic-styles>{styles}"
            f"</office:automatic-styles><office:body><office:{kind}>{body}</office:{kind}></office:body>"
            "</office:document-content>",
            "meta.xml": f"<office:document-meta {OPEN_DOCUMENT} xmlns:dc='http://purl.org/dc/elements/1.1/'><office:meta>"
            f"<dc:title>{title}</dc:title></office:meta></office:document-meta>",
            "META-INF/manifest.xml": f"<manifest:manifest {OPEN_DOCUMENT}>{manifest}</manifest:manifest>",
        }
    )


def epub(
    chapters: Mapping[str, str],
    *,
    spine: Sequence[str] | None = None,
    title: str = "",
    encryption: str | None = None,
    media_type: str = "application/xhtml+xml",
) -> bytes:
    """An EPUB of XHTML bodies by name; "nav.xhtml" is its navigation, and `spine` the reading order of the names."""
    items = "".join(
        f'<item id="{name}" href="text/{name.replace(" ", "%20")}" media-type="{media_type}"'
        + (' properties="nav"/>' if name == "nav.xhtml" else "/>")
        for name in {*chapters, *(spine or ())}
    )
    order = "".join(f'<itemref idref="{name}"/>' for name in (spine or chapters))
    parts = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
        "OEBPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<metadata><dc:title>{title}</dc:title><dc:language>en-GB</dc:language></metadata>"
        f"<manifest>{items}</manifest><spine>{order}</spine></package>",
    }
    for name, body in chapters.items():
        parts[f"OEBPS/text/{name}"] = (
            '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head>'
            f"<body>{body}</body></html>"
        )
    if encryption is not None:
        parts["META-INF/encryption.xml"] = encryption
    return archive(parts)
