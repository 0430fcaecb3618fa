"""The text of one part of a DOCX: its body, a header or footer, its notes or its comments."""

from collections.abc import Callable
from typing import Any

from ingest.loaders.office.archive import Archive
from ingest.loaders.office.docx_fields import Fields, is_page_number, symbol
from ingest.loaders.office.docx_styles import OFF, Styles
from ingest.loaders.office.drawings import BEFORE, Drawings, description
from ingest.loaders.office.ooxml import chosen, relation_id, relationships
from ingest.loaders.office.xml_elements import attribute, child, child_value, local_name, write_all
from ingest.loaders.text_builder import TextBuilder

_DROPPED = frozenset(
    {"pPr", "rPr", "tblPr", "tblGrid", "trPr", "tcPr", "sectPr", "sdtPr", "del", "moveFrom", "rt"}
)  # the last is how ruby text is read
_INTEGRAL = "∫"


class BodyWriter:
    """Writes what stands in one part.

    write_whole  is called with the bytes of a document that this one takes in whole, to write it.
    page_number  what is written for the number of a page, which is another on each.
    """

    def __init__(
        self,
        archive: Archive,
        part: str,
        styles: Styles,
        builder: TextBuilder,
        *,
        write_whole: Callable[[bytes], None],
        page_number: str = "",
    ) -> None:
        self._archive, self._styles, self._builder = archive, styles, builder
        self._targets = {id_: relation.target for id_, relation in relationships(archive, part).items()}
        self._drawings = Drawings(archive, part, builder)
        self._write_whole = write_whole
        self._page_number = page_number
        self._titles: list[str] = []
        self._stack: list[Any] = []  # elements still to be written, and calls that end one
        self._anchored: list[Any] = []  # what follows the paragraph that is being written
        self._author = ""
        self._fields = Fields()

    def write(self, root: Any) -> list[str]:
        """Write what is under `root`; return the texts of its paragraphs in the style "Title"."""
        self._stack = [self._end_paragraph, root]
        write_all(self._stack, self._write_element)
        return self._titles

    def _write_element(self, element: Any) -> None:
        tag = local_name(element)
        if tag in _DROPPED or self._is_left_out(element, tag):
            return
        if tag == "AlternateContent":
            self._stack.extend(reversed(chosen(element)))
        elif tag == "txbxContent":
            self._anchored += element
        elif tag in {"chart", "relIds"}:
            self._anchored.append(lambda: self._drawings.write([element]))
        else:
            self._stack.extend(self._begin(element, tag))
            self._stack.extend(reversed(element))

    def _is_left_out(self, element: Any, tag: str) -> bool:
        """Whether it was deleted, is hidden, or repeats what stands elsewhere."""
        if tag == "r" and self._styles.is_hidden(element):
            for part in element.iterchildren("{*}fldChar"):
                self._fields.follow(part)
            return True
        if tag == "tr":
            return child(child(element, "trPr"), "del") is not None
        if tag == "tc":
            return child(child(element, "tcPr"), "cellDel") is not None
        if tag == "fldSimple":
            is_number = is_page_number(attribute(element, "instr") or "")
            self._builder.write(self._page_number if is_number else "")
            return is_number
        if tag == "p":
            names = self._styles.names(element)
            return bool(names) and names[0].startswith("toc ")
        return False

    def _begin(self, element: Any, tag: str) -> list[Callable[[], None]]:
        """Write what stands before the element's children; return what is to be called after them, last first."""
        builder = self._builder
        if tag == "t":
            hidden = self._page_number if self._fields.are_page_numbers else ""
            builder.write(element.text or "" if self._fields.are_shown else hidden)
        elif tag == "sym":
            builder.write(symbol(attribute(element, "font") or "", attribute(element, "char") or ""))
        elif tag == "instrText":
            self._fields.instruct(element.text or "")
        elif tag == "fldChar":
            builder.write(self._fields.follow(element))
        elif tag in {"tab", "ptab"}:
            builder.write(" ")
        elif tag == "noBreakHyphen":
            builder.write("-")
        elif tag in {"br", "cr", "tr"}:
            builder.line()
        elif tag in BEFORE:
            builder.write(BEFORE[tag])
        elif tag == "nary":
            builder.write(child_value(child(element, "naryPr"), "chr") or _INTEGRAL)
        elif tag == "tbl":
            return self._begin_table(element)
        elif tag == "tc" and self._is_data(element):
            builder.begin_cell()
            return [builder.end_cell]
        elif tag == "p":
            return self._begin_paragraph(element)
        else:
            self._begin_other(element, tag)
        return []

    def _begin_other(self, element: Any, tag: str) -> None:
        if tag == "comment" and any(local_name(part) == "t" for part in element.iter()):
            self._author = attribute(element, "author") or ""
        elif tag == "altChunk":
            self._write_whole(self._archive.read(self._targets.get(relation_id(element), "")))
        elif tag == "textpath":  # lettering that is drawn, such as a watermark
            text = attribute(element, "string") or ""
            self._anchored.append(lambda: self._write_block(text))
        elif tag == "docPr" and (text := description(element) or ""):
            self._anchored.append(lambda: self._write_block(text))

    def _begin_paragraph(self, paragraph: Any) -> list[Callable[[], None]]:
        builder = self._builder
        if "title" in self._styles.names(paragraph):
            self._titles.append("".join(text.text or "" for text in paragraph.iter() if local_name(text) == "t"))
        separate = builder.line if child(child(paragraph, "pPr"), "numPr") is not None else builder.paragraph
        separate()
        if self._author:
            builder.write(f"{self._author}: ")
            self._author = ""
        if level := self._styles.level(paragraph):
            builder.begin_heading(level)
            return [self._end_paragraph, separate, builder.end_heading]
        return [self._end_paragraph, separate]

    def _end_paragraph(self) -> None:
        self._fields.end_paragraph()
        anchored, self._anchored = self._anchored, []
        self._stack.extend(reversed(anchored))

    def _begin_table(self, table: Any) -> list[Callable[[], None]]:
        builder = self._builder
        builder.paragraph()
        if not all(self._is_data(cell) for cell in table.iter() if local_name(cell) == "tc"):
            return [builder.paragraph]
        builder.begin_table()
        row = child(child(table, "tr"), "trPr")
        declared = child(row, "tblHeader") is not None and child_value(row, "tblHeader") not in OFF
        return [builder.paragraph, lambda: builder.end_table(has_header=declared or None)]

    def _is_data(self, cell: Any) -> bool:
        """Whether a table cell holds a value, rather than a part of the page's layout."""
        return not any(
            local_name(part) == "tbl" or (local_name(part) == "p" and self._styles.level(part)) for part in cell
        )

    def _write_block(self, text: str) -> None:
        self._builder.paragraph()
        self._builder.write(text)
        self._builder.paragraph()
