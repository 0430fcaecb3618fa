"""The values that travel through the pipeline: Document -> Chunk, and DocumentRecord in the ledger.

A search turns chunks into the hits of retrieval.search_hits."""

import hashlib
import math
import re
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import DocumentError
from retrieval.sheet_rows import SheetRow

Scalar = str | int | float | bool
MetadataValue = Scalar | Sequence[Scalar]
Metadata = Mapping[str, MetadataValue]
Vectors = NDArray[np.float32]
Status = Literal["indexing", "ready", "failed", "skipped"]

CHUNK_KEYS = frozenset(
    {
        "document_id", "source", "ordinal", "char_start", "char_end", "line_start", "line_end", "page", "page_end",
        "tokens", "headings", "title",
    }
)  # fmt: skip
"""What every chunk's metadata has; a document's own metadata may not use these names."""

PAGE_LABEL = "page_label"
"""What a passage's metadata has where the numbers printed on its pages are not the pages' own: "iv" or "iv–2"."""

FILE_KEYS = frozenset({"folder", "suffix", "modified", "language"})
"""What every chunk of a synced file has besides: the folder's name, the suffix in lower case (".md"), when the file was
modified, in whole seconds since the epoch, and the language that it is analysed in ("english")."""

MAX_METADATA = 1_000
"""Keys of a document's own metadata. Chroma fails for good on one with ten times as many."""

MAX_MEMBERS = 1_000
"""Members of all lists in a document's own metadata together. Chroma fails for good on six times as many."""

OWN_PART = 0
"""The level of a heading that no chunk reaches across."""

_LONGEST_HEADING = 500
_LONGEST_LABEL = 20
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def digest(*parts: str) -> str:
    """128 bits of BLAKE2b over the parts, as 32 hexadecimal digits; ("ab", "c") and ("a", "bc") differ."""
    h = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        h.update(len(data).to_bytes(8, "little"))
        h.update(data)
    return h.hexdigest()


def clean_text(text: str) -> str:
    """Without NUL, which Chroma cannot store, and with U+FFFD for lone surrogates, which nothing can encode."""
    return text if text.isascii() and "\0" not in text else _LONE_SURROGATE.sub("\ufffd", text.replace("\0", ""))


def _line(text: str) -> str:
    """Clean, on one line, and no longer than a heading can be: every chunk below it carries it."""
    return " ".join(clean_text(text).split())[:_LONGEST_HEADING].rstrip()


def as_stored(value: object) -> object:
    """A date or datetime as an ISO string ("2024-03-05", "2024-03-05T10:00:00+01:00"), a scalar of numpy as Python's;
    any other value as it is."""
    if isinstance(value, np.datetime64) and not np.isnat(value):
        is_date = np.datetime_data(value.dtype)[0] in ("Y", "M", "W", "D")
        value = value.astype("datetime64[D]" if is_date else "datetime64[us]").item()
    elif isinstance(value, np.generic):
        value = value.item()
    return value.isoformat() if isinstance(value, date) else value


def document_id(source: str) -> str:
    """32 hexadecimal digits, a hash of the source alone."""
    return digest(source)


