"""Small real files for the loaders' tests."""

import io
import zipfile
from collections.abc import Callable, Sequence

import docx
from docx.document import Document as WordDocument


def pdf(
    pages: Sequence[Sequence[str]],
    *,
    title: str = "",
    outline: Sequence[tuple[str, int]] = (),
    encrypted: bool = False,
) -> bytes:
    """A PDF of the given lines on the given pages (Latin-1), with an outline of (entry, index of its page)."""
    count = len(pages)
    first_entry = 4 + 2 * count
    objects = {
        1: f"<< /Type /Catalog /Pages 2 0 R /Outlines {first_entry + len(outline)} 0 R >>",
        2: f"<< /Type /Pages /Count {count} /Kids [{' '.join(f'{4 + 2 * i} 0 R' for i in range(count))}] >>",
        3: "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    }
    for index, lines in enumerate(pages):
        shown = " ".join(f"({escaped(line)}) Tj T*" for line in lines)
        content = f"BT /F1 12 Tf 14 TL 72 720 Td {shown} ET"
        objects[4 + 2 * index] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * index} 0 R "
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
        objects[root + 2] = f"<< /Filter /Standard /V 1 /R 2 /O <{key}> /U <{key}> /P -4 >>"
        trailer += f" /Encrypt {root + 2} 0 R /ID [<00> <00>]"
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
