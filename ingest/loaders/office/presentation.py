"""PPTX: slides in order, with their titles, tables, charts, diagrams, notes and comments, by lxml over the zip."""

from collections.abc import Iterator
from typing import Any

from ingest.loaders.office.archive import Archive, refuse_ole
from ingest.loaders.office.drawings import Drawings, is_title, placeholder
from ingest.loaders.office.ooxml import core_title, main_part, related_parts, relation_id, relationships
from ingest.loaders.office.xml_elements import attribute, child, child_text, children
from ingest.loaders.text_builder import TextBuilder
from retrieval.types import Document

_SAME_ON_EVERY_SLIDE = frozenset({"ftr", "hdr"})


def load_presentation(data: bytes, *, source: str) -> Document:
    """The slides' text, slide n on page n, hidden slides included; speaker notes and comments follow each slide.

    A slide's title is a heading; the rows of a table or of a chart's values are lines with " | " between the cells. A
    footer that slides share is written once. The title is that of the properties, else the first heading.

    Raises LoadError for a file that is damaged, encrypted, or unpacks to more than MAX_UNPACKED bytes.
    """
    refuse_ole(data, suffix=".pptx")
    archive = Archive(data, kind="PPTX")
    main = main_part(archive, usual="ppt/presentation.xml", what="a PowerPoint presentation")
    writer = _SlideWriter(archive, _authors(archive, main))
    for slide in _slides(archive, main):
        writer.write(slide)
    builder = writer.builder
    title = core_title(archive) or next((heading.text for heading in builder.headings), None)
    return builder.document(source, title=title)


def _slides(archive: Archive, main: str) -> Iterator[str]:
    """The names of the slides' parts, in the order in which they are shown."""
    related = relationships(archive, main)
    for entry in children(archive.xml(main), "sldIdLst"):
        relation = relation_id(entry)
        if relation in related and related[relation].target in archive:
            yield related[relation].target


def _authors(archive: Archive, main: str) -> dict[str, str]:
    """The names of those who comment, by their ids."""
    roots = [root for kind in ("commentAuthors", "authors") for root in related_parts(archive, main, kind)]
    return {author.get("id", ""): author.get("name", "") for root in roots for author in root.iterchildren("{*}*")}


class _SlideWriter:
    def __init__(self, archive: Archive, authors: dict[str, str]) -> None:
        self.builder = TextBuilder()
        self._archive, self._authors = archive, authors
        self._furniture: set[str] = set()  # footers written so far

    def write(self, slide: str) -> None:
        self.builder.begin_page()
        root = self._archive.xml(slide)
        if root is not None:
            shapes = [shape for shape in _shapes(root) if self._is_new(shape)]
            drawings = Drawings(self._archive, slide, self.builder)
            drawings.write(sorted(shapes, key=lambda shape: not is_title(shape)))
        for notes in related_parts(self._archive, slide, "notesSlide"):
            Drawings(self._archive, None, self.builder).write(filter(self._is_new, _shapes(notes)))
        for comments in related_parts(self._archive, slide, "comments"):
            self._write_comments(comments, Drawings(self._archive, None, self.builder))

    def _is_new(self, shape: Any) -> bool:
        """Whether the shape is anything but a footer that a slide before has too."""
        if placeholder(shape) not in _SAME_ON_EVERY_SLIDE:
            return True
        words = " ".join("".join(part.text or "" for part in shape.iter("{*}t")).split())
        is_new = words not in self._furniture
        self._furniture.add(words)
        return is_new

    def _write_comments(self, comments: Any, drawings: Drawings) -> None:
        """Write comments and replies, in the form of 2007 or that of 2021, each behind its author's name."""
        for comment in comments.iter("{*}cm", "{*}reply"):
            author = self._authors.get(attribute(comment, "authorId") or "", "")
            self.builder.paragraph()
            self.builder.write(f"{author}: " if author else "")
            self.builder.write(child_text(comment, "text") or "")
            for paragraph in children(comment, "txBody"):
                drawings.write(paragraph)
                self.builder.write(" ")
            self.builder.paragraph()


def _shapes(root: Any) -> list[Any]:
    return children(child(root, "cSld"), "spTree")
