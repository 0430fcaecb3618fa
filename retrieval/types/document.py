"""Document: a text with a name, and what loading it found in it, such as headings, tables and pages."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from retrieval.errors import DocumentError
from retrieval.sheet_rows import SheetRow
from retrieval.types.clean_text import clean_line, clean_text
from retrieval.types.ids import document_id
from retrieval.types.metadata import Metadata, checked_metadata

OWN_PART = 0
"""The level of a heading that begins a part of its own, such as a mail in a mailbox. No chunk has text of two parts."""

_LONGEST_LABEL = 20
"""Characters of a printed page number."""


class Heading(NamedTuple):
    """A heading in a document: where its line starts in `Document.text`, its level, and its words.

    Level 1 is the highest that a chunk can reach across; OWN_PART is above it.
    """

    char_start: int
    level: int
    text: str


class Table(NamedTuple):
    """A table in a document: the span of its rows in `Document.text`, and its header row on one line.

    A chunk that holds rows but not the header row gets the header as its innermost heading.
    """

    char_start: int
    char_end: int
    header: str


@dataclass(frozen=True, slots=True)
class Document:
    """A text with a name, and what loading it found.

    source    the name that citations show, and that identifies the document: a document of the same source replaces it.
              For a file, the path that begins with the name of the synced folder.
    text      what all offsets and line numbers refer to. NUL characters are removed (Chroma cannot store them) and lone
              surrogates become U+FFFD (they cannot be encoded).
    metadata  the caller's own, for filters. A value is a str, int, float or bool, or a list or tuple of one of these
              that is not empty. A key is any but those in CHUNK_KEYS. There are at most MAX_METADATA keys, and at most
              MAX_MEMBERS members in all lists together. A tuple becomes a list; in a list of ints and floats the ints
              become floats; numpy's scalars and arrays become Python's; dates and datetimes become ISO strings, which
              filters can order.
    pages     the offset in `text` at which each page starts, page 1 first; empty where there are no pages.
    page_labels  the number printed on each page, such as "iv", or "" for a page without one; empty where no page has
              one. Where it differs from the page's position, the chunk's metadata has it as `page_label`.
    headings  in order of char_start.
    tables    those with a header row, in order of char_start; they do not overlap. The first line is the header row.
    rows      for a spreadsheet: which lines of the text are which rows of its sheets, in order of the lines. The
              metadata of its chunks has `sheet`, `row_start` and `row_end`.
    syntax    the markup language of the text, from which the splitter takes its separators: "text", "markdown", "html",
              or the value of a langchain_text_splitters.Language.
    notices   sentences for people on what the text lacks or may have wrong: "pages 2 to 4 of 9 have no text, ...". The
              document is indexed all the same; the report and the ledger repeat them.

    Raises DocumentError for an empty source or metadata that cannot be stored.
    """

    source: str
    text: str
    title: str | None = None
    metadata: Metadata = field(default_factory=dict)
    pages: tuple[int, ...] = ()
    headings: tuple[Heading, ...] = ()
    tables: tuple[Table, ...] = ()
    syntax: str = "text"
    notices: tuple[str, ...] = ()
    page_labels: tuple[str, ...] = ()
    rows: tuple[SheetRow, ...] = ()

    def __post_init__(self) -> None:
        for name, value, kind in (
            ("source", self.source, str),
            ("text", self.text, str),
            ("metadata", self.metadata, Mapping),
        ):
            if not isinstance(value, kind):
                raise DocumentError(f"A document's {name} must be a {kind.__name__}; got {type(value).__name__}.")
        if not self.source or clean_text(self.source) != self.source:
            raise DocumentError(
                f"A document needs a source: a name that UTF-8 can encode, without NUL; got {self.source!r}."
            )
        object.__setattr__(self, "text", clean_text(self.text))
        object.__setattr__(self, "title", clean_line(self.title) if self.title else None)
        headings = (Heading(start, level, clean_line(text)) for start, level, text in sorted(self.headings))
        object.__setattr__(self, "headings", tuple(heading for heading in headings if heading.text))
        tables = (Table(start, end, clean_line(header)) for start, end, header in sorted(self.tables))
        object.__setattr__(self, "tables", tuple(table for table in tables if table.header))
        object.__setattr__(self, "pages", tuple(sorted(self.pages)))
        object.__setattr__(self, "page_labels", tuple(clean_line(label)[:_LONGEST_LABEL] for label in self.page_labels))
        object.__setattr__(self, "notices", tuple(" ".join(clean_text(notice).split()) for notice in self.notices))
        object.__setattr__(self, "metadata", checked_metadata(self.metadata, source=self.source))

    @property
    def id(self) -> str:
        """32 hexadecimal digits, a hash of the source alone."""
        return document_id(self.source)

    def page_at(self, offset: int) -> int | None:
        """The number of the page, from 1, that has the character at `offset`; None where the document has no pages."""
        return max(1, bisect_right(self.pages, offset)) if self.pages else None

    def page_label_of(self, char_start: int, char_end: int) -> str | None:
        """The numbers printed on the first and last page of a span of `text`, "iv" or "iv–2".

        None where no number is printed, or where those printed are the positions of the pages.
        """
        if not self.pages or len(self.page_labels) != len(self.pages):
            return None
        numbers = [self.page_at(char_start) or 1, self.page_at(max(char_start, char_end - 1)) or 1]
        labels = {number: self.page_labels[number - 1] for number in numbers if self.page_labels[number - 1]}
        if all(label == str(number) for number, label in labels.items()):
            return None
        return "–".join(dict.fromkeys(labels.values()))