class Heading(NamedTuple):
    """A heading in a document: where its line starts in `Document.text`, its level (1 is the highest), its words.

    Above them, level OWN_PART is that of what stands for itself, such as a mail in a mailbox: no chunk holds words from
    both sides of it.
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

    source    the name it is cited by and replaced by; for files the path from the synced folder's own name on.
    text      what spans and lines refer to. NUL characters are removed (Chroma cannot store them) and lone
              surrogates become U+FFFD (nothing can encode them).
    metadata  the caller's own, filterable: values of str, int, float or bool, or lists (tuples) of one of these that
              are not empty, under any key but those in CHUNK_KEYS; MAX_METADATA keys and, in all lists together,
              MAX_MEMBERS members at most. A tuple becomes a list; ints beside floats in a list become floats; values
              and arrays of numpy become Python's, dates and datetimes ISO strings, which filters can order.
    pages     the offset in `text` at which each page starts, page 1 first; empty where there are no pages.
    page_labels  the number printed on each page, "iv", "" where there is none; empty where no page has one. Where it
              is not the page's own, its passages have it in their metadata, as `page_label`.
    headings  in order of char_start.
    tables    those with a header row, in order of char_start; they do not overlap. The first line is the header row.
    rows      of a spreadsheet, which lines are which rows of its sheets, in order of the lines; its passages have
              theirs in the metadata, as `sheet`, `row_start` and `row_end`.
    syntax    what the text is written in, for the splitter's separators: "text", "markdown", "html", or the value of
              a langchain_text_splitters.Language.
    notices   what the text lacks or is unsure of, for people: "pages 2 to 4 of 9 have no text, ...". The document is
              indexed; the report and the ledger tell them.

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
        object.__setattr__(self, "title", _line(self.title) if self.title else None)
        headings = (Heading(start, level, _line(text)) for start, level, text in sorted(self.headings))
        object.__setattr__(self, "headings", tuple(heading for heading in headings if heading.text))
        tables = (Table(start, end, _line(header)) for start, end, header in sorted(self.tables))
        object.__setattr__(self, "tables", tuple(table for table in tables if table.header))
        object.__setattr__(self, "pages", tuple(sorted(self.pages)))
        object.__setattr__(self, "page_labels", tuple(_line(label)[:_LONGEST_LABEL] for label in self.page_labels))
        object.__setattr__(self, "notices", tuple(" ".join(clean_text(notice).split()) for notice in self.notices))
        if len(self.metadata) > MAX_METADATA:
            raise DocumentError(
                f"{self.source}: the metadata has {len(self.metadata):,} keys, and {MAX_METADATA:,} are kept at most; "
                "leave out those that no search filters by."
            )
        metadata = {key: self._checked(key, value) for key, value in self.metadata.items()}
        members = sum(len(value) for value in metadata.values() if isinstance(value, list))
        if members > MAX_MEMBERS:
            raise DocumentError(
                f"{self.source}: the lists in the metadata have {members:,} members, and {MAX_MEMBERS:,} are kept at "
                "most; leave out those that no search filters by."
            )
        object.__setattr__(self, "metadata", metadata)

    def _checked(self, key: str, value: object) -> MetadataValue:
        if (
            not isinstance(key, str)
            or key in CHUNK_KEYS
            or not key
            or key.startswith(("$", "#", "chroma:"))
            or clean_text(key) != key
        ):
            raise DocumentError(f"{self.source}: metadata key {key!r} is taken by the index or Chroma; rename it.")
        if isinstance(value, np.ndarray) and value.ndim == 1:
            value = list(value)
        if not isinstance(value, list | tuple):
            return self._checked_scalar(key, value, verb="is")
        members: list[Any] = [self._checked_scalar(key, member, verb="holds") for member in value]
        kinds = sorted({type(member).__name__ for member in members})
        if kinds == ["float", "int"]:
            members = [float(member) for member in members]
        elif len(kinds) > 1:
            raise DocumentError(
                f"{self.source}: metadata {key!r} is a list of {' and '.join(kinds)}; a list holds values of one type."
            )
        if not members:
            raise DocumentError(
                f"{self.source}: metadata {key!r} is an empty list, which Chroma cannot store; leave the key out."
            )
        return members

    def _checked_scalar(self, key: str, value: object, *, verb: str) -> Scalar:
        """As a plain str, bool, int or float: a subclass becomes its base."""
        value = as_stored(value)
        if isinstance(value, str):
            return clean_text(value[:])
        if isinstance(value, bool):
            return value
        if not isinstance(value, int | float):
            raise DocumentError(
                f"{self.source}: metadata {key!r} {verb} a {type(value).__name__}; Chroma filters str, int, float and "
                "bool values and lists of these, so convert it or leave it out."
            )
        fits = -(2**63) <= value < 2**63 if isinstance(value, int) else math.isfinite(value)
        if not fits:
            raise DocumentError(
                f"{self.source}: metadata {key!r} {verb} {value}, which 64 bits cannot hold; make it a string."
            )
        return int(value) if isinstance(value, int) else float(value)

    @property
    def id(self) -> str:
        """32 hexadecimal digits, a hash of the source alone."""
        return document_id(self.source)

    def page_at(self, offset: int) -> int | None:
        """The 1-based page on which the character at `offset` stands; None where the document has no pages."""
        return max(1, bisect_right(self.pages, offset)) if self.pages else None

    def page_label_of(self, char_start: int, char_end: int) -> str | None:
        """The numbers printed on the pages of that span, "iv" or "iv–2"; None where these are the pages' own."""
        if not self.pages or len(self.page_labels) != len(self.pages):
            return None
        numbers = [self.page_at(char_start) or 1, self.page_at(max(char_start, char_end - 1)) or 1]
        labels = {number: self.page_labels[number - 1] for number in numbers if self.page_labels[number - 1]}
        if all(label == str(number) for number, label in labels.items()):
            return None
        return "–".join(dict.fromkeys(labels.values()))


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of a document: `document.text[char_start:char_end] == text`.

    Lines and pages count from 1, `ordinal` from 0; `line_end` and `page_end` are those of the last character. `tokens`
    counts the whole string that is embedded: special tokens, passage prefix, context header and text.
    """

    id: str
    document_id: str
    source: str
    text: str
    ordinal: int
    char_start: int
    char_end: int
    line_start: int
    line_end: int
    page: int | None
    page_end: int | None
    tokens: int
    headings: tuple[str, ...]
    title: str | None
    metadata: Metadata = field(default_factory=dict)


def document_metadata(chunks: Sequence[Chunk]) -> dict[str, MetadataValue]:
    """A document's own metadata: what all its chunks share; a page label is a chunk's alone."""
    shared = dict(chunks[0].metadata) if chunks else {}
    return {key: value for key, value in shared.items() if all(chunk.metadata.get(key) == value for chunk in chunks)}


def chunk_ids(source: str, texts: Sequence[str]) -> list[str]:
    """One id for each chunk of a document: a hash of the source, the text, and how often the text came before.

    Position is no part of it, so a paragraph that moves within its document keeps its id.
    """
    seen: dict[str, int] = {}
    ids = []
    for text in texts:
        occurrence = seen[text] = seen.get(text, 0) + 1
        ids.append(digest(source, text, str(occurrence)))
    return ids


def folder_of(source: str, folders: Collection[str]) -> str:
    """The synced folder, of those of these names, whose documents alone have sources such as this; "" for none."""
    name = source.partition("/")[0]
    return name if name in folders else ""


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """The ledger's entry for one document.

    folder        the name of the synced folder it came from; "" for a document added from memory.
    content_hash  of the file's bytes, or of text and metadata; "" before anything was committed.
    size, mtime_ns, indexed_ns   bytes, and nanoseconds since the epoch; 0 for a document added from memory.
    status        "ready", with the document's notices for a reason; "indexing" while a write is under way; "failed"
                  with a reason, where the chunks are those of the last version that could be read; "skipped" for a file
                  that, with a reason, holds nothing to index.
    fingerprint   Fingerprint.id of what made the chunks; "" where nothing has.
    language      how its text is analysed for BM25: a language of retrieval.analysis; "" where nothing was indexed yet.
    chunk_ids     the chunks that belong to it, in order. No other chunk of it is ever returned by a search.
    read_as       how the file was read: documents.READING, and which sidecar; "" where that is not known. Another one
                  means that it is to be read again.
    given         JSON of the metadata that a caller of `sync` gave it; "" for none.
    ctime_ns, inode   of the file: when its content or name last changed, in nanoseconds since the epoch, and its number
                  in its file system; 0 where they are not known.
    """

    id: str
    source: str
    folder: str
    content_hash: str
    size: int
    mtime_ns: int
    indexed_ns: int
    status: Status
    reason: str
    fingerprint: str
    title: str | None
    language: str
    chunk_ids: tuple[str, ...]
    ctime_ns: int = 0
    inode: int = 0
    read_as: str = ""
    given: str = ""

    @classmethod
    def begun(cls, source: str, *, folder: str = "", content_hash: str = "", indexed_ns: int = 0) -> Self:
        """A document that has no chunks yet."""
        return cls(
            id=document_id(source),
            source=source,
            folder=folder,
            content_hash=content_hash,
            size=0,
            mtime_ns=0,
            indexed_ns=indexed_ns,
            status="indexing",
            reason="",
            fingerprint="",
            title=None,
            language="",
            chunk_ids=(),
        )


class SyncedFolder(NamedTuple):
    """A folder that an index is kept in step with: its absolute path, and the patterns that chose its files when it
    was last synced."""

    path: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class Encoder(Protocol):
    """What the index needs of an embedding model."""

    @property
    def dimension(self) -> int: ...

    def embed_queries(self, queries: Sequence[str]) -> Vectors:
        """float32 [n, dimension], unit rows."""
        ...

    def embed_passages(self, passages: Sequence[str]) -> Vectors:
        """float32 [n, dimension], unit rows."""
        ...


@runtime_checkable
class Reranker(Protocol):
    """What `search(rerank=...)` needs of a cross-encoder."""

    def score(self, query: str, passages: Sequence[str]) -> NDArray[np.float64]:
        """float64 [n]; higher is better."""
        ...
